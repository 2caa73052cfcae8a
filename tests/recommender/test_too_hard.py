"""What is too hard or too easy is of difficulty: they move the item, what helps with it and the level of the list, no taste."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import practice_course as practice
import pytest
from attention_ledger import newest_slate, stored_weights

from learners.services.events import NewEvent, record_events
from recommender.models import Feedback, Slate
from recommender.services.feedback import record_feedback, withdraw_feedback

pytestmark = pytest.mark.django_db


@pytest.fixture
def say(alice: Any, studied: Slate, refresh: Callable[[], Any]) -> Callable[[str, int], Feedback]:
    """Let Alice say something of an item of her list, and a worker answer."""

    def send(signal: str, item: int) -> Feedback:
        said = record_feedback(
            learner_id=alice.pk,
            slate_id=newest_slate(alice).pk,
            item_slug=f"practice-{item - practice.FIRST}",
            signal=signal,
        )
        refresh()
        return said

    return send


def entries(person: Any) -> dict[int, dict[str, Any]]:
    return {entry["item"]: entry for entry in newest_slate(person).entries}


def order(person: Any) -> list[int]:
    return list(entries(person))


def promise(person: Any) -> float:
    first = [entry["success"] for entry in newest_slate(person).entries[:5]]
    known = [value for value in first if value is not None]
    return sum(known) / len(known)


def first_exercise(person: Any) -> int:
    return next(item for item, entry in entries(person).items() if entry["success"] is not None)


def first_lesson(person: Any) -> int:
    return next(item for item, entry in entries(person).items() if entry["success"] is None)


def test_every_press_makes_the_list_easier(alice: Any, say: Callable[..., Any]) -> None:
    for _press in range(2):
        before, item = promise(alice), first_exercise(alice)
        said = say("too_hard", item)
        assert said.list_success == pytest.approx(before, abs=1e-3)
        assert promise(alice) > before
        assert order(alice).index(item) >= 5  # and it is there


def test_on_a_lesson_too(alice: Any, say: Callable[..., Any]) -> None:
    before, lesson = promise(alice), first_lesson(alice)
    say("too_hard", lesson)
    assert promise(alice) > before
    assert entries(alice)[lesson]["terms"]["declined"] < 0


def test_too_easy_makes_it_harder(alice: Any, say: Callable[..., Any]) -> None:
    for _press in range(2):
        before, item = promise(alice), first_exercise(alice)
        say("too_easy", item)
        assert promise(alice) < before
        assert order(alice).index(item) >= 5


@pytest.mark.parametrize("signal", ["too_hard", "too_easy"])
def test_no_weight_moves(alice: Any, say: Callable[..., Any], signal: str) -> None:
    say(signal, first_exercise(alice))
    say(signal, first_lesson(alice))
    assert stored_weights(alice) == {}


def test_taken_back_the_list_is_as_before(
    alice: Any, say: Callable[..., Any], refresh: Callable[[], Any]
) -> None:
    before = order(alice)
    said = say("too_hard", first_exercise(alice))
    assert order(alice) != before
    withdraw_feedback(learner_id=alice.pk, uid=said.uid)
    refresh()
    assert order(alice) == before


def act(person: Any, item: int, verb: str, *, right: bool | None = None) -> None:
    event = NewEvent(
        uid=uuid.uuid4(),
        verb=verb,
        item_id=item,
        occurred_at=datetime.now(UTC),
        success=right,
        graded=right is not None,
    )
    record_events(actor=person, events=[event])


def test_a_lesson_on_it_lifts_it_again(
    alice: Any, say: Callable[..., Any], refresh: Callable[[], Any]
) -> None:
    item = first_exercise(alice)
    say("too_hard", item)
    lesson, *_others = [
        one for one, entry in entries(alice).items() if "scaffold" in entry["terms"]
    ]
    assert order(alice).index(lesson) < 3
    assert {"code": "scaffold", "params": {"item": item}} in entries(alice)[lesson]["reasons"]
    act(alice, lesson, "viewed")
    refresh()
    assert "declined" in entries(alice)[item]["terms"]
    act(alice, lesson, "completed")
    refresh()
    assert "declined" not in entries(alice)[item]["terms"]
    assert not any("scaffold" in entry["terms"] for entry in entries(alice).values())


def test_what_was_too_easy_and_is_answered_wrong_returns(
    alice: Any, say: Callable[..., Any], refresh: Callable[[], Any]
) -> None:
    item = first_exercise(alice)
    say("too_easy", item)
    assert "declined" in entries(alice)[item]["terms"]
    act(alice, item, "answered", right=False)
    refresh()
    assert "declined" not in entries(alice)[item]["terms"]
