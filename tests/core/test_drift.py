"""Drift: equal mixes are told from moved ones, and what chance does is not called drift."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import chi2

from recommender.core.drift import (
    FEWEST,
    chance,
    chi_square,
    split_factor,
    stability_index,
)

BINS = 8


def drawn(learners: int, events: int, rng: np.random.Generator, tilt: float = 0.0) -> np.ndarray:
    """Counts [learners, BINS]: each learner has a mix of her own around the common one."""
    base = np.exp(-tilt * np.arange(BINS) / BINS)
    mixes = rng.dirichlet(20 * base / base.sum() * BINS, learners)
    return np.stack([rng.multinomial(events, mix) for mix in mixes])


def test_worked_out_by_hand() -> None:
    # (0.7 - 0.3) ln(0.7 / 0.3) twice, but for the half a case that is added.
    assert stability_index([7e6, 3e6], [3e6, 7e6]) == pytest.approx(0.8 * math.log(7 / 3), rel=1e-5)
    assert stability_index([5, 5], [50, 50]) == 0.0
    assert math.isfinite(stability_index([0, 10], [10, 0]))
    assert stability_index([1, 2, 3], [9, 5, 1]) == stability_index([9, 5, 1], [1, 2, 3])


@pytest.mark.parametrize("freedom", [1, 3, 9, 25])
def test_the_quantile_of_chi_square(freedom: int) -> None:
    assert chi_square(freedom) == pytest.approx(chi2.ppf(0.99, freedom), rel=0.02)
    assert chi_square(0) == 0.0


@pytest.mark.parametrize(("learners", "events"), [(30, 40), (200, 5), (400, 1)])
def test_what_chance_does_is_seldom_more(learners: int, events: int) -> None:
    rng = np.random.default_rng(3)
    reference = drawn(300, 100 if events > 1 else 1, rng)
    factor = split_factor(reference)
    beyond = 0
    for _time in range(100):
        now = drawn(learners, events, rng)
        limit = chance(
            factor, bins=BINS, learners=(learners, 300),
            cases=(int(now.sum()), int(reference.sum())),
        )  # fmt: skip
        beyond += stability_index(now.sum(0), reference.sum(0)) > limit
    assert beyond <= 5


def test_what_moved_is_seen() -> None:
    rng = np.random.default_rng(4)
    reference, now = drawn(300, 100, rng), drawn(60, 20, rng, tilt=3.0)
    found = stability_index(now.sum(0), reference.sum(0))
    assert found > 0.25
    assert found > chance(
        split_factor(reference), bins=BINS, learners=(60, 300), cases=(1200, 30_000)
    )


def test_few_learners_tell_nothing() -> None:
    few = np.ones((2 * FEWEST - 1, BINS), dtype=np.int64)
    assert split_factor(few) is None
    assert chance(None, bins=BINS, learners=(50, 50), cases=(500, 500)) == math.inf
    assert chance(1.0, bins=BINS, learners=(FEWEST - 1, 50), cases=(500, 500)) == math.inf
