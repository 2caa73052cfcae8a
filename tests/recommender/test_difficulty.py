"""What steps back and what comes forward after "too hard" and "too easy"; by hand on a small catalogue."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from small_catalogue import row

from recommender.core.ranking import Level
from recommender.difficulty import Difficulty, ListSaid, find_level
from recommender.selectors.outline import build_outline
from recommender.services.syllabus import rank_syllabus
from recommender.standing import Answer, Outline, Progress, Situation, Standing, assess

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LETTERS, EQUATIONS = 1, 2  # the second builds on the first
LESSON_1, VIDEO_1, EXERCISE_1, LESSON_2, EXERCISE_2, OTHER = 11, 12, 13, 21, 22, 31


@pytest.fixture
def outline() -> Outline:
    rows = [
        row(LESSON_1, "lesson", LETTERS),
        row(VIDEO_1, "video", LETTERS),
        row(EXERCISE_1, "exercise", LETTERS),
        row(LESSON_2, "lesson", EQUATIONS),
        row(EXERCISE_2, "exercise", EQUATIONS),
        row(OTHER, "exercise", course=8),
    ]
    return build_outline(rows, {EQUATIONS: {LETTERS}})


def stand(outline: Outline, *said: Difficulty, now: datetime = NOW, **fields: Any) -> Standing:
    courses = frozenset({7, 8})
    return assess(
        outline, Situation(learner=1, courses=courses, difficulties=said, **fields), now=now
    )


def told(outline: Outline, column: Any) -> dict[int, float]:
    pairs = zip(outline.item_ids.tolist(), column.tolist(), strict=True)
    return {item: value for item, value in pairs if value}


def hard(item: int, at: datetime = NOW) -> Difficulty:
    return Difficulty(item, hard=True, at=at)


def easy(item: int, at: datetime = NOW) -> Difficulty:
    return Difficulty(item, hard=False, at=at)


KNOWS_LETTERS = (Answer(1, EXERCISE_1, True, NOW - 3 * DAY),)


def test_an_exercise_too_hard_steps_back_and_its_lessons_come_forward(outline: Outline) -> None:
    standing = stand(outline, hard(EXERCISE_1))
    assert told(outline, standing.declined) == {EXERCISE_1: 1}
    assert told(outline, standing.scaffold) == {LESSON_1: 1, VIDEO_1: 1}
    assert standing.helps == {outline.row_of[one]: EXERCISE_1 for one in (LESSON_1, VIDEO_1)}
    assert standing.eligible[outline.row_of[EXERCISE_1]]


def test_where_its_concept_has_no_lesson_left_those_before_it_come_forward(
    outline: Outline,
) -> None:
    done = (Progress(LESSON_2, NOW - DAY, 0),)
    standing = stand(outline, hard(EXERCISE_2), answers=KNOWS_LETTERS, progress=done)
    assert told(outline, standing.scaffold) == {LESSON_1: 1, VIDEO_1: 1}


def test_a_lesson_too_hard_takes_along_what_asks_about_it(outline: Outline) -> None:
    standing = stand(outline, hard(LESSON_2), answers=KNOWS_LETTERS)
    assert told(outline, standing.declined) == {LESSON_2: 1, EXERCISE_2: 1}
    assert told(outline, standing.scaffold) == {LESSON_1: 1, VIDEO_1: 1}
    # Where something else introduces the concept, that does, and nothing is taken along.
    standing = stand(outline, hard(LESSON_1))
    assert told(outline, standing.declined) == {LESSON_1: 1}
    assert set(standing.introduces) == {outline.row_of[VIDEO_1], outline.row_of[LESSON_2]}


def test_what_is_too_easy_steps_back_alone(outline: Outline) -> None:
    standing = stand(outline, easy(EXERCISE_1), easy(LESSON_2))
    assert told(outline, standing.declined) == {EXERCISE_1: 1, LESSON_2: 1}
    assert not standing.scaffold.any()
    assert outline.row_of[LESSON_2] not in standing.introduces


@pytest.mark.parametrize(("days", "left"), [(0, 1), (7, 0.5), (14, 0.25), (28, 0)])
def test_it_fades(outline: Outline, days: int, left: float) -> None:
    standing = stand(outline, hard(EXERCISE_1), now=NOW + days * DAY)
    assert standing.declined[outline.row_of[EXERCISE_1]] == pytest.approx(left)
    assert standing.scaffold[outline.row_of[LESSON_1]] == pytest.approx(left)


@pytest.mark.parametrize(
    ("said", "since"),
    [
        (hard(EXERCISE_1, NOW - DAY), {"progress": (Progress(LESSON_1, NOW, 0),)}),
        (hard(EXERCISE_1, NOW - DAY), {"progress": (Progress(EXERCISE_1, NOW, 1),)}),
        (easy(EXERCISE_1, NOW - DAY), {"answers": (Answer(1, EXERCISE_1, False, NOW),)}),
    ],
    ids=["a lesson completed", "answered right", "too easy, and answered wrong"],
)
def test_what_happened_since_lifts_it(
    outline: Outline, said: Difficulty, since: dict[str, Any]
) -> None:
    standing = stand(outline, said, **since)
    assert not standing.declined.any()
    assert not standing.scaffold.any()


@pytest.mark.parametrize(
    ("said", "since"),
    [
        (hard(EXERCISE_1), {"progress": (Progress(LESSON_1, NOW - DAY, 0),)}),
        (hard(EXERCISE_1, NOW - DAY), {"progress": (Progress(LESSON_1, None, 0, seconds=20),)}),
        (hard(EXERCISE_1, NOW - DAY), {"answers": (Answer(1, EXERCISE_1, False, NOW),)}),
        (easy(EXERCISE_1, NOW - DAY), {"answers": (Answer(1, EXERCISE_1, True, NOW),)}),
    ],
    ids=["completed before", "only opened", "answered wrong", "too easy, and answered right"],
)
def test_and_what_else_happened_does_not(
    outline: Outline, said: Difficulty, since: dict[str, Any]
) -> None:
    assert stand(outline, said, **since).declined[outline.row_of[EXERCISE_1]] > 0


def test_in_a_list_without_a_model_it_goes_back_some_turns(outline: Outline) -> None:
    def listed(*said: Difficulty) -> list[int]:
        rows = rank_syllabus(outline, stand(outline, *said, answers=KNOWS_LETTERS))
        return outline.item_ids[rows].tolist()

    assert listed().index(LESSON_1) < 2
    assert listed(hard(LESSON_1))[-1] == LESSON_1
    assert sorted(listed(hard(LESSON_1))) == sorted(listed())


def test_the_level_is_that_of_the_list_she_answered(outline: Outline) -> None:
    def level(said: ListSaid | None, *, days: int = 0) -> Level | None:
        return find_level(outline, said, now=NOW + days * DAY)

    found = level(ListSaid(EXERCISE_1, True, NOW, 0.8, 0.9), days=7)
    assert found is not None
    assert (found.easier, found.strength) == (True, 0.5)
    np.testing.assert_allclose(found.success[outline.course_ids == 7], 0.9)  # the stricter one
    np.testing.assert_allclose(found.success[outline.course_ids == 8], 0.8)
    harder = level(ListSaid(EXERCISE_1, False, NOW, 0.8, 0.9))
    assert harder is not None
    np.testing.assert_allclose(harder.success, 0.8)
    assert level(None) is None
    assert level(ListSaid(EXERCISE_1, True, NOW, None, None)) is None
    assert level(ListSaid(EXERCISE_1, True, NOW, 0.8, 0.9), days=28) is None


def test_what_did_not_help_steps_back_but_not_as_far(outline: Outline) -> None:
    standing = stand(outline, hard(OTHER), unhelpful={EXERCISE_1: NOW})
    assert told(outline, standing.declined) == {OTHER: 1.0, EXERCISE_1: pytest.approx(0.4)}
    faded = stand(outline, unhelpful={EXERCISE_1: NOW - 7 * DAY})
    assert told(outline, faded.declined) == {EXERCISE_1: pytest.approx(0.2)}


def test_an_introduction_that_did_not_help_gives_way_to_another(outline: Outline) -> None:
    assert stand(outline).introduces == {1: 0, 4: 1}
    standing = stand(outline, unhelpful={LESSON_1: NOW})
    assert standing.introduces == {2: 0, 4: 1}
    assert told(outline, standing.declined) == {LESSON_1: pytest.approx(0.4)}


def test_a_page_over_half_a_course_is_no_help(outline: Outline) -> None:
    summary = row(32, "reading", LETTERS, EQUATIONS)
    rows = [row(EXERCISE_1, "exercise", LETTERS), row(LESSON_1, "lesson", LETTERS), summary]
    course = build_outline(rows, {EQUATIONS: {LETTERS}})
    assert told(course, stand(course, hard(EXERCISE_1)).scaffold) == {LESSON_1: 1.0}
    assert told(course, stand(course, hard(LESSON_1)).scaffold) == {}
