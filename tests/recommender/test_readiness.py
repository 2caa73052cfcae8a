"""What builds on a concept waits until the model promises enough of it; by hand on a small catalogue."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from small_catalogue import row

from recommender.difficulty import Difficulty
from recommender.readiness import READY, hold_back
from recommender.selectors.outline import build_outline
from recommender.standing import Answer, Outline, Progress, Situation, Standing, assess

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LETTERS, EQUATIONS, GRAPHS = 1, 2, 3  # concepts, each built on the one before
LESSON_1, EXERCISE_1, HARDER_1 = 11, 12, 13
LESSON_2, EXERCISE_2, BOTH = 21, 22, 23
LESSON_3, EXERCISE_3 = 31, 32
AFTER = {LESSON_2, EXERCISE_2, BOTH}


@pytest.fixture
def outline() -> Outline:
    rows = [
        row(LESSON_1, "lesson", LETTERS),
        row(EXERCISE_1, "exercise", LETTERS),
        row(HARDER_1, "exercise", LETTERS),
        row(LESSON_2, "lesson", EQUATIONS),
        row(EXERCISE_2, "exercise", EQUATIONS),
        row(BOTH, "exercise", LETTERS, EQUATIONS),
        row(LESSON_3, "lesson", GRAPHS),
        row(EXERCISE_3, "exercise", GRAPHS),
    ]
    return build_outline(rows, {EQUATIONS: {LETTERS}, GRAPHS: {EQUATIONS}})


def stand(outline: Outline, *done: int, **fields: Any) -> Standing:
    progress = tuple(Progress(item, NOW - 2 * DAY, 0) for item in done)
    situation = Situation(learner=1, courses=frozenset({7}), progress=progress, **fields)
    return assess(outline, situation, now=NOW)


def promise(outline: Outline, **success: float) -> NDArray[np.float64]:
    """[V] P(correct) of exercises by name, NaN for all else."""
    column = np.full(outline.rows, np.nan)
    for name, value in success.items():
        column[outline.row_of[globals()[name]]] = value
    return column


def lacking(outline: Outline, standing: Standing) -> dict[int, int]:
    pairs = zip(outline.item_ids.tolist(), standing.missing.tolist(), strict=True)
    return {item: number for item, number in pairs if number}


def test_a_lesson_read_is_not_enough_while_its_exercises_promise_little(outline: Outline) -> None:
    before = stand(outline, LESSON_1)
    assert set(lacking(outline, before)) == {LESSON_3, EXERCISE_3}
    after = hold_back(outline, before, promise(outline, EXERCISE_1=0.6, HARDER_1=0.3, BOTH=0.4))
    assert set(lacking(outline, after)) == AFTER | {LESSON_3, EXERCISE_3}
    assert lacking(outline, after)[LESSON_3] == 1
    np.testing.assert_array_equal(after.eligible, before.eligible)


@pytest.mark.parametrize(
    "success",
    [
        {"EXERCISE_1": READY, "HARDER_1": READY},
        {"EXERCISE_1": 0.9, "HARDER_1": 0.2},
        {},
        {"EXERCISE_2": 0.1, "EXERCISE_3": 0.1},
    ],
    ids=["enough", "enough on the average", "nothing predicted", "nothing predicted of it"],
)
def test_else_what_she_did_decides(outline: Outline, success: dict[str, float]) -> None:
    before = stand(outline, LESSON_1)
    after = hold_back(outline, before, promise(outline, **success))
    assert lacking(outline, after) == lacking(outline, before)


def test_a_right_answer_by_luck_is_not_enough_either(outline: Outline) -> None:
    before = stand(outline, answers=(Answer(1, EXERCISE_1, True, NOW - DAY),))
    assert LESSON_2 not in lacking(outline, before)
    after = hold_back(outline, before, promise(outline, EXERCISE_1=0.3, HARDER_1=0.2))
    assert lacking(outline, after)[LESSON_2] == 1


def test_only_exercises_that_are_open_to_her_count(outline: Outline) -> None:
    """What she answered right today says nothing of what is left; where nothing is left, nothing holds back."""
    right = tuple(Answer(n, item, True, NOW) for n, item in enumerate((EXERCISE_1, HARDER_1, BOTH)))
    before = stand(outline, LESSON_1, EXERCISE_1, HARDER_1, BOTH, answers=right)
    hopeless = promise(outline, EXERCISE_1=0.1, HARDER_1=0.1, BOTH=0.1)
    assert lacking(outline, hold_back(outline, before, hopeless)) == lacking(outline, before)


def test_her_own_word_counts_more_than_a_prediction(outline: Outline) -> None:
    before = stand(outline, known=frozenset({LESSON_1}))
    after = hold_back(outline, before, promise(outline, EXERCISE_1=0.1, HARDER_1=0.1))
    assert lacking(outline, after) == lacking(outline, before)


def test_help_with_what_was_too_hard_is_not_held_back(outline: Outline) -> None:
    said = (Difficulty(EXERCISE_2, hard=True, at=NOW),)
    before = stand(outline, LESSON_1, difficulties=said)
    assert before.scaffold[outline.row_of[LESSON_2]] == 1
    after = hold_back(outline, before, promise(outline, EXERCISE_1=0.1, HARDER_1=0.1))
    assert LESSON_2 not in lacking(outline, after)
    assert lacking(outline, after)[BOTH] == 0 if BOTH in lacking(outline, after) else True


def test_what_is_missing_already_is_missing_once(outline: Outline) -> None:
    before = stand(outline)
    after = hold_back(outline, before, promise(outline, EXERCISE_1=0.1, EXERCISE_2=0.1))
    assert lacking(outline, after) == lacking(outline, before)


def test_what_asks_about_both_waits_for_the_lesson_that_waits(outline: Outline) -> None:
    """BOTH teaches what it would need, so it lacks nothing itself; but it asks about equations, which are yet to come."""
    after = hold_back(outline, stand(outline, LESSON_1), promise(outline, EXERCISE_1=0.1))
    assert lacking(outline, after)[BOTH] == lacking(outline, after)[LESSON_2] == 1
