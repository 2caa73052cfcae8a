"""Attune itself as a policy: its model over simulated histories, its standing, its ranking.

The same code as behind a refresh: `standing.assess`, the core's `score` and `predict_success`, and the ranking that the
caller hands in (`LiveRanking`), so that what is simulated is what runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
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

Ints = NDArray[np.int64]


TERMS = ("affinity", "practice", "memory", "prerequisites", "lessons-first", "remedies")
"""What can be switched off in turn: its input says nothing, the ranking itself stays as it is."""


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
    ) -> Ints:
        """Rows of the list, best first; `key` seeds what is drawn."""

    def rank_syllabus(self, standing: Standing, outline: Outline) -> Ints:
        """The same for a learner who has done nothing yet."""


class Attune:
    """The live ranker with a version that was trained on the world's warm-up."""

    def __init__(
        self, bound: BoundRecommender, ranking: LiveRanking, *, without: str | None = None
    ) -> None:
        """`without` names one of TERMS, which the ranking then sees nothing of."""
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
            standing = assess(outline, situation, now=moment(float(room.day[learner])))
            standings.append(_blind(standing, self.without))
        if step == 0:
            return _table([self.ranking.rank_syllabus(each, outline) for each in standings])
        log = room.record.to_log(who)
        affinity = self.bound.score(log, now=np.inf).affinity
        if self.without == "affinity":
            affinity = np.zeros_like(affinity)
        exercises = self.ranking.choose_exercises(affinity, standings, outline)
        predicted = self.bound.predict_success(log, exercises, now=np.inf)
        if self.without == "practice":
            predicted = np.full_like(predicted, np.nan)
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
                )
            )
        return _table(lists)


def _blind(standing: Standing, term: str | None) -> Standing:
    """The standing without what one term is made of."""
    if term == "memory":
        return replace(standing, recall=np.full_like(standing.recall, np.nan))
    if term == "prerequisites":
        return replace(standing, missing=np.zeros_like(standing.missing))
    if term == "lessons-first":
        return replace(standing, teach_first=np.zeros_like(standing.teach_first), introduces={})
    if term == "remedies":
        return replace(standing, remedial=np.zeros_like(standing.remedial), remedies={})
    return standing


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
