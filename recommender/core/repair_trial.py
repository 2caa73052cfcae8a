"""Does a repair help? A fifth of the anomalous learners stays unrepaired, and the difference decides.

Each learner counts once, with one outcome in [0, 1] of what came after (as whether the next thing she
tried was right or finished). As somebody looks after every outcome, intervals must hold at all times at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.core.holdout import is_treated

UNREPAIRED = 0.2
"""Of the anomalous learners."""
HORIZON = 2000
"""Learners after whom a repair that has not been shown to help is withdrawn."""
TRYING, STAYS, HARMS, USELESS = "trying", "stays", "harms", "useless"
WITHDRAWN = frozenset({HARMS, USELESS})


def is_repaired(salt: str, learner: str) -> bool:
    """Which arm a learner is in: the same at every refresh and on every machine.

    `salt` names the trial (model version and repair), so that arms of different trials are independent.
    """
    return not is_treated(salt, learner, UNREPAIRED)


@dataclass(frozen=True)
class Bound:
    """An estimated mean with an interval that holds at all times."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Verdict:
    """Where a trial stands."""

    state: str  # TRYING, STAYS, HARMS or USELESS
    effect: Bound  # mean outcome of the repaired minus that of the others
    repaired: int  # learners
    unrepaired: int


def confidence_sequence(outcomes: NDArray[np.floating], error: float) -> Bound:
    """The mean of outcomes in [0, 1], in the order they came; the interval may be looked at any time.

    Predictable plug-in empirical Bernstein (Waudby-Smith & Ramdas, 2024, Estimating means of bounded
    random variables by betting, Theorem 2): with probability 1 − `error` the mean lies within the
    intervals of all prefixes at once; no assumption but a constant conditional mean. Bounds of earlier
    prefixes stay valid, so the narrowest ones are kept. Raises ValueError for an outcome outside [0, 1].
    """
    x = np.asarray(outcomes, dtype=np.float64)
    if not len(x):
        return Bound(0.5, 0.0, 1.0)
    if not ((x >= 0) & (x <= 1)).all():
        raise ValueError("outcomes must be in [0, 1]")
    t = np.arange(1, len(x) + 1)
    mean = (0.5 + np.cumsum(x)) / (t + 1)
    variance = (0.25 + np.cumsum((x - mean) ** 2)) / (t + 1)
    mean_before = np.concatenate([[0.5], mean[:-1]])
    variance_before = np.concatenate([[0.25], variance[:-1]])
    cost = math.log(2 / error)
    bet = np.minimum(np.sqrt(2 * cost / (variance_before * t * np.log1p(t))), 0.5)
    loss = (-np.log1p(-bet) - bet) * (x - mean_before) ** 2
    total = np.cumsum(bet)
    centre = np.cumsum(bet * x) / total
    radius = (cost + np.cumsum(loss)) / total
    low = max(0.0, float((centre - radius).max()))
    high = min(1.0, float((centre + radius).min()))
    return Bound(float(x.mean()), low, high)


def effect_of(
    repaired: NDArray[np.floating], unrepaired: NDArray[np.floating], error: float = 0.05
) -> Bound:
    """Difference of the arms' means, each with half the error; valid at all times, as they are."""
    ours, theirs = (confidence_sequence(arm, error / 2) for arm in (repaired, unrepaired))
    return Bound(ours.value - theirs.value, ours.low - theirs.high, ours.high - theirs.low)


def judge(
    outcomes: Iterable[tuple[bool, float]], *, error: float = 0.05, horizon: int = HORIZON
) -> Verdict:
    """What is to become of a repair after outcomes (repaired?, in [0, 1]) in the order they came.

    It stays once the interval of its effect lies above 0, is withdrawn once it lies below 0, and is
    withdrawn as useless where neither has happened after `horizon` learners: a repair changes what the
    model has learned, and must earn that. A repair without effect stays with a probability of at most
    `error`, however often this is asked. The first decision holds.
    """
    told = list(outcomes)
    arm = np.array([repaired for repaired, _ in told], dtype=bool)
    value = np.array([outcome for _, outcome in told], dtype=np.float64)
    # Intervals only narrow, so whether and how one has left 0 shows in the last of them.
    within = slice(0, horizon)
    early = effect_of(value[within][arm[within]], value[within][~arm[within]], error)
    state = TRYING
    if early.low > 0:
        state = STAYS
    elif early.high < 0:
        state = HARMS
    elif len(told) >= horizon:
        state = USELESS
    return Verdict(state, early, int(arm[within].sum()), int((~arm[within]).sum()))
