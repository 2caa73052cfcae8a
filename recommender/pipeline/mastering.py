"""Mastery from what the refresh predicts anyway: P(correct) over a concept's exercises, and the answers behind it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from learners.mastery import SURENESS, Mastery, weigh_evidence
from recommender.selectors.situations import Read
from recommender.standing import Outline, Situation

SAMPLED: Final = 8
"""So many exercises stand for a concept, spread over the order of its courses."""
WIDEST: Final = 100
"""So many exercises are predicted for mastery alone: the rest of the table are candidates, which are predicted anyway."""


class Mastering:
    """The estimates of one batch of learners: which exercises they need, and what comes of it."""

    def __init__(self) -> None:
        self._outline: Outline | None = None
        self._practised: dict[int, Mapping[int, list[bool]]] = {}
        self._exercises: dict[int, NDArray[np.int64]] = {}
        self._told: list[tuple[int, int, int]] = []  # learner, concept id, answers
        self._shape: list[tuple[float, float]] = []

    def begin(self, outline: Outline, reads: Sequence[Read]) -> None:
        """Take the catalogue and the learners of the batch."""
        self._outline = outline
        self._practised = {
            read.situation.learner: _list_answers(outline, read.situation) for read in reads
        }

    def widen(self, candidates: NDArray[np.int64], learners: Sequence[int]) -> NDArray[np.int64]:
        """Add to candidates [B, C] (padded with 0) the exercises that stand for each learner's concepts: [B, C + D]."""
        added = []
        for row, learner in zip(candidates, learners, strict=True):
            own = [self._sample(concept) for concept in self._practised[learner]]
            wanted = np.concatenate(own) if own else np.zeros(0, dtype=np.int64)
            added.append(np.setdiff1d(wanted, row)[:WIDEST])
        more = np.zeros((len(candidates), max(map(len, added), default=0)), dtype=np.int64)
        for place, rows in enumerate(added):
            more[place, : len(rows)] = rows
        return np.concatenate([candidates, more], axis=1)

    def learn(self, learner: int, success: NDArray[np.float64]) -> None:
        """Note what P(correct) [V] (NaN = not predicted) says of the concepts that this learner has practised."""
        self._note(self._practised.pop(learner), learner, success)

    def read(self) -> dict[int, list[Mastery]]:
        """The estimates by learner; of those whom nothing was predicted for, from their answers alone."""
        for learner, practised in self._practised.items():
            self._note(practised, learner, None)
        self._practised = {}
        found: dict[int, list[Mastery]] = defaultdict(list)
        if not self._told:
            return found
        a, b = np.array(self._shape).T
        tail = (1 - SURENESS) / 2
        values = np.stack([a / (a + b), betaincinv(a, b, tail), betaincinv(a, b, 1 - tail)])
        for (learner, concept, answers), (mean, low, high) in zip(
            self._told, values.T.round(4).tolist(), strict=True
        ):
            found[learner].append(Mastery(concept, mean, low, high, answers))
        return found

    def _note(
        self,
        practised: Mapping[int, list[bool]],
        learner: int,
        success: NDArray[np.float64] | None,
    ) -> None:
        means: list[float | None] = [None] * len(practised)
        if success is not None and practised:
            table = np.zeros((len(practised), SAMPLED), dtype=np.int64)  # row 0 is never predicted
            for place, concept in enumerate(practised):
                rows = self._sample(concept)
                table[place, : len(rows)] = rows
            promised = success[table]
            known = np.isfinite(promised)
            count = known.sum(axis=1)
            total = np.where(known, promised, 0.0).sum(axis=1)
            means = [
                each / number if number else None
                for each, number in zip(total.tolist(), count.tolist(), strict=True)
            ]
        ids = self._catalogue.concept_ids
        for (concept, rights), predicted in zip(practised.items(), means, strict=True):
            self._told.append((learner, ids[concept], len(rights)))
            self._shape.append(weigh_evidence(rights, predicted=predicted))

    @property
    def _catalogue(self) -> Outline:
        if self._outline is None:
            raise RuntimeError("begin comes first")
        return self._outline

    def _sample(self, concept: int) -> NDArray[np.int64]:
        """Rows of the exercises that stand for a concept."""
        rows = self._exercises.get(concept)
        if rows is None:
            outline = self._catalogue
            rows = outline.rows_of_concept[concept]
            rows = rows[outline.gradable[rows] & outline.published[rows]]
            if len(rows) > SAMPLED:
                rows = rows[np.lexsort((rows, outline.order[rows], outline.course_ids[rows]))]
                rows = rows[np.linspace(0, len(rows) - 1, SAMPLED).round().astype(np.int64)]
            self._exercises[concept] = rows
        return rows


def _list_answers(outline: Outline, situation: Situation) -> Mapping[int, list[bool]]:
    """Her graded answers by concept index, the oldest first."""
    found: dict[int, list[bool]] = defaultdict(list)
    for answer in situation.answers:
        for concept in outline.concepts_of.get(outline.row_of.get(answer.item, 0), ()):
            found[concept].append(answer.right)
    return found
