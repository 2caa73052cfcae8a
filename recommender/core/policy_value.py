"""What a ranker is worth, judged from slots that were drawn at random before anybody thought of it.

A logged slot is a small experiment: one of several items was shown, each with a known probability, and something came
of it. From many such slots follows what another policy would have been worth in them, without showing anything to
anybody. As the probabilities are those of the lottery itself and not of a model, no confounder has to be thought of; what
is needed is overlap: the policy must choose among the items that could have been drawn.

The value is the mean reward of an explored slot had the policy chosen its item. Three estimators of it, with w the policy's
probability of the shown item over the logged one, and q a model of the reward:

- `ips`: mean of w·r (Horvitz & Thompson, 1952). Unbiased; wide where weights are large.
- `snips`: Σ w·r / Σ w (Hájek, 1971; Swaminathan & Joachims, 2015, The self-normalized estimator for counterfactual
  learning). Bias of the order 1/ESS, most often much narrower, never outside the range of rewards.
- `dr`: mean of Σ_a π(a)·q(a) + w·(r − q(shown)) (Robins, Rotnitzky & Zhao, 1994; Dudík, Langford & Li, 2011, Doubly robust
  policy evaluation and learning). Unbiased whatever q is, as the probabilities are known; the better q, the narrower.

The slots of one learner are alike, so the learner is the unit: all three are ratios of sums over learners, and their 95%
intervals are those of the jackknife that leaves out one learner at a time (Tukey, 1958; as cluster-robust variance CR3: Bell &
McCaffrey, 2002), with the quantile of Student's t at as many degrees of freedom as the learners' unequal parts in the variance
allow (Satterthwaite, 1946). `python -m recommender.core.studies policy-value` prints how often they cover the truth, beside
what was tried in their place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from recommender.core.metrics import Interval

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ESTIMATORS = ("ips", "snips", "dr")
FOLDS = 5
SHRINK = 10.0
"""An item's own part of the expected reward counts in full after many more slots than this."""
THIN_ESS = 100.0
THIN_LEARNERS = 30
HEAVY = 0.1
"""No learner should carry more of the weight than this."""


@dataclass(frozen=True)
class ExploredSlots:
    """N slots with what could have stood in each: M choices in all, those of one slot side by side.

    Raises ValueError where the parts don't fit together.
    """

    learner: Ints  # [N] any number a learner
    reward: Floats  # [N] 0..1
    offsets: Ints  # [N + 1] choices of slot i: offsets[i] to offsets[i + 1]
    drawn: Ints  # [N] the choice that was shown
    probability: Floats  # [M] of each choice, given that its slot was explored
    item: Ints  # [M]
    features: Floats  # [M, F] known before the draw; read by the model of the reward

    def __post_init__(self) -> None:
        slots, choices = len(self.learner), len(self.item)
        if not (len(self.reward) == len(self.drawn) == slots == len(self.offsets) - 1):
            raise ValueError("learner, reward, drawn and offsets must be of the same slots")
        if not (len(self.probability) == len(self.features) == choices == self.offsets[-1]):
            raise ValueError("item, probability and features must be of the same choices")
        if slots and not ((self.reward >= 0) & (self.reward <= 1)).all():
            raise ValueError("reward must be in [0, 1]")
        inside = (self.drawn >= self.offsets[:-1]) & (self.drawn < self.offsets[1:])
        if not inside.all():
            raise ValueError("drawn must be a choice of its own slot")
        _check_sums(self, self.probability, "probability")
        if not (self.probability > 0).all():
            raise ValueError("probability must be positive")

    def __len__(self) -> int:
        return len(self.learner)

    @property
    def slot(self) -> Ints:
        """[M] the slot of each choice."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def per_slot(self, values: Floats) -> Floats:
        """Sums [N] of values [M] of choices."""
        return _sums(self.slot, values, len(self))


@dataclass(frozen=True)
class PolicyValue:
    """A policy's value by estimator, and how far the log can tell."""

    estimates: Mapping[str, Interval]  # by ESTIMATORS; 95%
    slots: int
    learners: int
    matched: int  # slots whose item the policy could have chosen
    ess: float  # effective number of slots, Kish (1965): (Σw)² / Σw²
    heaviest: float  # the largest share of one learner in Σw
    thin: tuple[
        str, ...
    ]  # why overlap is too thin to trust the intervals: "ess", "learners", "heavy"


def uniform(slots: ExploredSlots) -> Floats:
    """The policy that draws any choice with the same probability [M]."""
    return np.repeat(1 / np.diff(slots.offsets), np.diff(slots.offsets))


def best(slots: ExploredSlots, score: Floats, top: int = 1) -> Floats:
    """The policy [M] that draws one of the `top` highest scores [M] of each slot, each with the same probability.

    `top` = 1 is a ranker's first choice. Equal scores are ordered by item, never by what was shown.
    """
    order = np.lexsort((slots.item, -score, slots.slot))
    size = np.diff(slots.offsets)
    place = np.empty(len(score), dtype=np.int64)
    place[order] = np.arange(len(score)) - np.repeat(slots.offsets[:-1], size)
    count = np.minimum(top, size)[slots.slot]
    return np.where(place < count, 1 / count, 0.0)


def fit_outcomes(slots: ExploredSlots, *, folds: int = FOLDS) -> Floats:
    """Expected reward [M] of every choice, each learner's by a model that has not seen her (cross-fitting).

    Ridge regression on the features, then each item's mean residual, shrunken towards 0 by SHRINK slots: simple, because the
    estimator that reads it is right without it. Cross-fitting (Chernozhukov et al., 2018, Double/debiased machine learning)
    keeps a reward from explaining itself.
    """
    _, who = np.unique(slots.learner, return_inverse=True)
    fold, slot = who % folds, slots.slot
    _, item = np.unique(slots.item, return_inverse=True)
    spread = slots.features.std(0)
    scaled = (slots.features - slots.features.mean(0)) / np.where(spread > 0, spread, 1.0)
    columns = np.column_stack([np.ones(len(item)), scaled])
    expected = np.zeros(len(item))
    for part in range(folds):
        train, apart = np.flatnonzero(fold != part), (fold == part)[slot]
        if not len(train):
            expected[apart] = slots.reward.mean()
            continue
        shown = slots.drawn[train]
        rows, reward = columns[shown], slots.reward[train]
        ridge = np.diag([1e-9, *np.ones(columns.shape[1] - 1)])
        weight = np.linalg.solve(rows.T @ rows + ridge, rows.T @ reward)
        size = int(item.max()) + 1
        residual = np.bincount(item[shown], weights=reward - rows @ weight, minlength=size)
        own = residual / (np.bincount(item[shown], minlength=size) + SHRINK)
        expected[apart] = np.clip(columns[apart] @ weight + own[item[apart]], 0, 1)
    return expected


def estimate(slots: ExploredSlots, policy: Floats, expected: Floats) -> PolicyValue:
    """The value of a policy [M] (probabilities that sum to 1 in each slot), with expected rewards [M].

    Raises ValueError for what is no policy, or a log without slots.
    """
    parts = _Sums.of(slots, policy, expected)
    carried = parts.weight.sum()
    weights = policy[slots.drawn] / slots.probability[slots.drawn]
    ess = float(carried**2 / (weights**2).sum()) if carried else 0.0
    heaviest = float(parts.weight.max() / carried) if carried else 1.0
    learners = len(parts.count)
    reasons = {
        "ess": ess < THIN_ESS,
        "learners": int((parts.weight > 0).sum()) < THIN_LEARNERS,
        "heavy": heaviest > HEAVY,
    }
    return PolicyValue(
        estimates={name: _interval(parts.ratio(name)) for name in ESTIMATORS},
        slots=len(slots),
        learners=learners,
        matched=int((weights > 0).sum()),
        ess=ess,
        heaviest=heaviest,
        thin=tuple(name for name, found in reasons.items() if found),
    )


def compare(
    slots: ExploredSlots, ours: Floats, theirs: Floats, expected: Floats
) -> dict[str, Interval]:
    """Our value minus theirs by estimator, on the same slots and so paired: what both share cancels out."""
    left, right = _Sums.of(slots, ours, expected), _Sums.of(slots, theirs, expected)
    return {name: _interval(left.ratio(name), right.ratio(name)) for name in ESTIMATORS}


@dataclass(frozen=True)
class _Sums:
    """Sums [C] over each learner's slots."""

    count: Floats
    weight: Floats
    rewarded: Floats  # w·r
    robust: Floats  # Σ_a π·q + w·(r − q)

    @classmethod
    def of(cls, slots: ExploredSlots, policy: Floats, expected: Floats) -> _Sums:
        if not len(slots):
            raise ValueError("no explored slot")
        _check_sums(slots, policy, "policy")
        if not (policy >= 0).all():
            raise ValueError("policy must not be negative")
        _, who = np.unique(slots.learner, return_inverse=True)
        weight = policy[slots.drawn] / slots.probability[slots.drawn]
        robust = slots.per_slot(policy * expected) + weight * (slots.reward - expected[slots.drawn])
        columns = (np.ones(len(slots)), weight, weight * slots.reward, robust)
        return cls(*(_sums(who, values, int(who.max()) + 1) for values in columns))

    def ratio(self, name: str) -> tuple[Floats, Floats]:
        """Numerator and denominator [C] of an estimator."""
        return {
            "ips": (self.rewarded, self.count),
            "snips": (self.rewarded, self.weight),
            "dr": (self.robust, self.count),
        }[name]


def _interval(*ratios: tuple[Floats, Floats]) -> Interval:
    """Σ above / Σ below [C], minus a second such ratio where there is one, with its jackknife interval.

    Where one learner carries all of a denominator the log says nothing: the interval is all that is possible.
    """
    lowest = 0.0 if len(ratios) == 1 else -1.0
    learners = len(ratios[0][0])
    value, without = 0.0, np.zeros(learners)
    for sign, (above, below) in zip((1, -1), ratios, strict=False):
        rest = below.sum() - below
        if learners < 2 or rest.min() <= 1e-9 * below.sum():
            return {"value": max(lowest, 0.0), "low": lowest, "high": 1.0}
        value += sign * float(above.sum() / below.sum())
        without += sign * (above.sum() - above) / rest
    moved = without - without.mean()
    reach = _quantile(moved) * math.sqrt((learners - 1) / learners * float((moved**2).sum()))
    # Bounds beyond what rewards can be say no more; an unbiased estimate itself may lie there.
    low, high = max(value - reach, lowest), min(value + reach, 1.0)
    return {"value": value, "low": min(low, value), "high": max(high, value)}


def _quantile(terms: Floats) -> float:
    """97.5% of Student's t with the degrees of freedom of a variance that is estimated from these terms [C].

    2·(Σψ²)² / (Σψ⁴ − (Σψ²)²/C): about C for normal terms, fewer where a few learners are most of the variance.
    """
    square, fourth = float((terms**2).sum()), float((terms**4).sum())
    spread = fourth - square**2 / len(terms)
    freedom = 2 * square**2 / spread if spread > 0 else math.inf
    return float(stats.t.ppf(0.975, min(max(freedom, 2.0), len(terms) - 1)))


def _sums(place: NDArray[np.integer], values: Floats, count: int) -> Floats:
    return np.bincount(place, weights=values, minlength=count).astype(np.float64)


def _check_sums(slots: ExploredSlots, values: Floats, name: str) -> None:
    if len(values) != len(slots.item) or not np.allclose(slots.per_slot(values), 1):
        raise ValueError(f"{name} must sum to 1 in each slot")
