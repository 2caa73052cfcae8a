"""Whether a world's learners behave as people were found to: spacing, forgetting, practice, and answers like real ones.

Each function simulates the classic experiment with the very classes that `classroom` uses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recommender.simulation.chance import Stream, uniform
from recommender.simulation.learners import Minds, Traits, draw_traits
from recommender.simulation.material import Material
from recommender.simulation.memory import RIGHT, STUDIED, WRONG, make_trace
from recommender.simulation.world import World

Floats = NDArray[np.float64]
GAPS = (1 / 1440, 0.25, 1.0, 2.0, 4.0, 7.0, 14.0, 28.0, 56.0, 112.0)
"""Days between two studies of the same; the first stands for massed."""
INTERVALS = (7.0, 35.0, 70.0, 350.0)
"""Days from the second study to the test (those of Cepeda et al., 2008)."""
EBBINGHAUS = (
    (0.0139, 0.582),
    (0.0431, 0.442),
    (0.3667, 0.358),
    (1.0, 0.337),
    (2.0, 0.278),
    (6.0, 0.254),
    (31.0, 0.211),
)
"""Days, and savings after so long (Ebbinghaus, 1885, as in Murre & Dros, 2015)."""
LESSONS_APART = 1.0 / 1440
ANSWERS = 10


def spacing(world: World) -> Floats:
    """[intervals, gaps] recall of a usual learner: studied, retrieved (or not) after a gap, tested after an interval."""
    found = np.zeros((len(INTERVALS), len(GAPS)))
    for row, interval in enumerate(INTERVALS):
        for column, gap in enumerate(GAPS):
            trace = make_trace(world.memory, np.ones(1), 1)
            one, whole = np.zeros(1, dtype=np.int64), np.ones(1)
            trace.strengthen(one, one, event=np.array([STUDIED]), part=whole)
            trace.pass_time(np.array([gap]))
            success = float(trace.recall()[0, 0])
            later = np.array([interval])
            right = trace.recall_after(later, event=RIGHT)[0, 0]
            wrong = trace.recall_after(later, event=WRONG)[0, 0]
            found[row, column] = success * right + (1 - success) * wrong
    return found


def forgetting(world: World, days: Floats) -> Floats:
    """Recall so many days [k] after one study."""
    trace = make_trace(world.memory, np.ones(1), 1)
    one = np.zeros(1, dtype=np.int64)
    trace.strengthen(one, one, event=np.array([STUDIED]), part=np.ones(1))
    return np.array([trace.recall_after(np.array([day]), event=None)[0, 0] for day in days])


def practise(
    world: World, *, learners: int, answers: int = ANSWERS, seed: int = 0
) -> NDArray[np.int8]:
    """Right or wrong [n, answers] of learners who practise one concept without prerequisites in a row."""
    calm = world.model_copy(update={"drop_out": world.drop_out.model_copy(update={"base": 0.0})})
    material = _one_concept(calm, answers)
    ids = np.arange(learners)
    traits = _draw(calm, material, seed, ids)
    minds = Minds(calm, material, traits)
    right = np.zeros((learners, answers), dtype=np.int8)
    for turn in range(answers):
        item = 1 + (ids + turn) % answers  # a Latin square: no turn is harder than another
        known = minds.known()
        success = minds.chance(known, item[:, None])[:, 0]
        right[:, turn] = uniform(seed, Stream.ANSWER, ids, turn) < success
        minds.study(
            ids,
            item,
            right=right[:, turn] == 1,
            success=success,
            alert=np.ones(learners),
            known=known,
        )
        minds.pass_time(np.full(learners, LESSONS_APART))
    return right


@dataclass(frozen=True)
class Curve:
    """How well two laws fit errors [k] by opportunity; both have an asymptote."""

    errors: Floats
    power: float  # R² of a + b · n^-c
    exponential: float  # R² of a + b · e^(-c n)


def practice_curve(
    world: World, *, learners: int = 4000, answers: int = 20, seed: int = 0
) -> Curve:
    """Errors of many learners by opportunity, and what law they follow (Newell & Rosenbloom, 1981)."""
    errors = 1 - practise(world, learners=learners, answers=answers, seed=seed).mean(0)
    turn = np.arange(1, answers + 1)
    return Curve(
        errors=errors,
        power=max(_explained(errors, turn**-c) for c in np.geomspace(0.05, 5, 60)),
        exponential=max(_explained(errors, np.exp(-c * turn)) for c in np.geomspace(0.01, 3, 60)),
    )


def _explained(errors: Floats, shape: Floats) -> float:
    """R² of a line in the shape of a law."""
    return float(np.corrcoef(errors, shape)[0, 1] ** 2)


def _one_concept(world: World, answers: int) -> Material:
    rng = np.random.default_rng(0)
    given = world.catalogue
    hard = 0.5 + given.difficulty_spread * rng.standard_normal(answers)
    slope = given.discrimination * np.exp(
        given.discrimination_spread * rng.standard_normal(answers)
    )
    rows = answers + 1
    return Material(
        course=np.array([-1, *[0] * answers]),
        place=np.arange(rows, dtype=np.float64),
        gradable=np.arange(rows) > 0,
        minutes=np.ones(rows),
        slots=np.array([[-1, -1], *[[0, -1]] * answers]),
        difficulty=np.concatenate([[0.5], np.clip(hard, 0.15, 0.85)]),
        slope=np.concatenate([[1.0], slope]),
        parents=np.full((1, 1), -1),
        declared=(frozenset(),),
    )


def _draw(world: World, material: Material, seed: int, ids: NDArray[np.int64]) -> Traits:
    # No time goes by, so what is learned is not forgotten: the memory's spread plays no part.
    return replace(draw_traits(world, material, seed=seed, ids=ids), remembers=np.ones(len(ids)))
