"""Placement: the question that tells most, an end that is worth it, and a level that answers move the right way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.core.placement import (
    DIFFICULTY,
    ENOUGH,
    MOST,
    REACH,
    SPREAD,
    choose_next,
    estimate,
    find_depths,
    place_items,
)
from recommender.core.studies import __main__ as studies
from recommender.core.studies.placement import ADAPTIVE, COUNTS, RANDOM, WORLDS, World, measure

LOCATION = st.floats(-3, 3)
ANSWERS = st.lists(st.tuples(LOCATION, st.booleans()), max_size=10)


def apart(answers: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([at for at, _ in answers]), np.array(
        [right for _, right in answers], dtype=bool
    )


def test_before_any_answer_a_learner_is_anybody() -> None:
    nobody = estimate(*apart([]))
    assert nobody.mean == pytest.approx(0, abs=1e-9)
    assert nobody.error == pytest.approx(SPREAD, rel=0.01)
    assert (nobody.answers, nobody.enough) == (0, False)


@given(ANSWERS, LOCATION)
@settings(max_examples=60, deadline=None)
def test_a_right_answer_raises_the_level_and_a_wrong_one_lowers_it(
    answers: list[tuple[float, bool]], at: float
) -> None:
    before, right, wrong = (
        estimate(*apart([*answers, *more])) for more in ([], [(at, True)], [(at, False)])
    )
    assert wrong.mean < before.mean < right.mean


@given(ANSWERS, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_answers_says_nothing(answers: list[tuple[float, bool]], draw: object) -> None:
    mixed = list(answers)
    draw.shuffle(mixed)  # type: ignore[attr-defined]
    assert estimate(*apart(mixed)).mean == pytest.approx(estimate(*apart(answers)).mean, abs=1e-9)


@given(ANSWERS, st.lists(LOCATION, min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_what_is_asked_leaves_the_least_expected_variance(
    answers: list[tuple[float, bool]], candidates: list[float]
) -> None:
    """By the law of total variance: what remains on average is what there was, less the spread of the new means."""
    asked, right = apart(answers)
    before = estimate(asked, right)

    def remains(at: float) -> float:
        good, bad = (estimate(np.append(asked, at), np.append(right, way)) for way in (True, False))
        chance = (before.mean - bad.mean) / (good.mean - bad.mean)  # as the means average out
        return chance * good.error**2 + (1 - chance) * bad.error**2

    place = choose_next(asked, right, np.array(candidates))
    assert place is not None
    assert remains(candidates[place]) <= min(map(remains, candidates)) + 1e-6


def test_with_nothing_to_ask_nothing_is_asked() -> None:
    assert choose_next(np.array([0.0]), np.array([True]), np.zeros(0)) is None


def test_it_ends_when_the_level_is_known_or_enough_was_asked() -> None:
    level = estimate(np.zeros(MOST - 1), np.arange(MOST - 1) % 2 == 0)
    assert level.enough == (level.error <= ENOUGH)
    far = estimate(np.full(MOST, 3.0), np.zeros(MOST, dtype=bool))
    assert far.error > ENOUGH
    assert far.enough
    assert not estimate(np.zeros(1), np.ones(1, dtype=bool)).enough


def test_concepts_lie_by_the_longest_chain_below_them() -> None:
    found = find_depths({1: [], 2: [1], 3: [2, 1], 4: [], 5: [99]})
    assert found == {1: 0.0, 2: 0.5, 3: 1.0, 4: 0.0, 5: 0.0}
    assert find_depths({}) == {}
    assert find_depths({7: []}) == {7: 0.0}
    long = {number: [number - 1] for number in range(1, 5000)} | {0: []}
    assert find_depths(long)[4999] == 1.0
    with pytest.raises(ValueError, match="cycle"):
        find_depths({1: [2], 2: [1]})


def test_exercises_lie_by_author_and_graph_until_answers_tell() -> None:
    nobody = np.zeros(3, dtype=np.int64)
    told = place_items(np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.5, 1.0]), nobody, nobody)
    assert told == pytest.approx([-REACH - DIFFICULTY, 0.0, REACH + DIFFICULTY])
    half = np.full(3, 0.5)
    few, many = (
        place_items(half, half, np.array([0, count // 2, count]), np.full(3, count))
        for count in (4, 400)
    )
    for found in (few, many):
        assert found[0] > found[1] > found[2]
    assert (np.abs(few[[0, 2]]) < np.abs(many[[0, 2]])).all()


@pytest.mark.parametrize("world", WORLDS[:3:2], ids=lambda world: world.name)
def test_its_questions_tell_more_than_random_ones(world: World) -> None:
    errors, asked = measure(world, learners=400, seed=1)
    last = COUNTS.index(MOST)
    gain = errors[RANDOM][:, last] ** 2 - errors[ADAPTIVE][:, last] ** 2
    assert gain.mean() > 1.96 * gain.std() / np.sqrt(len(gain))
    assert asked.max() <= MOST


def test_the_study_prints_a_table_for_each_world(capsys: pytest.CaptureFixture[str]) -> None:
    assert studies.main(["placement", "--learners", "20"]) == 0
    told = capsys.readouterr().out
    assert all(world.name in told for world in WORLDS)
    assert told.count("| 8 |") == len(WORLDS)
