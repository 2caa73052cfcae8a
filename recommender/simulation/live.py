"""Attune itself as a policy: its model over simulated histories, its standing, its ranking.

The same code as behind a refresh: `standing.assess`, the core's `score` and `predict_success`, and the ranking that the
caller hands in (`LiveRanking`), so that what is simulated is what runs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from learners.memory import Memory
from recommender.core.catalogue import Catalogue
from recommender.core.events import RIGHT
from recommender.core.serving import BoundRecommender
from recommender.simulation.chance import Stream, uniform
from recommender.simulation.classroom import SHOWN, Room
from recommender.simulation.record import Record
from recommender.simulation.reviewing import Memories, moment
from recommender.standing import Answer, Outline, Progress, Situation, Standing, assess
from recommender.terms import Term, Without

Ints = NDArray[np.int64]


class LiveRanking(Protocol):
    """The platform's own steps between scores and a list, which need its settings."""

    def choose_exercises(
        self, affinity: NDArray[np.float32], standings: Sequence[Standing], outline: Outline
    ) -> Ints:
        """[m, E] rows to predict success for, padded with 0."""

    def rank(
        self,
        standing: Standing,
        outline: Outline,
        catalogue: Catalogue,
        *,
        affinity: NDArray[np.float32],
        success: NDArray[np.float64],
        target: float,
        key: int,
        without: Without,
    ) -> Ints:
        """Rows of the list, best first; `key` seeds what is drawn, `without` is switched off."""

    def rank_syllabus(self, standing: Standing, outline: Outline) -> Ints:
        """The same for a learner who has done nothing yet."""


class Attune:
    """The live ranker with a version that was trained on the world's warm-up."""

    def __init__(
        self, bound: BoundRecommender, ranking: LiveRanking, *, without: Collection[Term] = ()
    ) -> None:
        """`without` are terms that are switched off, as they are for real learners."""
        self.bound, self.ranking, self.without = bound, ranking, without
        self._seen: dict[int, _Seen] = {}
        self._memories = Memories()

    def rank(self, room: Room, who: Ints, step: int) -> Ints:
        outline = room.material.outline
        standings = []
        for learner in who.tolist():
            seen = self._seen.setdefault(learner, _Seen())
            seen.read(room.record, learner)
            self._memories.read(room.record, learner)
            situation = seen.situation(outline, learner, self._memories.of[learner])
            now = moment(float(room.day[learner]))
            standings.append(assess(outline, situation, now=now, without=self.without))
        if step == 0:
            return _table([self.ranking.rank_syllabus(each, outline) for each in standings])
        log = room.record.to_log(who)
        affinity = self.bound.score(log, now=np.inf).affinity
        exercises = self.ranking.choose_exercises(affinity, standings, outline)
        predicted = self.bound.predict_success(log, exercises, now=np.inf)
        drawn = uniform(room.seed, Stream.EXPLORING, room.traits.ids[who], step)
        lists = []
        for place, standing in enumerate(standings):
            success = np.full(outline.rows, np.nan)
            success[exercises[place]] = predicted[place]
            success[0] = np.nan
            lists.append(
                self.ranking.rank(
                    standing,
                    outline,
                    self.bound.catalogue,
                    affinity=affinity[place],
                    success=success,
                    target=Situation.target_success,
                    key=int(drawn[place] * 2**63),
                    without=self.without,
                )
            )
        return _table(lists)


class _Seen:
    """One learner as the platform's selectors would read her, brought up to date event by event."""

    def __init__(self) -> None:
        self.read_so_far = 0
        self.progress: dict[int, Progress] = {}
        self.answers: list[Answer] = []

    def read(self, record: Record, learner: int) -> None:
        """Take in what is new."""
        for place in range(self.read_so_far, int(record.length[learner])):
            item = int(record.item[learner, place])
            at = moment(float(record.day[learner, place]))
            before = self.progress.get(item, Progress(item, None, 0))
            graded = bool(record.material.gradable[item])
            right = record.outcome[learner, place] == RIGHT
            self.progress[item] = Progress(
                item,
                completed_at=at if right or not graded else before.completed_at,
                right=before.right + int(right),
                seconds=before.seconds + float(record.seconds[learner, place]),
            )
            if graded:
                self.answers.append(Answer(place + 1, item, bool(right), at))
        self.read_so_far = int(record.length[learner])

    def situation(
        self, outline: Outline, learner: int, memories: Mapping[int, Memory]
    ) -> Situation:
        return Situation(
            learner=learner,
            courses=frozenset(outline.course_ids[1:].tolist()),
            progress=tuple(self.progress.values()),
            answers=tuple(self.answers),
            memories=memories,
        )


def _table(lists: Sequence[Ints]) -> Ints:
    """[m, SHOWN], padded with 0."""
    table = np.zeros((len(lists), SHOWN), dtype=np.int64)
    for place, rows in enumerate(lists):
        table[place, : len(rows)] = rows[:SHOWN]
    return table
