"""Policies that need no model: what Attune is compared with, each on arrays over learners."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.simulation.chance import Stream, uniform
from recommender.simulation.classroom import SHOWN, Room
from recommender.simulation.record import LAST

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def best(score: Floats) -> Ints:
    """Rows [m, SHOWN] of the highest scores [m, V], ties by row; never PAD, and 0 where a score is -inf."""
    score = score.copy()
    score[:, 0] = -np.inf
    kept = min(SHOWN, score.shape[1] - 1)
    order = np.argsort(-score, axis=1, kind="stable")[:, :kept]
    return np.where(np.isneginf(np.take_along_axis(score, order, axis=1)), 0, order)


class Random:
    """Anything that is not completed; anything at all once nothing is left."""

    def rank(self, room: Room, who: Ints, step: int) -> Ints:
        rows = np.arange(room.material.rows)
        drawn = uniform(room.seed, Stream.SHUFFLE, room.traits.ids[who][:, None], step, rows)
        return best(drawn - room.record.completed[who])


class Syllabus:
    """The order of the courses: everything once, then what went wrong again, then all over again."""

    def rank(self, room: Room, who: Ints, step: int) -> Ints:
        record, rows = room.record, np.arange(room.material.rows)
        rounds = record.taken[who] + 2 * record.completed[who]
        return best(-(rows + room.material.rows * rounds).astype(np.float64))


class Mixture:
    """For each list by itself, random or the syllabus: what a world's warm-up logs."""

    def __init__(self, share: float) -> None:
        self.share = share

    def rank(self, room: Room, who: Ints, step: int) -> Ints:
        drawn = uniform(room.seed, Stream.MIXTURE, room.traits.ids[who], step)
        random, syllabus = Random().rank(room, who, step), Syllabus().rank(room, who, step)
        return np.where((drawn < self.share)[:, None], random, syllabus)


class Popularity:
    """What was studied most in the warm-up and she has not completed yet."""

    def __init__(self, counts: Ints) -> None:
        """`counts` [V] by catalogue row."""
        self.share = counts / max(int(counts.max()), 1)

    def rank(self, room: Room, who: Ints, step: int) -> Ints:
        # What she has tried without success steps back a little, or one hard item would be all that she ever sees.
        tried = room.record.taken[who]
        return best(self.share - 2.0 * room.record.completed[who] - 0.1 * tried)


class Mastery:
    """The next concept that is not mastered and whose declared prerequisites are, until it is.

    Mastered is three right answers in a row, as skill builders have it (Kelly et al., 2015). A concept begins with its
    lessons; three wrong answers in a row bring them back. Once all is mastered, what lies longest back.
    """

    def rank(self, room: Room, who: Ints, step: int) -> Ints:
        material, record = room.material, room.record
        answers = record.answers[who]  # [m, C, LAST]
        mastered = (answers == 1).all(-1)
        failing = (answers == 0).all(-1)
        ready = np.stack(
            [
                mastered[:, sorted(before)].all(1) if before else np.ones(len(who), dtype=bool)
                for before in material.declared
            ],
            axis=1,
        )
        count = material.concepts
        turn = np.arange(count) + count * ~ready + 2.0 * count * mastered
        turn = turn + np.where(mastered, np.maximum(record.last_day[who], 0), 0)
        about, rows = np.maximum(material.about, 0), np.arange(material.rows)
        taken = record.taken[who]
        lesson = np.where((taken == 0) | (failing[:, about] & (taken <= LAST)), 0, 100)
        within = np.where(material.gradable, 1 + taken, lesson) + rows / material.rows
        return best(-(1e4 * turn[:, about] + within))


class Oracle:
    """Greedy on the truth: expected gain in what is known 30 days after the end, for each minute of hers."""

    def rank(self, room: Room, who: Ints, step: int) -> Ints:
        from recommender.simulation.oracle import expected_gain

        gain = expected_gain(room, who)
        return best(gain / np.maximum(room.material.minutes, 1e-9))
