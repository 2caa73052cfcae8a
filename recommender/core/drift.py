"""Has what a version meets moved away from what it was trained on? Histograms compared, and what chance does to them.

The population stability index (PSI) of counts p, q over the same bins is Σ (p − q) · ln(p / q), the symmetric
Kullback-Leibler divergence. Below 0.1 little has changed, above 0.25 much has (Siddiqi, 2006, Credit risk scorecards).
These bounds know nothing of sample sizes: of n and m independent draws over B bins with nothing changed, PSI is
distributed as (1/n + 1/m) · χ²(B − 1) (Yurdakul & Naranjo, 2020, Statistical properties of the population stability
index). Events of one learner are not independent, so how much learners differ is taken from the reference itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

CHANGED, MUCH = 0.1, 0.25
SURE = 0.99
"""What chance alone stays below, in so many comparisons of the same."""
_Z: float = 2.3263478740408408
SPLITS = 200
FEWEST = 8
"""Learners on each side, at least."""
SMOOTHING = 0.5


def stability_index(now: Sequence[float], reference: Sequence[float]) -> float:
    """PSI of two rows of counts [B]; half a case is added to each bin, so that an empty one stays finite."""
    p, q = (np.asarray(row, dtype=np.float64) + SMOOTHING for row in (now, reference))
    p, q = p / p.sum(), q / q.sum()
    return float(((p - q) * np.log(p / q)).sum())


def split_factor(counts: NDArray[np.integer], *, seed: int = 0) -> float | None:
    """How far halves of the reference's learners are from each other: the 99% quantile of PSI / (1/n + 1/m).

    `counts` [M, B] are those of each learner. None where there are fewer than 2 · FEWEST learners.
    """
    learners = len(counts)
    if learners < 2 * FEWEST:
        return None
    rng = np.random.default_rng(seed)
    half = learners // 2
    found = []
    total = counts.sum(0)
    for _split in range(SPLITS):
        one = counts[rng.permutation(learners)[:half]].sum(0)
        found.append(stability_index(one, total - one))
    return float(np.quantile(found, SURE)) / (1 / half + 1 / (learners - half))


def chance(
    factor: float | None,
    *,
    bins: int,
    learners: tuple[int, int],
    cases: tuple[int, int],
) -> float:
    """What PSI stays below in 99 of 100 comparisons where nothing has changed; infinite where that cannot be told.

    `learners` and `cases` are those of now and of the reference: learners differ from each other (`factor`), and what
    each of them did in a short time is a draw from what she does.
    """
    if factor is None or min(learners) < FEWEST:
        return math.inf
    between = factor * sum(1 / count for count in learners)
    if cases[0] <= learners[0]:
        return between
    return between + chi_square(bins - 1) * sum(1 / count for count in cases)


def chi_square(freedom: int) -> float:
    """The 99% quantile of χ², within a percent (Wilson & Hilferty, 1931)."""
    if freedom < 1:
        return 0.0
    part = 2 / (9 * freedom)
    return float(freedom * (1 - part + _Z * math.sqrt(part)) ** 3)
