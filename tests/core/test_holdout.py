"""Arms are drawn by hash, and a split that chance does not make is seen."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from recommender.core.holdout import MISMATCH, is_treated, sample_ratio


def test_arms_are_the_same_every_time_and_independent_between_experiments() -> None:
    drawn = [is_treated("one", str(n), 0.3) for n in range(20_000)]
    assert np.mean(drawn) == pytest.approx(0.3, abs=0.015)
    assert drawn == [is_treated("one", str(n), 0.3) for n in range(20_000)]
    other = [is_treated("two", str(n), 0.3) for n in range(20_000)]
    assert np.mean(np.array(drawn) & np.array(other)) == pytest.approx(0.09, abs=0.01)


@pytest.mark.parametrize(
    ("treated", "untreated", "share"), [(60, 40, 0.5), (12, 90, 0.1), (7, 3, 0.9)]
)
def test_the_sample_ratio_is_that_of_chi_squared(
    treated: int, untreated: int, share: float
) -> None:
    total = treated + untreated
    expected = stats.chisquare([treated, untreated], [share * total, (1 - share) * total])
    assert sample_ratio(treated, untreated, share) == pytest.approx(expected.pvalue)


def test_chance_is_hardly_ever_called_a_fault_and_a_fault_soon_is() -> None:
    rng = np.random.default_rng(0)
    honest = rng.binomial(1000, 0.5, 4000)
    assert np.mean([sample_ratio(int(n), 1000 - int(n), 0.5) < MISMATCH for n in honest]) < 0.004
    assert sample_ratio(550, 450, 0.5) > MISMATCH
    assert sample_ratio(5500, 4500, 0.5) < MISMATCH
    assert sample_ratio(0, 0, 0.5) == 1
