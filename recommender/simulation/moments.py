"""Parameters with which simulated answers look like real ones: the method of simulated moments (McFadden, 1989).

Knowledge tracing knows no exercise that is harder than another and no learner who is better, so that both end up in its
slip and guess. Here the same figures are asked of the simulator's own learners instead: right answers by opportunity, after
a right and after a wrong answer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

from recommender.core.progress import OnStep, say_nothing
from recommender.simulation.fitting import describe
from recommender.simulation.validation import practise
from recommender.simulation.world import World

Floats = NDArray[np.float64]
TURNS = 8
LEARNERS = 1500
EVALUATIONS = 240
NAMES = ("start", "start_spread", "ability_spread", "learn", "slip", "guess")
FIRST = (0.7, 2.5, 1.0, 0.1, 0.08, 0.18)
MOST = (0.95, 4.0, 2.0, 0.5, 0.3, 0.4)
"""Bounds from above; all are positive."""


def with_parameters(world: World, values: Floats | tuple[float, ...]) -> World:
    """The world with these six parameters; practice teaches alike whether right or wrong, and at any P(correct)."""
    start, start_spread, ability, learn, slip, guess = (float(value) for value in values)
    response = {"slip": slip, "guess": guess, "ability_spread": ability}
    learning = {
        "start": start,
        "start_spread": start_spread,
        "right": learn,
        "wrong": learn,
        "zone": None,
    }
    return world.model_copy(
        update={
            "response": world.response.model_copy(update=response),
            "learning": world.learning.model_copy(update=learning),
        }
    )


def distance(world: World, told: dict[str, Any], *, seed: int = 0) -> float:
    """Root mean square of the differences: half by opportunity, half after a right and after a wrong answer."""
    turns = np.array(told["by_opportunity"][:TURNS])
    ours = describe(practise(world, learners=LEARNERS, answers=len(turns), seed=seed))
    apart = np.square(np.array(ours["by_opportunity"]) - turns).mean()
    after = [ours[name] - told[name] for name in ("after_right", "after_wrong")]
    return float(np.sqrt((apart + np.square(after).mean()) / 2))


def fit_practice(
    world: World, told: dict[str, Any], *, on_step: OnStep = say_nothing
) -> dict[str, float]:
    """The six parameters nearest to what was `told` of real answers (by Nelder & Mead), and their `distance`."""
    most = np.array(MOST)
    calls = 0

    def miss(free: Floats) -> float:
        nonlocal calls
        calls += 1
        on_step(min(calls, EVALUATIONS), EVALUATIONS)
        return distance(with_parameters(world, most * expit(free)), told)

    found = minimize(
        miss,
        logit(np.array(FIRST) / most),
        method="Nelder-Mead",
        options={"maxfev": EVALUATIONS, "xatol": 1e-3, "fatol": 1e-5},
    )
    values = most * expit(found.x)
    return {**dict(zip(NAMES, values.tolist(), strict=True)), "distance": float(found.fun)}
