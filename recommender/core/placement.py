"""Placement: a few questions, each chosen for what its answer will tell, until a newcomer's level is known well enough.

One ability θ in logits for a course, on the scale on which its exercises lie (Rasch, 1960, with a chance to guess). Before
any answer θ is normal about the middle of the course; after answers it is that times their likelihood, on a grid (expected
a posteriori, Bock & Mislevy, 1982). Asked next is the exercise after whose answer the variance of θ is expected to be
least (van der Linden, 1998, Bayesian item selection criteria for adaptive testing).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Final

import numpy as np
from numpy.typing import NDArray

SPREAD: Final = 1.5
"""Standard deviation of learners' abilities before any answer, in logits."""
REACH: Final = 2.0
"""The first concepts of a course lie so many logits below its middle, those that build on most so many above."""
DIFFICULTY: Final = 1.0
"""And an author's difficulty of 0 or 1 moves an exercise by so much down or up."""
TRUST: Final = 10.0
"""What author and graph say of an exercise counts as so many learners who answered it."""
GUESS: Final = 0.15
"""P(right) of one who knows nothing: between typed answers and one choice of four."""
ENOUGH: Final = 0.9
"""Standard deviation of θ, in logits, at which it is known well enough: 64% of the variance before any answer is gone."""
MOST: Final = 8
"""Questions, however unsure θ is then."""
_GRID: Final = np.linspace(-5.0, 5.0, 101)


@dataclass(frozen=True)
class Estimate:
    """What is known of θ, in logits from the middle of the course."""

    mean: float
    error: float  # standard deviation
    answers: int

    @property
    def enough(self) -> bool:
        """Whether more questions would not be worth her time."""
        return self.error <= ENOUGH or self.answers >= MOST


def find_depths(prerequisites: Mapping[int, Collection[int]]) -> dict[int, float]:
    """Return how much of its course each concept builds on, from 0 (nothing) to 1 (the longest chain).

    `prerequisites` names the direct ones by concept; those without an entry of their own are left out. Raises ValueError
    for a circle.
    """
    inside = {
        concept: [one for one in before if one in prerequisites]
        for concept, before in prerequisites.items()
    }
    depth: dict[int, int] = {}
    for concept in TopologicalSorter(inside).static_order():
        depth[concept] = 1 + max((depth[one] for one in inside[concept]), default=-1)
    longest = max(depth.values(), default=0) or 1
    return {concept: found / longest for concept, found in depth.items()}


def place_items(
    depth: NDArray[np.floating],
    difficulty: NDArray[np.floating],
    rights: NDArray[np.integer] | NDArray[np.floating],
    learners: NDArray[np.integer],
) -> NDArray[np.float64]:
    """Locations b [V] of exercises in logits, at which P(right) is halfway from guessing to certain.

    From the depth [V] of their concepts (see `find_depths`) and the author's difficulty [V], both 0 to 1; the more
    learners [V] have answered, the more from how many of them were right [V], where one may count as part of one.
    """
    told = REACH * (2 * np.asarray(depth, dtype=np.float64) - 1)
    told += DIFFICULTY * (2 * np.asarray(difficulty, dtype=np.float64) - 1)
    share = (np.asarray(rights) + 1.0) / (np.asarray(learners) + 2.0)
    known = np.clip((share - GUESS) / (1 - GUESS), 0.02, 0.98)
    # Averaged over learners of all abilities the curve is flatter, by this much (Camilli, 1994, 1.702 as there).
    seen = -np.log(known / (1 - known)) * np.sqrt(1 + (SPREAD / 1.702) ** 2)
    weight = np.asarray(learners) / (np.asarray(learners) + TRUST)
    return np.asarray((1 - weight) * told + weight * seen)


def estimate(location: NDArray[np.floating], right: NDArray[np.bool_]) -> Estimate:
    """θ after answers [N] to exercises at these locations [N]."""
    belief = _believe(location, right)
    mean = float(belief @ _GRID)
    return Estimate(mean, float(np.sqrt(belief @ (_GRID - mean) ** 2)), len(location))


def choose_next(
    location: NDArray[np.floating],
    right: NDArray[np.bool_],
    candidates: NDArray[np.floating],
) -> int | None:
    """Place of the candidate [C] (locations) whose answer is expected to leave the least variance; the first of equals.

    None where there is none.
    """
    if not len(candidates):
        return None
    belief = _believe(location, right)
    curve = _curve(candidates)  # [C, G]
    expected = np.zeros(len(candidates))
    for joint in (curve * belief, (1 - curve) * belief):
        chance = joint.sum(1)
        mean = joint @ _GRID / chance
        expected += joint @ _GRID**2 - chance * mean**2
    return int(np.argmin(expected.round(9)))


def _believe(location: NDArray[np.floating], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """[G] probabilities of θ on the grid."""
    curve = _curve(location)
    log = -0.5 * (_GRID / SPREAD) ** 2
    log += np.log(np.where(np.asarray(right)[:, None], curve, 1 - curve)).sum(0)
    belief = np.exp(log - log.max())
    return np.asarray(belief / belief.sum())


def _curve(location: NDArray[np.floating]) -> NDArray[np.float64]:
    """[N, G] P(right) over the grid."""
    away = _GRID - np.asarray(location, dtype=np.float64).reshape(-1, 1)
    return np.asarray(GUESS + (1 - GUESS) / (1 + np.exp(-away)))
