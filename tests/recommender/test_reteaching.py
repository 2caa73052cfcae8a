"""A lesson comes back after a wrong answer on what it teaches: when, which, and what its reason says."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from small_catalogue import row

from recommender.selectors.outline import build_outline
from recommender.standing import Answer, Outline, Progress, Situation, Standing, assess

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
LETTERS, EQUATIONS = 1, 2
LESSON, VIDEO, EXERCISE, OTHER, ALSO, OWN = 11, 12, 13, 14, 15, 21


@pytest.fixture
def outline() -> Outline:
    rows = [
        row(LESSON, "lesson", LETTERS),
        row(VIDEO, "video", LETTERS),
        row(EXERCISE, "exercise", LETTERS),
        row(OTHER, "exercise", LETTERS),
        row(ALSO, "exercise", EQUATIONS),
        row(OWN, "lesson", EQUATIONS),
    ]
    return build_outline(rows, {})


def stand(outline: Outline, *progress: Progress, **fields: Any) -> Standing:
    situation = Situation(learner=1, courses=frozenset({7}), progress=progress, **fields)
    return assess(outline, situation, now=NOW)


def answer(right: bool, ago: timedelta, item: int = EXERCISE, event: int = 1) -> Answer:
    return Answer(event, item, right, NOW - ago)


def back(outline: Outline, standing: Standing) -> set[int]:
    """Items that come back; all that goes with it is as it should be."""
    rows = list(standing.reteaching)
    assert standing.eligible[rows].all() and standing.review[rows].all()
    assert (standing.teach_first[rows] == 1).all()
    assert not set(rows) & set(standing.introduces)
    return {int(outline.item_ids[row]) for row in rows}


READ = Progress(LESSON, NOW - 3 * DAY, 0)


def test_a_lesson_comes_back_after_a_wrong_answer(outline: Outline) -> None:
    standing = stand(outline, READ, answers=(answer(False, HOUR),))
    assert back(outline, standing) == {LESSON}
    told = standing.reteaching[outline.row_of[LESSON]]
    assert (outline.concept_ids[told.concept], told.answer.event) == (LETTERS, 1)


@pytest.mark.parametrize(
    ("progress", "fields"),
    [
        ((READ,), {"answers": (answer(True, HOUR),)}),
        ((READ,), {"answers": (answer(False, 2 * HOUR), answer(True, HOUR, OTHER))}),
        ((READ,), {"answers": (answer(False, 4 * DAY),)}),
        ((Progress(LESSON, NOW - 0.9 * DAY, 0),), {"answers": (answer(False, HOUR),)}),
        ((READ, Progress(VIDEO, NOW - HOUR / 2, 0)), {"answers": (answer(False, HOUR),)}),
        ((), {"answers": (answer(False, HOUR),)}),
        ((READ,), {"answers": (answer(False, HOUR, ALSO),)}),
        ((READ,), {"answers": (answer(False, HOUR),), "known": frozenset({LESSON})}),
        ((READ,), {"answers": (answer(False, HOUR),), "not_now": frozenset({LESSON})}),
        ((READ,), {"answers": (answer(False, HOUR),), "banned": frozenset({LESSON})}),
    ],
    ids=[
        *("right", "right since", "wrong before it", "finished today", "another lesson since"),
        *("never read", "another concept", "known", "put off", "banned"),
    ],
)
def test_otherwise_it_does_not(
    outline: Outline, progress: tuple[Progress, ...], fields: dict[str, Any]
) -> None:
    assert not back(outline, stand(outline, *progress, **fields))


def test_it_comes_back_once_for_each_wrong_answer(outline: Outline) -> None:
    wrong = (answer(False, 5 * DAY), answer(False, HOUR, OTHER, event=2))
    again = Progress(LESSON, NOW - 4 * DAY, 0)  # after the first wrong answer, before the second
    assert back(outline, stand(outline, again, answers=wrong)) == {LESSON}
    assert not back(outline, stand(outline, again, answers=wrong[:1]))


def test_of_several_lessons_the_first_in_the_order_of_the_course(outline: Outline) -> None:
    both = (READ, Progress(VIDEO, NOW - 2 * DAY, 0))
    assert back(outline, stand(outline, *both, answers=(answer(False, HOUR),))) == {LESSON}
    put_off = stand(outline, *both, answers=(answer(False, HOUR),), not_now=frozenset({LESSON}))
    assert back(outline, put_off) == {VIDEO}


@pytest.mark.parametrize("kind", ["lesson", "video"])
def test_a_reading_only_where_nothing_that_teaches_can_come_back(kind: str) -> None:
    background = 10
    course = build_outline(
        [
            row(background, "reading", LETTERS),
            row(LESSON, kind, LETTERS),
            row(EXERCISE, "exercise", LETTERS),
        ],
        {},
    )
    both = (Progress(background, NOW - 4 * DAY, 0), READ)
    wrong = (answer(False, HOUR),)
    assert back(course, stand(course, *both, answers=wrong)) == {LESSON}
    put_off = stand(course, *both, answers=wrong, not_now=frozenset({LESSON}))
    assert back(course, put_off) == {background}
    assert back(course, stand(course, both[0], answers=wrong)) == {background}


def test_at_most_three_concepts_at_a_time_those_that_went_wrong_last() -> None:
    rows = [row(10 * n, "lesson", n) for n in range(1, 6)]
    rows += [row(10 * n + 1, "exercise", n) for n in range(1, 6)]
    many = build_outline(rows, {})
    read = [Progress(10 * n, NOW - 3 * DAY, 0) for n in range(2, 6)]
    # What went wrong last of all has no lesson that could come back, and takes nobody's place.
    wrong = tuple(answer(False, n * HOUR, 10 * n + 1, event=n) for n in (5, 4, 3, 2, 1))
    assert back(many, stand(many, *read, answers=wrong)) == {20, 30, 40}


@pytest.fixture
def listed(alice: Any, group: Any, api: Callable[..., Any], refresh: Callable[..., Any]) -> Any:
    """What Alice's newest list says of the lesson on letters, if it has it."""

    def read() -> dict[str, Any] | None:
        refresh()
        entries = api(alice).get("/api/v1/recommendations/", {"limit": 100}).json()["items"]
        return next((each for each in entries if each["item"]["slug"] == "letters-lesson"), None)

    return read


@pytest.mark.django_db
def test_the_list_says_why_and_a_day_passes_before_the_next_time(
    alice: Any, activate: Any, did: Callable[..., Any], listed: Any, without_exploration: None
) -> None:
    activate()
    did(alice, "completed", "letters-lesson", ago=3 * DAY)
    uid = did(alice, "answered", "letters-one", right=False, ago=HOUR)
    for minutes in range(50):  # so that the model attends to others than the one that is cited
        did(alice, "viewed", "graphs-lesson", ago=timedelta(minutes=minutes))
    found = listed()
    (reason,) = [each for each in found["reasons"] if each["code"] == "reteaching"]
    assert "Letters" in reason["text"]
    assert [each["event"] for each in reason["evidence"]] == [str(uid), None]
    assert not {"review", "history"} & {each["code"] for each in found["reasons"]}

    did(alice, "completed", "letters-lesson")
    assert listed() is None
    did(alice, "answered", "letters-two", right=False)
    assert listed() is None


@pytest.mark.django_db
def test_the_order_of_the_courses_stays_as_it_is(
    alice: Any, did: Callable[..., Any], listed: Any
) -> None:
    did(alice, "completed", "letters-lesson", ago=3 * DAY)
    did(alice, "answered", "letters-one", right=False, ago=HOUR)
    assert listed() is None
