"""Answers of simulated learners whose memory is known, for judging what memory promises against the truth.

Their memory is that of a simulated world (`docs/simulator.md`), each exercise a concept of its own; everything else of the
world (learning, taste, what is listed) is left out. Gaps between two answers are drawn, log-uniform between 1 and 60 days,
and don't hang on what any model of memory recommends.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from fsrs import Card
from numpy.typing import NDArray

from learners.memory import DEFAULTS, Review, make_scheduler
from recommender.simulation.chance import Stream, normal, uniform
from recommender.simulation.memory import RIGHT, WRONG, make_trace
from recommender.simulation.world import World

EXERCISES: Final = 60
DAYS: Final = 365
LONGEST_GAP: Final = 60
KNOWN: Final = 0.7
"""P(right) of a first answer."""
BEGIN: Final = datetime(2025, 1, 1, 12, tzinfo=UTC)

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class SimulatedLearner:
    """Her graded answers by exercise, oldest first, and beside each the probability with which it was right."""

    history: dict[int, list[Review]]
    truth: dict[int, list[float]]


def simulate_reviews(world: World, *, learners: int, seed: int) -> Iterator[SimulatedLearner]:
    """Yield learners of a year of answers each, about 1,500; the same for the same seed.

    P(right) is guess + (1 - slip - guess) · recall, by the world's response and memory. A learner's year doesn't hang on how
    many there are.
    """
    given, memory = world.response, world.memory
    who = np.arange(learners)
    shape = (learners, EXERCISES)
    remembers = np.exp(memory.spread * normal(seed, Stream.FORGETTING, who))
    luck = given.guess / max(1 - given.slip, 1e-9)
    trace = make_trace(memory, remembers, EXERCISES, luck=luck)
    exercise = np.arange(EXERCISES)
    # Exercises are met one after the other, over the first third of the year.
    following = np.broadcast_to(exercise * DAYS // (3 * EXERCISES), shape).copy()
    met = np.zeros(shape, dtype=bool)
    days: list[tuple[int, Bools, Bools, NDArray[np.float64]]] = []
    for day in range(DAYS):
        due = following == day
        chance = np.where(met, given.guess + (1 - given.slip - given.guess) * trace.recall(), KNOWN)
        right = uniform(seed, Stream.ANSWER, who[:, None], day, exercise) < chance
        rows, columns = np.nonzero(due)
        event = np.where(right[rows, columns], RIGHT, WRONG)
        trace.strengthen(rows, columns, event=event, part=np.ones(len(rows)))
        met |= due
        gap = LONGEST_GAP ** uniform(seed, Stream.GAP, who[:, None], day, exercise)
        following = np.where(due, day + np.rint(gap).astype(np.int64), following)
        days.append((day, due, right, chance))
        trace.pass_time(np.ones(learners))
    for learner in range(learners):
        yield _collect(days, learner)


def simulate_defaults(*, learners: int, seed: int) -> Iterator[SimulatedLearner]:
    """Yield learners who forget exactly as the library's defaults say: where nothing is to be gained by a fit.

    Gaps and first answers are those of `simulate_reviews`, without guesses and slips.
    """
    scheduler = make_scheduler(DEFAULTS.parameters)
    for learner in range(learners):
        history: dict[int, list[Review]] = {}
        truth: dict[int, list[float]] = {}
        for exercise in range(EXERCISES):
            card, day = Card(card_id=exercise), exercise * DAYS // (3 * EXERCISES)
            answers, chances = history.setdefault(exercise, []), truth.setdefault(exercise, [])
            while day < DAYS:
                at = BEGIN + timedelta(days=day)
                chance = scheduler.get_card_retrievability(card, at) if answers else KNOWN
                drawn = float(uniform(seed, Stream.ANSWER, learner, day, exercise)[()])
                review = Review(learner * 10**6 + exercise * 1000 + day, at, drawn < chance, False)
                card, _log = scheduler.review_card(card, review.rating, at)
                answers.append(review)
                chances.append(chance)
                gap = LONGEST_GAP ** float(uniform(seed, Stream.GAP, learner, day, exercise)[()])
                day += round(gap)
        yield SimulatedLearner(history, truth)


def _collect(
    days: Sequence[tuple[int, Bools, Bools, NDArray[np.float64]]], learner: int
) -> SimulatedLearner:
    history: dict[int, list[Review]] = defaultdict(list)
    truth: dict[int, list[float]] = defaultdict(list)
    number = 0
    for day, due, right, chance in days:
        for exercise in np.flatnonzero(due[learner]).tolist():
            number += 1
            at = BEGIN + timedelta(days=day)
            history[exercise].append(Review(number, at, bool(right[learner, exercise]), False))
            truth[exercise].append(float(chance[learner, exercise]))
    return SimulatedLearner(dict(history), dict(truth))
