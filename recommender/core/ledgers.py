"""Profiles of many learners at many moments: the fold of `reweighting`, one learner at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from recommender.core.catalogue import Catalogue
from recommender.core.events import BEHAVIOURS
from recommender.core.replay import Replay
from recommender.core.reweighting import Reweighting, kept, trajectory
from recommender.core.serving import BoundRecommender, Scores
from recommender.core.weights import Weights, concept_means

TOP = 32
"""Contributions that a slate keeps of an item."""
LONGEST = 2000
"""Of a longer history the latest ratings are folded, to bound memory."""


@dataclass(frozen=True)
class Tables:
    """Log-weights that C cases find."""

    item: sparse.csr_matrix  # [C, V]
    concept: NDArray[np.float64]  # [C, concepts + 1], column 0 for none
    behaviour: NDArray[np.float64]  # [C, behaviours + 1]

    def weights(
        self, rows: slice | NDArray[np.integer], config: Reweighting, catalogue: Catalogue
    ) -> Weights:
        """Of some of the cases, for the model."""
        item = self.item[rows].toarray()
        about = concept_means(self.concept[rows], catalogue)
        return Weights.build(item, about, self.behaviour[rows], [config] * len(item))


class Ledgers:
    """The ledgers of all learners with cases in a replay.

    `credit` [E, E] holds the parts that earlier events had in the score of what a rating is on; without
    it a rating's own item takes everything (ρ = 1).
    """

    def __init__(
        self, replay: Replay, catalogue: Catalogue, credit: sparse.csr_matrix | None = None
    ) -> None:
        self.replay, self.catalogue, self.credit = replay, catalogue, credit
        slots = catalogue.concept_slots
        row, slot = np.nonzero(slots)
        self._concepts = sparse.csr_matrix(
            (np.ones(len(row)), (row, slots[row, slot])),
            shape=(len(slots), len(catalogue.concept_keys) + 1),
        )

    def at_cases(self, config: Reweighting, strength: NDArray[np.float64]) -> Tables:
        """Profiles from the ratings before each case; `strength` [E] is their ε."""
        learner = self.replay.cases.learner
        order = np.argsort(learner, kind="stable")
        groups = np.split(order, np.flatnonzero(np.diff(learner[order])) + 1)
        found = [self._learner(rows, config, strength) for rows in groups if len(rows)]
        back = np.argsort(order)
        return Tables(
            sparse.vstack([part.item for part in found], format="csr")[back],
            np.concatenate([part.concept for part in found])[back],
            np.concatenate([part.behaviour for part in found])[back],
        )

    def _learner(
        self, rows: NDArray[np.integer], config: Reweighting, strength: NDArray[np.float64]
    ) -> Tables:
        """Of the cases at `rows`, all of one learner."""
        replay, log = self.replay, self.replay.log
        first = int(log.offsets[replay.cases.learner[rows[0]]])
        end = replay.cases.end[rows]
        skip = max(0, int(end.max()) - LONGEST)
        first, end = first + skip, np.maximum(end - skip, 0)
        events = slice(first, first + int(end.max()))
        items, column = np.unique(np.asarray(log.item[events]), return_inverse=True)
        shares = self._shares(events, column, len(items), config.own)
        time = np.asarray(log.time)
        limit = math.log(config.limit)
        _, states = trajectory(time[events], strength[events], shares, config, -limit, limit)
        state = np.zeros((len(rows), shares.shape[1]))
        some = end > 0
        last = end[some] - 1
        since = time[replay.row[rows[some]]] - time[first + last]
        state[some] = states[last] * kept(since, config)[:, None]
        own, concept = np.split(state, [len(items)], axis=1)
        concept, behaviour = np.split(concept, [self._concepts.shape[1]], axis=1)
        item = sparse.csr_matrix(own)
        shape = (len(rows), self.catalogue.rows)
        item = sparse.csr_matrix((item.data, items[item.indices], item.indptr), shape=shape)
        return Tables(item, concept, behaviour)

    def _shares(
        self, events: slice, column: NDArray[np.integer], items: int, own: float
    ) -> NDArray[np.float64]:
        """[E, items + concepts + behaviours] of each rating among the events of a learner."""
        log = self.replay.log
        one = np.eye(items)[column]
        about = self._concepts[np.asarray(log.item[events])].toarray()
        act = np.eye(len(BEHAVIOURS) + 1)[np.asarray(log.behaviour[events])]
        mine = np.concatenate([one, about, 0 * act], axis=1)
        if self.credit is None or own == 1:
            return mine
        led = self.credit[events, events].toarray()
        rho = np.where(led.any(1), own, 1.0)[:, None]
        whole = np.concatenate([one, about, act], axis=1)
        return np.asarray(rho * mine + (1 - rho) * (led @ whole))


def credit_cost(replay: Replay) -> float:
    """About how often as long `credit` takes as scoring the cases does."""
    last = np.zeros(replay.log.learners)
    np.maximum.at(last, replay.cases.learner, replay.cases.end)
    return 2.0 * float(last.sum()) / max(len(replay.cases), 1)


@torch.inference_mode()
def credit(bound: BoundRecommender, replay: Replay, batch: int = 256) -> sparse.csr_matrix:
    """[E, E] parts, summing to 1 a row, of earlier events in the score of what each rating is on.

    Only ratings that come before a case have a row. As on a slate, the largest 32 are kept.
    """
    log = replay.log
    last = np.zeros(log.learners, dtype=np.int64)
    np.maximum.at(last, replay.cases.learner, replay.cases.end)
    learner = log.learner_of_event()
    place = np.arange(len(log)) - log.offsets[learner]
    wanted = np.flatnonzero((place < last[learner]) & (replay.context > 0))
    row, column, value = [], [], []
    for start in range(0, len(wanted), batch):
        rows = wanted[start : start + batch]
        first = log.offsets[learner[rows]]
        history = log.between(first, first + replay.context[rows])
        scores: Scores = bound.score(history, now=np.inf)
        told = scores.contributions(np.asarray(log.item)[rows][:, None], TOP)
        share = np.abs(told.share[:, 0])
        kept_here = (told.event[:, 0] >= 0) & (share > 0)
        part = share / np.maximum(share.sum(1, keepdims=True), 1e-12)
        case, _ = np.nonzero(kept_here)
        row.append(rows[case])
        column.append(first[case] + told.event[:, 0][kept_here])
        value.append(part[kept_here])
    if not row:
        return sparse.csr_matrix((len(log), len(log)))
    parts = (np.concatenate(value), (np.concatenate(row), np.concatenate(column)))
    return sparse.csr_matrix(parts, shape=(len(log), len(log)))
