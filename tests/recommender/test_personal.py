"""Everything that the recommender stores of a person is exported and erased with her."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from common.privacy import registered_personal_data

from recommender.models import AttentionProfile, Feedback, Impression, Slate

pytestmark = pytest.mark.django_db


@pytest.fixture
def traces(alice: Any, group: Any, did: Callable[..., Any], api: Callable[..., Any]) -> str:
    """A slate that was shown to Alice and answered by her."""
    client = api(alice)
    slate = client.get("/api/v1/recommendations/").json()["slate"]
    did(alice, "shown", "letters-one", context={"slate": slate})
    body = {"item": "letters-one", "signal": "too_hard", "comment": "phew"}
    client.post(f"/api/v1/recommendations/{slate}/feedback/", body, format="json")
    return str(slate)


def entry() -> Any:
    (found,) = (one for one in registered_personal_data() if one.app == "recommender")
    return found


def test_export(alice: Any, charlie: Any, traces: str) -> None:
    sections = {name: list(rows) for name, rows in entry().export(alice.pk)}
    json.dumps(sections)
    assert [slate["slate"] for slate in sections["slates"]] == [traces]
    assert sections["slates"][0]["entries"][0]["item"] == "letters-lesson"
    assert [row["item"] for row in sections["impressions"]] == ["letters-one"]
    (said,) = sections["feedback"]
    assert (said["item"], said["signal"], said["comment"]) == ("letters-one", "too_hard", "phew")
    assert said["features"][0].startswith("item:")
    assert said["withdrawn_at"] is None
    assert [profile["changes"] for profile in sections["attention"]] == [1]
    assert not any(list(rows) for _name, rows in entry().export(charlie.pk))


def test_erase(alice: Any, charlie: Any, traces: str) -> None:
    assert entry().erase(charlie.pk) == 0
    assert entry().erase(alice.pk) == 4
    models = (Slate, Impression, Feedback, AttentionProfile)
    assert not any(model.objects.exists() for model in models)
