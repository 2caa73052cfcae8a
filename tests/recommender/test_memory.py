"""Memory: what is left of an exercise, when it is due again, and that it is a function of the answers alone."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from fsrs import Card, Rating, Scheduler

from learners.models import Event, Group, MemoryCard
from learners.services.events import NewEvent, record_events

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
EXERCISE = "letters-one"
FIELDS = ("item__slug", "stability", "difficulty", "reviewed_at", "due_at", "attempts", "event")


def cards(person: Any) -> list[tuple[Any, ...]]:
    rows = MemoryCard.objects.filter(learner=person).order_by("item__slug")
    return list(rows.values_list(*FIELDS))


def by_the_library(*answers: tuple[Rating, datetime]) -> Card:
    """A card as py-fsrs makes it, with whole days only and without chance."""
    scheduler = Scheduler(learning_steps=(), relearning_steps=(), enable_fuzzing=False)
    card = Card(card_id=1)
    for rating, at in answers:
        card, _log = scheduler.review_card(card, rating, at)
    return card


def occurred(uid: uuid.UUID) -> datetime:
    return Event.objects.get(uid=uid).occurred_at


def test_an_answer_is_remembered_as_the_library_says(
    alice: Any, group: Group, did: Callable[..., uuid.UUID], refresh: Callable[[], Any]
) -> None:
    right = did(alice, "answered", EXERCISE, right=True, ago=9 * DAY)
    wrong = did(alice, "answered", EXERCISE, right=False, ago=5 * DAY)
    hinted = did(alice, "answered", EXERCISE, right=True, ago=4 * DAY, context={"hints": 2})
    refresh()
    expected = by_the_library(
        (Rating.Good, occurred(right)),
        (Rating.Again, occurred(wrong)),
        (Rating.Hard, occurred(hinted)),
    )
    card = MemoryCard.objects.get(learner=alice)
    assert card.item.slug == EXERCISE
    assert (card.stability, card.difficulty) == (expected.stability, expected.difficulty)
    assert (card.reviewed_at, card.due_at) == (expected.last_review, expected.due)
    assert card.attempts == 3


def test_one_answer_at_a_time_or_all_at_once(
    alice: Any, group: Group, did: Callable[..., uuid.UUID], refresh: Callable[[], Any]
) -> None:
    for days, right, hints in ((30, True, 0), (28, False, 0), (28, True, 1), (20, True, 0)):
        did(alice, "answered", EXERCISE, right=right, ago=days * DAY, context={"hints": hints})
        did(alice, "answered", "equations-one", right=not right, ago=(days - 1) * DAY)
        refresh()
    step_by_step = cards(alice)
    assert len(step_by_step) == 2
    MemoryCard.objects.all().delete()
    did(alice, "viewed", "letters-lesson")
    refresh()
    assert cards(alice) == step_by_step


def test_an_answer_that_comes_in_late_takes_its_place(
    alice: Any,
    charlie: Any,
    group: Group,
    did: Callable[..., uuid.UUID],
    refresh: Callable[[], Any],
) -> None:
    last = did(alice, "answered", EXERCISE, right=True, ago=2 * DAY)
    refresh()
    first = did(alice, "answered", EXERCISE, right=False, ago=8 * DAY)
    refresh()
    expected = by_the_library((Rating.Again, occurred(first)), (Rating.Good, occurred(last)))
    ((_slug, stability, difficulty, reviewed, *_rest),) = cards(alice)
    assert (stability, difficulty) == (expected.stability, expected.difficulty)
    assert reviewed == occurred(last)


def test_answers_beyond_the_newest_history_count(
    alice: Any,
    group: Group,
    algebra: SimpleNamespace,
    did: Callable[..., uuid.UUID],
    refresh: Callable[[], Any],
) -> None:
    answer = did(alice, "answered", EXERCISE, right=True, ago=40 * DAY)
    looked = [
        NewEvent(uuid.uuid4(), "viewed", algebra.items["letters-lesson"].pk, datetime.now(UTC))
        for _each in range(600)
    ]
    record_events(actor=alice, events=looked)
    refresh()
    assert cards(alice)[0][-1] == Event.objects.get(uid=answer).pk


def test_what_a_client_claims_is_not_remembered(
    alice: Any, group: Group, algebra: SimpleNamespace, refresh: Callable[[], Any]
) -> None:
    claimed = NewEvent(
        uuid.uuid4(), "answered", algebra.items[EXERCISE].pk, datetime.now(UTC), success=True
    )
    record_events(actor=alice, events=[claimed])
    refresh()
    assert not cards(alice)


def test_it_is_due_again_when_memory_says_so(
    api: Callable[..., Any],
    alice: Any,
    group: Group,
    did: Callable[..., uuid.UUID],
    refresh: Callable[[], Any],
) -> None:
    answer = did(alice, "answered", EXERCISE, right=True, ago=3 * DAY)
    did(alice, "answered", "equations-one", right=True, ago=1.5 * DAY)
    refresh()
    card = by_the_library((Rating.Good, occurred(answer)))
    left = Scheduler().get_card_retrievability(card, datetime.now(UTC))
    slate = api(alice).get("/api/v1/recommendations/", {"limit": 100}).json()["items"]
    listed = {entry["item"]["slug"]: entry for entry in slate}
    assert "equations-one" not in listed
    review = listed[EXERCISE]
    assert 0.8 < left < 0.9
    assert review["retrievability"] == pytest.approx(left, abs=1e-4)
    (reason,) = [each for each in review["reasons"] if each["code"] == "review"]
    assert f"{left:.0%}" in reason["text"]
    assert listed["letters-lesson"]["retrievability"] is None


def test_memory_is_hers_alone_to_take_along_and_to_erase(
    api: Callable[..., Any],
    alice: Any,
    charlie: Any,
    group: Group,
    did: Callable[..., uuid.UUID],
    refresh: Callable[[], Any],
) -> None:
    did(alice, "answered", EXERCISE, right=True)
    refresh()
    exported = b"".join(api(alice).get("/api/v1/me/export/").streaming_content).decode()
    assert '"stability"' in exported
    foreign = b"".join(api(charlie).get("/api/v1/me/export/").streaming_content).decode()
    assert '"stability"' not in foreign
    api(alice).delete("/api/v1/me/", {"confirm": "alice"}, format="json")
    assert not MemoryCard.objects.exists()
