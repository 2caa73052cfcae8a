"""Placement beside random questions and the order of the course, on simulated learners whose level is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.core.logistic import sigmoid
from recommender.core.markdown import figure, table
from recommender.core.measure_common import Bar
from recommender.core.placement import (
    GUESS,
    MOST,
    SPREAD,
    Estimate,
    choose_next,
    estimate,
    place_items,
)
from recommender.core.progress import OnStep, say_nothing

LEARNERS = 2000
EXERCISES = 60
LEVELS = 6
"""Concepts of a course lie in so many levels of prerequisites."""
COUNTS = (2, 4, 6, MOST)
ADAPTIVE, RANDOM, ORDER = "most informative", "random", "order of the course"


@dataclass(frozen=True)
class World:
    """How learners answer: as placement assumes by default."""

    name: str
    misplaced: float = (
        0.0  # standard deviation of exercises about the place that is assumed, logits
    )
    slopes: float = 0.0  # spread of the log slope
    guesses: tuple[float, ...] = (GUESS,)
    uneven: float = 0.0  # standard deviation of a learner's level from concept to concept


WORLDS = (
    World("as assumed"),
    World("misplaced exercises", misplaced=1.0),
    World("other slopes and guessing", slopes=0.4, guesses=(0.02, 0.25)),
    World("all of that, uneven learners", 1.0, 0.4, (0.02, 0.25), uneven=0.7),
)


@dataclass(frozen=True)
class Course:
    """Exercises as placement believes them to be, and how one learner answers them."""

    believed: NDArray[np.float64]  # [V] locations
    right: NDArray[np.bool_]  # [V] what she answers
    level: float  # hers, over the whole course


def run(*, learners: int = LEARNERS, seed: int = 0, bar: Bar) -> str:
    """Markdown: root mean squared error of the level after so many questions, and how soon placement ends."""
    blocks = []
    for world in WORLDS:
        bar.stage(world.name)
        errors, asked = measure(world, learners=learners, seed=seed, on_learner=bar.steps)
        lines = []
        for column, count in enumerate(COUNTS):
            squared = {name: rows[:, column] ** 2 for name, rows in errors.items()}
            roots = [f"{float(np.sqrt(each.mean())):.3f}" for each in squared.values()]
            lines.append([str(count), *roots, _less(squared[RANDOM] - squared[ADAPTIVE])])
        head = ["questions", *errors, "squared error less than at random"]
        told = f"{world.name}: {learners:,} learners, placement ends after {asked.mean():.1f} questions"
        blocks.append(f"{told}\n\n{table(head, lines)}")
    return "\n".join(blocks)


def measure(
    world: World, *, learners: int, seed: int, on_learner: OnStep = say_nothing
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.int64]]:
    """Errors of the level [N, counts] by way of asking, and after how many questions placement ends [N]."""
    rng = np.random.default_rng(seed)
    errors: dict[str, list[list[float]]] = {ADAPTIVE: [], RANDOM: [], ORDER: []}
    asked = []
    for number in range(learners):
        course = draw(world, rng)
        orders = {RANDOM: rng.permutation(EXERCISES), ORDER: np.argsort(course.believed)}
        for name, rows in errors.items():
            told = _ask(course, orders.get(name))
            rows.append([told[count - 1].mean - course.level for count in COUNTS])
            if name == ADAPTIVE:
                asked.append(next(each.answers for each in told if each.enough))
        on_learner(number + 1, learners)
    return {name: np.array(rows) for name, rows in errors.items()}, np.array(asked)


def draw(world: World, rng: np.random.Generator) -> Course:
    """One learner, and her answers to all exercises of a course of her own."""
    step = rng.integers(0, LEVELS, EXERCISES)
    nobody = np.zeros(EXERCISES, dtype=np.int64)
    believed = place_items(step / (LEVELS - 1), rng.uniform(size=EXERCISES), nobody, nobody)
    true = believed + world.misplaced * rng.standard_normal(EXERCISES)
    slope = np.exp(world.slopes * rng.standard_normal(EXERCISES))
    guess = rng.choice(world.guesses, EXERCISES)
    level = SPREAD * rng.standard_normal()
    here = level + world.uneven * rng.standard_normal(LEVELS)[step]
    chance = guess + (1 - guess) * sigmoid(slope * (here - true))
    return Course(believed, rng.uniform(size=EXERCISES) < chance, level)


def _ask(course: Course, order: NDArray[np.integer] | None) -> list[Estimate]:
    """What is known after each of MOST questions, in this order or the most informative one first."""
    asked: list[int] = []
    told = []
    for number in range(MOST):
        if order is None:
            open_ = np.setdiff1d(np.arange(EXERCISES), asked)
            place = choose_next(course.believed[asked], course.right[asked], course.believed[open_])
            assert place is not None  # noqa: S101 - there are more exercises than questions
            asked.append(int(open_[place]))
        else:
            asked.append(int(order[number]))
        told.append(estimate(course.believed[asked], course.right[asked]))
    return told


def _less(gain: NDArray[np.float64]) -> str:
    error = 1.96 * float(gain.std(ddof=1)) / np.sqrt(len(gain))
    middle = float(gain.mean())
    return figure({"value": middle, "low": middle - error, "high": middle + error}, sign=True)
