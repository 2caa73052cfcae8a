"""Traces of memory: how fast what was learned fades, and what practising it again does, for many learners at once.

Both models show the spacing effect. Sources and validation: `docs/simulator.md`.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recommender.simulation.world import Memory, Multiscale, Stability

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
STUDIED, RIGHT, WRONG = range(3)
"""What may happen to a concept: a lesson, a right answer, a wrong one whose solution is then read."""


class Trace(Protocol):
    """Memory of n learners for C concepts; what has never been studied is recalled with probability 1."""

    def pass_time(self, days: Floats) -> None:
        """Let days [n] go by."""

    def recall(self) -> Floats:
        """Probability [n, C] that what was learned is remembered now."""

    def strengthen(self, who: Ints, concept: Ints, *, event: Ints, part: Floats) -> None:
        """Study, recall or fail to recall concepts [m] of learners [m], to `part` [m] of the whole effect."""

    def recall_after(self, days: Floats, *, event: int | None) -> Floats:
        """[n, C] recall after days [n], if this event happened now for every concept, or none did."""


def make_trace(memory: Memory, scale: Floats, concepts: int, *, luck: float = 0.0) -> Trace:
    """A fresh trace; `scale` [n] is how many times longer than usual each learner remembers.

    `luck` is P(right | not recalled) / P(right | recalled): how little a right answer says of memory.
    """
    if isinstance(memory.trace, Multiscale):
        return MultiscaleTrace(memory.trace, scale, concepts, luck)
    return StabilityTrace(memory.trace, scale, concepts)


class MultiscaleTrace:
    """A cascade of leaky integrators (Mozer et al., 2009; after Staddon et al., 2002).

    The sum of exponentials forgets about like a power function. An integrator learns only what it and the faster ones
    do not predict any more, so that a repetition which comes too early teaches the slow ones nothing: the spacing effect.
    """

    def __init__(self, given: Multiscale, scale: Floats, concepts: int, luck: float) -> None:
        steps = np.arange(given.scales)
        weight = given.fading**steps
        self.retrieved, self.luck = given.retrieved, luck
        self.constant = given.shortest * given.ratio**steps * scale[:, None]  # [n, I] days
        self.weight = weight / weight.sum()  # [I]
        self.share = weight / weight.cumsum()  # [I] of an integrator in the sum up to itself
        self.level = np.zeros((len(scale), concepts, given.scales))

    def pass_time(self, days: Floats) -> None:
        if days.any():
            self.level *= self._decay(days)

    def recall(self) -> Floats:
        return self._recall(self.level)

    def strengthen(self, who: Ints, concept: Ints, *, event: Ints, part: Floats) -> None:
        level = self.level[who, concept]  # [m, I]
        strength = np.where(event == RIGHT, self._strength(level), 1.0) * part
        self.level[who, concept] = self._after(level, strength[:, None])

    def recall_after(self, days: Floats, *, event: int | None) -> Floats:
        level = self.level
        if event is not None:
            strength = self._strength(level)[..., None] if event == RIGHT else 1.0
            level = self._after(level, strength)
        return self._recall(level * self._decay(days))

    def _strength(self, level: Floats) -> Floats:
        """Of a right answer: that of a retrieval, as likely as it was one by Bayes' rule, else that of study."""
        recall = np.minimum(level @ self.weight, 1.0)
        share = recall / np.maximum(recall + (1 - recall) * self.luck, 1e-12)
        return np.asarray(1 + (self.retrieved - 1) * share)

    def _decay(self, days: Floats) -> Floats:
        return np.asarray(np.exp(-days[:, None] / self.constant))[:, None, :]

    def _recall(self, level: Floats) -> Floats:
        known = np.minimum(level @ self.weight, 1.0)
        return np.where(level[..., -1] > 0, known, 1.0)

    def _after(self, level: Floats, strength: Floats | float) -> Floats:
        cumulative = np.cumsum(level * self.weight, axis=-1)
        predicted = cumulative / np.cumsum(self.weight)
        return np.asarray(level + strength * np.maximum(1 - predicted, 0.0))


class StabilityTrace:
    """Stability and retrievability: FSRS (Ye, Su & Cao, 2022, and its public description), difficulty held constant.

    R(t) = (1 + F · t / S)^-decay with F such that R(S) = 0.9. A success multiplies S the more, the more was forgotten.
    """

    def __init__(self, given: Stability, scale: Floats, concepts: int) -> None:
        self.given = given
        self.factor = 0.9 ** (-1 / given.decay) - 1
        self.scale = scale[:, None]
        self.stability = np.zeros((len(scale), concepts))  # 0 = never studied
        self.age = np.zeros((len(scale), concepts))

    def pass_time(self, days: Floats) -> None:
        self.age += days[:, None] / self.scale

    def recall(self) -> Floats:
        return self._recall(self.age, self.stability)

    def strengthen(self, who: Ints, concept: Ints, *, event: Ints, part: Floats) -> None:
        stability, age = self.stability[who, concept], self.age[who, concept]
        after = np.where(
            event == WRONG, self._failure(stability, age), self._success(stability, age)
        )
        fresh = stability == 0
        self.stability[who, concept] = np.where(
            fresh, after * part, stability + part * (after - stability)
        )
        self.age[who, concept] = np.where(fresh, 0.0, (1 - part) * age)

    def recall_after(self, days: Floats, *, event: int | None) -> Floats:
        later = days[:, None] / self.scale
        if event is None:
            return self._recall(self.age + later, self.stability)
        change = self._failure if event == WRONG else self._success
        return self._recall(later, change(self.stability, self.age))

    def _recall(self, age: Floats, stability: Floats) -> Floats:
        known = (1 + self.factor * age / np.maximum(stability, 1e-3)) ** -self.given.decay
        return np.where(stability > 0, known, 1.0)

    def _success(self, stability: Floats, age: Floats) -> Floats:
        given = self.given
        old = np.maximum(stability, 1e-3)
        rise = np.exp(given.growth) * (11 - given.difficulty) * old**-given.saturation
        rise = rise * np.expm1(given.spacing * (1 - self._recall(age, stability)))
        return np.where(stability > 0, old * (1 + rise), given.first_right)

    def _failure(self, stability: Floats, age: Floats) -> Floats:
        given = self.given
        scale, by_difficulty, by_stability, by_recall = given.lapse
        lost = scale * given.difficulty**-by_difficulty * ((stability + 1) ** by_stability - 1)
        lost = lost * np.exp(by_recall * (1 - self._recall(age, stability)))
        return np.where(stability > 0, np.minimum(lost, stability), given.first_wrong)
