"""Memory in the utility: what fades comes forward, as far as she doesn't hold it back herself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ranking_samples import ROWS, candidates

from recommender.core.memory import memory_urgency
from recommender.core.ranking import Candidates, Ranking, RankingConfig, rank

CALM = {"remedial": np.zeros(ROWS), "assigned": np.zeros(ROWS, dtype=bool)}


def ranked(pool: Candidates, config: RankingConfig | None = None) -> Ranking:
    return rank(pool, config=config or RankingConfig(), rng=np.random.default_rng(0), explore=False)


def fading(row: int, retrievability: float) -> np.ndarray:
    column = np.full(ROWS, np.nan)
    column[row] = retrievability
    return column


@pytest.mark.parametrize(
    ("retrievability", "urgency"),
    [(1.0, 0.0), (0.85, 0.5), (0.7, 1.0), (0.2, 1.0), (np.nan, 0.0)],
)
def test_urgency_is_what_a_review_brings_back(retrievability: float, urgency: float) -> None:
    assert memory_urgency(np.array([retrievability]), 0.7)[0] == pytest.approx(urgency)


@given(seed=st.integers(0, 10_000), low=st.floats(0, 1), high=st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_the_less_is_left_the_higher_it_stands(seed: int, low: float, high: float) -> None:
    low, high = sorted((low, high))
    plain = candidates(seed)
    row = int(np.flatnonzero(plain.eligible)[seed % plain.eligible.sum()])
    places = [
        ranked(candidates(seed, retrievability=fading(row, left))).items.tolist().index(row)
        for left in (low, high)
    ]
    assert places[0] <= places[1]


def test_without_memory_nothing_changes() -> None:
    plain, none = candidates(3), candidates(3, retrievability=np.full(ROWS, np.nan))
    assert (ranked(plain).items == ranked(none).items).all()
    assert not ranked(plain).terms["memory"].any()


def test_it_can_be_switched_off() -> None:
    pool = candidates(5, retrievability=np.full(ROWS, 0.5))
    off = ranked(pool, RankingConfig(memory=0.0))
    assert (off.items == ranked(candidates(5)).items).all()


def test_what_she_declined_is_not_lifted() -> None:
    declined = np.zeros(ROWS)
    row = int(np.flatnonzero(candidates(1).eligible)[0])
    declined[row] = 1.0
    found = ranked(candidates(1, **CALM, declined=declined, retrievability=fading(row, 0.3)))
    place = found.items.tolist().index(row)
    assert found.terms["memory"][place] == 0


def test_a_floor_of_one_would_divide_by_nothing() -> None:
    with pytest.raises(ValueError, match="memory_floor"):
        RankingConfig(memory_floor=1.0)
