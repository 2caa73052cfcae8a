"""What the platform knows of simulated learners: their events, and nothing of what goes on in their heads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.core.events import ANSWERED, COMPLETED, OUTCOMES, RIGHT, WRONG, EventLog
from recommender.simulation.material import Material

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NONE = OUTCOMES.index("none")
EPOCH = 1_767_225_600.0
"""Day 0 in unix seconds: 1 January 2026."""
LAST = 3
"""Answers on a concept that are kept at hand."""


class Record:
    """Events of n learners in the order in which they happened, with the counts that policies read."""

    def __init__(self, material: Material, learners: int) -> None:
        self.material = material
        shape = (learners, material.rows)
        self.length = np.zeros(learners, dtype=np.int64)
        self.item = np.zeros((learners, 64), dtype=np.int32)
        self.outcome = np.zeros((learners, 64), dtype=np.uint8)
        self.seconds = np.zeros((learners, 64), dtype=np.float32)
        self.day = np.zeros((learners, 64))
        self.taken = np.zeros(shape, dtype=np.int64)  # times finished
        self.completed = np.zeros(
            shape, dtype=bool
        )  # a lesson finished, an exercise answered right
        self.last_day = np.full((learners, material.concepts), -np.inf)
        self.answers = np.full((learners, material.concepts, LAST), -1, dtype=np.int8)
        """1 right, 0 wrong, -1 none; the newest stands last."""

    def add(
        self, who: Ints, item: Ints, *, right: NDArray[np.bool_], minutes: Floats, day: Floats
    ) -> None:
        """Learners `who` [m] finish items [m] at `day` [m]; each learner occurs once."""
        place = self.length[who]
        if len(place) and place.max() >= self.item.shape[1]:
            self._grow()
        graded = self.material.gradable[item]
        self.item[who, place] = item
        self.outcome[who, place] = np.where(graded, np.where(right, RIGHT, WRONG), NONE)
        self.seconds[who, place] = 60 * minutes
        self.day[who, place] = day
        self.length[who] += 1
        self.taken[who, item] += 1
        self.completed[who, item] |= right | ~graded
        for slot in self.material.slots[item].T:
            has = slot >= 0
            self.last_day[who[has], slot[has]] = day[has]
            told = has & graded
            learner, concept = who[told], slot[told]
            self.answers[learner, concept, :-1] = self.answers[learner, concept, 1:]
            self.answers[learner, concept, -1] = right[told]

    def to_log(self, who: Ints) -> EventLog:
        """Their histories as the core reads them, in the order of `who`."""
        length = self.length[who]
        real = np.arange(self.item.shape[1]) < length[:, None]
        outcome = self.outcome[who][real]
        time = EPOCH + 86_400 * self.day[who][real]
        return EventLog.from_columns(
            np.concatenate([[0], np.cumsum(length)]),
            item=self.item[who][real],
            behaviour=np.where(outcome == NONE, COMPLETED, ANSWERED),
            outcome=outcome,
            attention=self.seconds[who][real],
            time=time,
            received=time,
        )

    def _grow(self) -> None:
        for name in ("item", "outcome", "seconds", "day"):
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.zeros_like(old)], axis=1))
