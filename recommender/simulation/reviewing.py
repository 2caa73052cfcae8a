"""Memory by FSRS over simulated answers, as the platform keeps it, and the policy that follows nothing else."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from learners.memory import Memory, Review, remember
from recommender.core.events import RIGHT
from recommender.simulation.classroom import Room
from recommender.simulation.policies import best
from recommender.simulation.record import EPOCH, Record

Ints = NDArray[np.int64]
BEGIN = datetime.fromtimestamp(EPOCH, UTC)


def moment(day: float) -> datetime:
    """The date of a day of the simulation."""
    return BEGIN + timedelta(days=day)


class Memories:
    """The platform's memory of every exercise that a learner has answered, by learner and item."""

    def __init__(self) -> None:
        self.of: dict[int, dict[int, Memory]] = defaultdict(dict)
        self._read: dict[int, int] = defaultdict(int)

    def read(self, record: Record, learner: int) -> list[int]:
        """Take in her new answers; returns the items they were on."""
        kept, changed = self.of[learner], []
        for place in range(self._read[learner], int(record.length[learner])):
            item = int(record.item[learner, place])
            if not record.material.gradable[item]:
                continue
            before = kept.get(item)
            right = bool(record.outcome[learner, place] == RIGHT)
            answer = Review(place + 1, moment(float(record.day[learner, place])), right, False)
            attempts = 1 if before is None else before.attempts + 1
            after = remember(item, [answer], before=before, attempts=attempts)
            if after is not None:
                kept[item] = after
                changed.append(item)
        self._read[learner] = int(record.length[learner])
        return changed


class ReviewOnly:
    """What is due by FSRS, the most forgotten first; then what is new, in the order of the syllabus.

    Retrievability falls with days since the last answer over stability, so that this ratio gives its order.
    """

    def __init__(self) -> None:
        self.memories = Memories()
        self.due = np.zeros((0, 0))
        self.stability = np.zeros((0, 0))
        self.reviewed = np.zeros((0, 0))

    def rank(self, room: Room, who: Ints, step: int) -> Ints:
        record, rows = room.record, np.arange(room.material.rows)
        if self.due.size == 0:
            shape = (len(room.day), len(rows))
            self.due, self.stability = np.full(shape, np.inf), np.ones(shape)
            self.reviewed = np.zeros(shape)
        for learner in who.tolist():
            for item in self.memories.read(record, learner):
                memory = self.memories.of[learner][item]
                self.due[learner, item] = (memory.due_at - BEGIN) / timedelta(days=1)
                self.reviewed[learner, item] = (memory.reviewed_at - BEGIN) / timedelta(days=1)
                self.stability[learner, item] = memory.stability
        now = room.day[who, None]
        faded = (now - self.reviewed[who]) / self.stability[who]
        turn = -(rows + len(rows) * (record.taken[who] + record.completed[who]))
        return best(np.where(self.due[who] <= now, faded, turn - 1.0))
