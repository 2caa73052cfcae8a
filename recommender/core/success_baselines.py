"""What people would use instead to predict success; settings chosen on validation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from recommender.core import metrics
from recommender.core.events import RIGHT, EventLog
from recommender.core.exercises import difficulty
from recommender.core.logistic import Floats, logistic, one_hot, sigmoid
from recommender.core.success_training import all_wide
from recommender.core.tallies import ALL, CONCEPT, column

PENALTIES = (0.3, 1.0, 3.0, 10.0)


@dataclass(frozen=True)
class SuccessBaseline:
    name: str
    probability: Floats  # [E] of every answer
    settings: dict[str, float]


@dataclass
class SuccessBaselines:
    """Fits on `train` rows, chooses on `valid` rows of a log of answers."""

    log: EventLog
    slots: NDArray[np.int64]  # [V, S]
    concepts: int
    train: NDArray[np.bool_]  # [E]
    valid: NDArray[np.bool_]  # [E] scored validation rows

    def fit(self, on_step: Callable[[str], None]) -> Iterator[SuccessBaseline]:
        item = np.asarray(self.log.item, dtype=np.int64)
        self.truth = (np.asarray(self.log.outcome) == RIGHT).astype(np.float64)
        on_step("item mean")
        known = difficulty(
            torch.from_numpy(item[self.train]),
            torch.from_numpy(self.truth[self.train].astype(np.float32)),
            torch.from_numpy(self.slots),
            self.concepts,
        )
        prior = torch.sigmoid(known.prior).double().numpy()
        yield SuccessBaseline("item_mean", prior[item], {})
        on_step("counts")
        everyone = np.arange(self.log.learners)
        wide = all_wide(self.log, everyone, known).double().numpy()
        total, concept = wide[:, 0:2], wide[:, CONCEPT : CONCEPT + 2]
        moving = wide[:, [column(ALL, "correct", 0.9)]]
        items = one_hot(item[:, None], len(self.slots))
        concepts = one_hot(self.slots[item], self.concepts + 1)
        on_step("PFA")
        wins, failures = (concepts.multiply(concept[:, [i]]).tocsr() for i in (0, 1))
        yield self._choose("pfa", sparse.hstack([concepts, wins, failures]).tocsr())
        on_step("logistic regression")
        plain = [items, concepts, sparse.csr_matrix(concept), sparse.csr_matrix(total)]
        yield self._choose("logistic_counts", sparse.hstack(plain).tocsr())
        on_step("logistic regression with moving average")
        moved = sparse.hstack([*plain, sparse.csr_matrix(moving)]).tocsr()
        yield self._choose("logistic_counts_average", moved)

    def _choose(self, name: str, features: sparse.csr_matrix) -> SuccessBaseline:
        best: tuple[float, Floats, float] | None = None
        for penalty in PENALTIES:
            weights = logistic(features[self.train], self.truth[self.train], penalty)
            found = sigmoid(features @ weights[:-1] + weights[-1])
            check = self.valid if self.valid.any() else self.train
            loss = metrics.log_loss(found[check], self.truth[check])
            if best is None or loss < best[0]:
                best = (loss, found, penalty)
        assert best is not None  # noqa: S101 - PENALTIES is not empty
        return SuccessBaseline(name, best[1], {"penalty": best[2]})
