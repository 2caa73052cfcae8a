"""`POST recommendations/{slate}/feedback/`: what a learner says of an item, and what it does to her next slate."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from learners.models import LearnerState
from recommender.models import Feedback, ModelVersion, Slate
from recommender.selectors.ledger import read_ledgers

URL = "/api/v1/recommendations/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def slate(alice: Any, group: Any, api: Callable[..., Any]) -> str:
    """The slate that Alice sees."""
    return str(api(alice).get(URL).json()["slate"])


@pytest.fixture
def say(alice: Any, api: Callable[..., Any], slate: str) -> Callable[..., Any]:
    """Let Alice say something of an item of her slate."""

    def send(signal: Any, item: Any = "letters-lesson", **fields: Any) -> Any:
        body = {"item": item, "signal": signal, **fields}
        return api(alice).post(f"{URL}{slate}/feedback/", body, format="json")

    return send


def dirt(person: Any) -> int:
    return LearnerState.objects.get(learner=person).dirty_seq


def test_it_is_stored_and_a_newer_slate_follows(
    alice: Any, say: Callable[..., Any], slate: str, refresh: Callable[[], Any]
) -> None:
    refresh()
    before, newest = dirt(alice), Slate.objects.latest("computed_at")
    answer = say("helpful", comment="<b>just</b> what I needed")
    assert answer.status_code == 202, answer.content
    stored = Feedback.objects.get()
    assert answer.json() == {"id": str(stored.uid)}
    assert (stored.learner, str(stored.slate_id)) == (alice, slate)
    assert (stored.item.slug, stored.signal) == ("letters-lesson", "helpful")
    assert stored.comment == "<b>just</b> what I needed"
    assert dirt(alice) == before + 1
    refresh()
    assert Slate.objects.latest("computed_at") != newest
    assert Slate.objects.get(pk=slate).kept


@pytest.mark.parametrize("signal", ["known", "not_now"])
def test_known_and_not_now_hide_the_item(
    alice: Any, say: Callable[..., Any], signal: str, refresh: Any, next_items: Any
) -> None:
    say(signal)
    assert "letters-lesson" not in next_items(alice)
    refresh()
    assert "letters-lesson" not in next_items(alice)


@pytest.mark.parametrize(("signal", "back"), [("known", False), ("not_now", True)])
def test_not_now_is_over_after_a_day(
    alice: Any, say: Callable[..., Any], signal: str, back: bool, refresh: Any, next_items: Any
) -> None:
    say(signal)
    Feedback.objects.update(received_at=timezone.now() - timedelta(hours=24, seconds=1))
    refresh()
    assert ("letters-lesson" in next_items(alice)) is back


def test_known_counts_as_a_prerequisite_met(
    alice: Any, say: Callable[..., Any], refresh: Any, next_items: Any
) -> None:
    say("known")
    refresh()
    assert next_items(alice)[:3] == ["letters-one", "letters-two", "equations-lesson"]


def test_too_hard_and_too_easy_move_her_target(alice: Any, say: Callable[..., Any]) -> None:
    def target() -> float:
        return read_ledgers(learner_ids=[alice.pk], now=timezone.now())[alice.pk].target_success

    assert target() == 0.7
    say("too_hard", "letters-one")
    assert target() == 0.75
    say("too_easy", "letters-two")
    assert target() == 0.7
    say("too_easy", "equations-one")
    assert target() == 0.65


def test_the_target_moves_once_for_each_item_of_a_slate(
    alice: Any, say: Callable[..., Any], slate: str, refresh: Any, api: Callable[..., Any]
) -> None:
    def target() -> float:
        return read_ledgers(learner_ids=[alice.pk], now=timezone.now())[alice.pk].target_success

    for _double_press in range(2):
        say("too_hard", "letters-one")
    assert target() == 0.75
    contrary = say("too_easy", "letters-one").json()["id"]
    assert target() == 0.65
    api(alice).delete(f"{URL}{slate}/feedback/{contrary}/")
    assert target() == 0.75
    refresh()
    newer = api(alice).get(URL).json()["slate"]
    assert newer != slate
    body = {"item": "letters-one", "signal": "too_hard"}
    api(alice).post(f"{URL}{newer}/feedback/", body, format="json")
    assert target() == 0.8
    Slate.objects.filter(pk=slate).delete()  # pruned after 90 days
    assert target() == 0.8


def test_the_same_id_again_changes_nothing(alice: Any, say: Callable[..., Any]) -> None:
    uid = str(uuid.uuid4())
    assert say("too_hard", id=uid).json() == {"id": uid}
    before = dirt(alice)
    assert say("known", "letters-one", id=uid).status_code == 202
    assert [(row.item.slug, row.signal) for row in Feedback.objects.all()] == [
        ("letters-lesson", "too_hard")
    ]
    assert dirt(alice) == before


def test_the_same_id_again_after_the_slate_is_gone(
    say: Callable[..., Any], slate: str, alice: Any
) -> None:
    uid = str(uuid.uuid4())
    say("helpful", id=uid)
    Slate.objects.filter(pk=slate).delete()
    assert say("helpful", id=uid).json() == {"id": uid}
    assert Feedback.objects.get().slate is None
    assert say("helpful").status_code == 404


def test_another_learners_id_is_no_clash(
    charlie: Any, group: Any, api: Callable[..., Any], say: Callable[..., Any]
) -> None:
    from learners.services.groups import add_learner

    add_learner(group=group, learner=charlie)
    uid = str(uuid.uuid4())
    say("helpful", id=uid)
    slate = api(charlie).get(URL).json()["slate"]
    body = {"id": uid, "item": "letters-lesson", "signal": "known"}
    assert api(charlie).post(f"{URL}{slate}/feedback/", body, format="json").status_code == 202
    assert Feedback.objects.filter(uid=uid).count() == 2


def test_a_slate_of_a_retired_version_can_be_answered(slate: str, say: Callable[..., Any]) -> None:
    version = ModelVersion.objects.create(
        artefact="old", sha256="0", manifest={}, metrics={}, data_until=timezone.now()
    )
    Slate.objects.filter(pk=slate).update(model_version=version)
    assert say("helpful").status_code == 202


def test_an_item_that_is_not_on_the_slate(
    alice: Any, say: Callable[..., Any], slate: str, algebra: SimpleNamespace
) -> None:
    entries = Slate.objects.get(pk=slate).entries
    Slate.objects.filter(pk=slate).update(entries=entries[1:])
    for item in ("letters-lesson", "nothing-like-it"):
        answer = say("helpful", item)
        assert answer.status_code == 400
        assert list(answer.json()["error"]["fields"]) == ["item"]
    assert not Feedback.objects.exists()
    assert not Slate.objects.get(pk=slate).kept


def test_somebody_elses_slate_is_not_there(
    charlie: Any, api: Callable[..., Any], slate: str
) -> None:
    body = {"item": "letters-lesson", "signal": "helpful"}
    for client, status in ((api(charlie), 404), (api(), 401)):
        answer = client.post(f"{URL}{slate}/feedback/", body, format="json")
        assert answer.status_code == status
    assert (
        api(charlie).post(f"{URL}{uuid.uuid4()}/feedback/", body, format="json").status_code == 404
    )
    assert not Feedback.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("signal", "boring"),
        ("signal", None),
        ("signal", ["known"]),
        ("item", 7.5),
        ("item", "nul\0"),
        ("item", {}),
        ("id", "not-a-uuid"),
        ("id", 4),
        ("comment", "x" * 2001),
        ("comment", "nul\0"),
        ("comment", []),
        ("comment", 5),
    ],
)
def test_bad_input_names_the_field_and_stores_nothing(
    say: Callable[..., Any], field: str, value: Any
) -> None:
    answer = say(**{"signal": "helpful", "item": "letters-lesson", field: value})
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == [field]
    assert not Feedback.objects.exists()


def test_the_longest_comment(say: Callable[..., Any]) -> None:
    assert say("helpful", comment="é" * 2000).status_code == 202
