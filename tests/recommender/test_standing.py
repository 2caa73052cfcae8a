"""What a learner may be offered, what blocks it, and what would help her; by hand on a small catalogue."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_catalogue import COURSE, row

from learners.memory import Review, remember
from recommender.difficulty import Difficulty
from recommender.due import is_due
from recommender.selectors.outline import build_outline
from recommender.standing import Answer, Outline, Progress, Situation, Standing, assess
from recommender.target import fold_target

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LETTERS, EQUATIONS, GRAPHS = 1, 2, 3  # concepts, each built on the one before
LESSON_1, EXERCISE_1, LESSON_2, EXERCISE_2, LESSON_3, EXERCISE_3 = 11, 12, 21, 22, 31, 32


@pytest.fixture
def outline() -> Outline:
    return build_outline(
        [
            row(LESSON_1, "lesson", LETTERS),
            row(EXERCISE_1, "exercise", LETTERS),
            row(LESSON_2, "lesson", EQUATIONS),
            row(EXERCISE_2, "exercise", EQUATIONS),
            row(LESSON_3, "lesson", GRAPHS),
            row(EXERCISE_3, "exercise", GRAPHS),
            row(41, "lesson", course=8),
            row(42, "lesson", published=False),
        ],
        {EQUATIONS: {LETTERS}, GRAPHS: {EQUATIONS}},
    )


def stand(outline: Outline, **fields: Any) -> Standing:
    return assess(outline, Situation(learner=1, courses=frozenset({COURSE}), **fields), now=NOW)


def chosen(outline: Outline, column: Any) -> set[int]:
    return {int(item) for item, true in zip(outline.item_ids, column, strict=True) if true}


def wrong(item: int, times: int = 3, *, ago: timedelta = DAY / 24) -> tuple[Answer, ...]:
    return tuple(Answer(n, item, False, NOW - ago * (times - n)) for n in range(times))


def done(item: int, *, ago: timedelta, right: int = 0) -> Progress:
    return Progress(item, NOW - ago, right)


EVERYTHING = {LESSON_1, EXERCISE_1, LESSON_2, EXERCISE_2, LESSON_3, EXERCISE_3}


def test_a_beginner_may_have_what_is_published_in_her_courses(outline: Outline) -> None:
    standing = stand(outline)
    assert chosen(outline, standing.eligible) == EVERYTHING
    assert chosen(outline, standing.missing > 0) == {LESSON_2, EXERCISE_2, LESSON_3, EXERCISE_3}
    assert not standing.remedies


@pytest.mark.parametrize("hidden", ["banned", "known", "not_now"])
def test_hidden_items_are_not_offered(outline: Outline, hidden: str) -> None:
    standing = stand(outline, **{hidden: frozenset({LESSON_1})})
    assert chosen(outline, standing.eligible) == EVERYTHING - {LESSON_1}


def test_a_finished_lesson_is_not_offered_again(outline: Outline) -> None:
    standing = stand(outline, progress=(done(LESSON_1, ago=400 * DAY),))
    assert LESSON_1 not in chosen(outline, standing.eligible)


@pytest.mark.parametrize(
    ("right", "days", "due"),
    [(1, 6.9, False), (1, 7, True), (2, 13, False), (2, 14, True), (9, 95, False), (9, 96, True)],
)
def test_an_exercise_is_due_again_at_growing_distances(
    outline: Outline, right: int, days: float, due: bool
) -> None:
    standing = stand(outline, progress=(done(EXERCISE_1, ago=days * DAY, right=right),))
    assert (EXERCISE_1 in chosen(outline, standing.eligible)) is due
    assert (EXERCISE_1 in chosen(outline, standing.review)) is due


@pytest.mark.parametrize(("days", "due"), [(1.9, False), (2, True), (400, True)])
def test_where_there_is_a_memory_it_decides(outline: Outline, days: float, due: bool) -> None:
    memory = remember(EXERCISE_1, [Review(1, NOW - days * DAY, True, False)], attempts=1)
    assert memory is not None
    standing = stand(
        outline,
        progress=(done(EXERCISE_1, ago=days * DAY, right=1),),
        memories={EXERCISE_1: memory},
    )
    assert (EXERCISE_1 in chosen(outline, standing.review)) is due
    row = outline.row_of[EXERCISE_1]
    assert bool(standing.recall[row] == memory.recall(NOW)) is due
    assert np.isnan(np.delete(standing.recall, row)).all()


@given(st.integers(0, 10_000), st.booleans(), st.floats(0, 86_399), st.booleans())
def test_nothing_is_due_within_a_day(
    right: int, gradable: bool, seconds: float, remembered: bool
) -> None:
    completed_at = NOW - timedelta(seconds=seconds)
    answer = Review(1, completed_at - 30 * DAY, False, False)
    memory = remember(1, [answer], attempts=1) if remembered else None
    assert not is_due(
        gradable=gradable, completed_at=completed_at, right=right, now=NOW, memory=memory
    )


@pytest.mark.parametrize(
    "how",
    [
        {"progress": (done(LESSON_1, ago=DAY),)},
        {"known": frozenset({LESSON_1})},
        {"answers": (Answer(1, EXERCISE_1, True, NOW - DAY), *wrong(EXERCISE_1, 2))},
    ],
    ids=["completed", "known", "answered right lately"],
)
def test_a_prerequisite_is_met(outline: Outline, how: dict[str, Any]) -> None:
    standing = stand(outline, **how)
    assert chosen(outline, standing.missing > 0) == {LESSON_3, EXERCISE_3}


def test_a_prerequisite_that_goes_wrong_is_not_met_any_more(outline: Outline) -> None:
    standing = stand(outline, progress=(done(LESSON_1, ago=DAY),), answers=wrong(EXERCISE_1))
    assert LESSON_2 in chosen(outline, standing.missing > 0)


def test_a_prerequisite_that_cannot_be_studied_counts_as_met(outline: Outline) -> None:
    standing = stand(outline, banned=frozenset({LESSON_1, EXERCISE_1}))
    assert chosen(outline, standing.missing > 0) == {LESSON_3, EXERCISE_3}


def test_an_item_does_not_need_what_it_teaches_itself() -> None:
    both = build_outline(
        [row(1, "lesson", LETTERS), row(2, "lesson", LETTERS, EQUATIONS)], {EQUATIONS: {LETTERS}}
    )
    assert not stand(both).missing.any()


def test_three_wrong_answers_call_for_the_unmet_prerequisite(outline: Outline) -> None:
    standing = stand(outline, answers=wrong(EXERCISE_2))
    assert chosen(outline, standing.remedial > 0) == {LESSON_1, EXERCISE_1}
    remedy = standing.remedies[outline.row_of[LESSON_1]]
    assert outline.concept_ids[remedy.concept] == LETTERS
    assert outline.concept_ids[remedy.failing] == EQUATIONS
    assert len(remedy.answers) == 3
    # Reading comes before being tested.
    assert (
        standing.remedial[outline.row_of[LESSON_1]] > standing.remedial[outline.row_of[EXERCISE_1]]
    )


@pytest.mark.parametrize(
    "answers",
    [wrong(EXERCISE_2, 2), (*wrong(EXERCISE_2), Answer(9, EXERCISE_2, True, NOW))],
    ids=["two are a slip", "a right one since"],
)
def test_fewer_call_for_nothing(outline: Outline, answers: tuple[Answer, ...]) -> None:
    assert not stand(outline, answers=answers).remedies


def test_a_prerequisite_completed_long_ago_is_due_as_a_remedy(outline: Outline) -> None:
    standing = stand(outline, progress=(done(LESSON_1, ago=100 * DAY),), answers=wrong(EXERCISE_2))
    assert LESSON_1 in chosen(outline, standing.eligible & (standing.remedial > 0))


def test_a_remedy_taken_since_is_not_offered_again(outline: Outline) -> None:
    taken = (done(LESSON_1, ago=2 * DAY), done(EXERCISE_1, ago=2 * DAY, right=1))
    standing = stand(outline, progress=taken, answers=wrong(EXERCISE_2, ago=4 * DAY / 3 * 3))
    assert not standing.remedies


def test_what_was_completed_today_rests_and_what_is_before_it_helps(outline: Outline) -> None:
    today = (done(LESSON_2, ago=DAY / 2), done(EXERCISE_2, ago=DAY / 2, right=1))
    standing = stand(outline, progress=today, answers=wrong(EXERCISE_3))
    assert chosen(outline, standing.remedial > 0) == {LESSON_1, EXERCISE_1}


def test_a_direct_prerequisite_helps_even_where_something_before_it_is_missing(
    outline: Outline,
) -> None:
    standing = stand(outline, answers=wrong(EXERCISE_3))
    assert chosen(outline, standing.remedial > 0) == {LESSON_2, EXERCISE_2}


def test_the_last_failure_is_helped_with_first(outline: Outline) -> None:
    answers = (*wrong(EXERCISE_2, ago=DAY), *wrong(EXERCISE_3))
    standing = stand(outline, answers=answers)
    urgency = {item: standing.remedial[outline.row_of[item]] for item in (LESSON_1, LESSON_2)}
    assert urgency[LESSON_2] > urgency[LESSON_1] > 0


def test_a_concept_without_prerequisites_has_no_remedy(outline: Outline) -> None:
    assert not stand(outline, answers=wrong(EXERCISE_1)).remedies


def taught_first(outline: Outline, **fields: Any) -> dict[int, int]:
    """The items that should come before others (1) or after them (-1)."""
    column = stand(outline, **fields).teach_first.tolist()
    pairs = zip(outline.item_ids.tolist(), column, strict=True)
    return {item: value for item, value in pairs if value}


def test_what_teaches_a_new_concept_comes_before_what_asks_about_it(outline: Outline) -> None:
    assert taught_first(outline) == {
        **{LESSON_1: 1, LESSON_2: 1, LESSON_3: 1},
        **{EXERCISE_1: -1, EXERCISE_2: -1, EXERCISE_3: -1},
    }
    standing = stand(outline)
    assert outline.concept_ids[standing.introduces[outline.row_of[LESSON_2]]] == EQUATIONS
    # An exercise is not blocked by it.
    assert chosen(outline, standing.eligible & (standing.missing == 0)) == {LESSON_1, EXERCISE_1}


@pytest.mark.parametrize(
    "how",
    [
        {"progress": (done(LESSON_1, ago=DAY),)},
        {"progress": (Progress(LESSON_1, None, 0, seconds=150),)},
        {"difficulties": (Difficulty(LESSON_1, hard=False, at=NOW),)},
        {"progress": (done(EXERCISE_1, ago=400 * DAY, right=1),)},
        {"answers": (Answer(1, EXERCISE_1, True, NOW), *wrong(EXERCISE_1))},
        {"known": frozenset({EXERCISE_1})},
        {"not_now": frozenset({LESSON_1})},
        {"banned": frozenset({LESSON_1})},
        {"banned": frozenset({EXERCISE_1})},
    ],
    ids=[
        *("lesson finished", "half its time", "lesson too easy", "right long ago", "right lately"),
        "known",
        *("lesson put off", "lesson banned", "exercise banned"),
    ],
)
def test_it_ends_when_the_concept_is_new_no_more(outline: Outline, how: dict[str, Any]) -> None:
    assert taught_first(outline, **how).keys() == {LESSON_2, EXERCISE_2, LESSON_3, EXERCISE_3}


@pytest.mark.parametrize("seconds", [0, 1, 149])
def test_to_open_a_lesson_is_not_to_be_taught(outline: Outline, seconds: float) -> None:
    opened = {"progress": (Progress(LESSON_1, None, 0, seconds=seconds),)}
    assert taught_first(outline, **opened) == taught_first(outline)


def test_of_a_lesson_without_a_typical_time_only_the_end_counts() -> None:
    timeless = build_outline(
        [row(1, "lesson", LETTERS, minutes=0), row(2, "exercise", LETTERS)], {}
    )
    assert taught_first(timeless, progress=(Progress(1, None, 0, seconds=900),)) == {1: 1, 2: -1}


def test_wrong_answers_alone_do_not_make_a_concept_known(outline: Outline) -> None:
    tried = {"answers": wrong(EXERCISE_1, 2), "progress": (Progress(EXERCISE_1, None, 0),)}
    assert taught_first(outline, **tried) == taught_first(outline)


def test_a_summary_at_the_end_introduces_nothing() -> None:
    course = build_outline(
        [
            row(1, "lesson", LETTERS),
            row(2, "lesson", EQUATIONS),
            row(3, "exercise", EQUATIONS),
            row(4, "reading", LETTERS, EQUATIONS),
        ],
        {EQUATIONS: {LETTERS}},
    )
    standing = stand(course)
    assert standing.missing.tolist() == [0, 0, 1, 1, 0]
    assert taught_first(course) == {2: 1, 3: -1}


def test_what_asks_about_two_concepts_waits_for_the_introduction_to_both() -> None:
    both = build_outline(
        [
            row(1, "lesson", LETTERS),
            row(2, "lesson", EQUATIONS),
            row(3, "exercise", LETTERS, EQUATIONS),
        ],
        {EQUATIONS: {LETTERS}},
    )
    assert stand(both).missing.tolist() == [0, 0, 1, 1]
    assert not stand(both, progress=(done(1, ago=DAY),)).missing.any()


def test_of_several_lessons_one_introduces_the_concept() -> None:
    several = build_outline(
        [
            row(1, "lesson", GRAPHS, EQUATIONS),
            row(2, "video", LETTERS),
            row(3, "reading", LETTERS),
            row(4, "quiz", LETTERS, EQUATIONS),
        ],
        {GRAPHS: {LETTERS}},
    )
    assert taught_first(several) == {1: 1, 2: 1, 4: -1}
    assert several.concept_ids[stand(several).introduces[1]] == EQUATIONS


def test_too_hard_and_too_easy_move_the_target() -> None:
    assert fold_target([]) == 0.7
    assert fold_target(["too_hard"]) == 0.75
    assert fold_target(["too_easy", "helpful", "known"]) == 0.65


@given(st.lists(st.sampled_from(["too_hard", "too_easy", "helpful"]), max_size=40))
def test_the_target_stays_within_its_bounds(signals: list[str]) -> None:
    assert 0.5 <= fold_target(signals) <= 0.9


def test_the_first_step_back_counts_at_once() -> None:
    assert fold_target(["too_hard"] * 20 + ["too_easy"]) == 0.85
