"""After a reset the same version with the same exploration seed gives the very list as before, with what she hid."""

import uuid
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final

import practice_course
import pytest
from django.utils import timezone

from recommender.models import Slate
from recommender.pipeline import slates
from recommender.pipeline.active import get_active
from recommender.pipeline.attention import Rules, acting_profiles, fold_profiles
from recommender.pipeline.refresh import read_snapshot

SEED: Final = uuid.UUID(int=20261122)
"""A slate's key seeds what is drawn for it."""

pytestmark = pytest.mark.django_db


@pytest.fixture
def draw(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Slate]:
    """The list that a person would get now, under one seed, as a worker makes it."""

    def make(person: Any, *, now: datetime) -> Slate:
        seqs, reads, attention = read_snapshot([person.pk])
        model = get_active()
        profiles = fold_profiles(attention, rules=Rules.of(model), now=now)
        with monkeypatch.context() as seeded:
            seeded.setattr(slates, "uuid", SimpleNamespace(uuid4=lambda: SEED, UUID=uuid.UUID))
            (slate,) = slates.make_slates(
                list(reads.values()), seqs=seqs, model=model, now=now,
                profiles=acting_profiles(attention, profiles),
            )  # fmt: skip
        return slate

    return make


def test_the_same_seed_draws_the_same_list_after_a_reset(
    studied: Slate, settings: Any, draw: Callable[..., Slate], api: Callable[..., Any], alice: Any,
) -> None:  # fmt: skip
    settings.EXPLORATION_RATE = 1.0
    now = timezone.now()
    before = draw(alice, now=now)
    assert before.exploration is not None

    slugs = [f"practice-{entry['item'] - practice_course.FIRST}" for entry in studied.entries]
    address = f"/api/v1/recommendations/{studied.pk}/feedback/"
    for item, signal in ((slugs[0], "not_helpful"), (slugs[1], "known"), (slugs[2], "not_now")):
        answer = api(alice).post(address, {"item": item, "signal": signal}, format="json")
        assert answer.status_code == 202
    between = draw(alice, now=now)
    hidden = {studied.entries[1]["item"], studied.entries[2]["item"]}
    assert not hidden & {entry["item"] for entry in between.entries}
    assert between.entries != before.entries

    assert api(alice).delete("/api/v1/me/attention/").status_code == 204
    after = draw(alice, now=now)
    assert after.model_version_id == before.model_version_id
    assert after.exploration == before.exploration
    assert after.entries == before.entries
    assert hidden <= {entry["item"] for entry in after.entries}
