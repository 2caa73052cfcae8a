"""Full-ranking evaluation of next-item models on held-out rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recommender.core import metrics
from recommender.core.events import EventLog, ranges

ScoreFn = Callable[[NDArray[np.int64], NDArray[np.int64]], Tensor]
"""(learners [B], context ends [B]) -> scores [B, V]."""


@dataclass(frozen=True)
class Cases:
    """Held-out rows: after the first `end` events of `learner`, `target` came."""

    learner: NDArray[np.int64]
    end: NDArray[np.int64]
    target: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.learner)

    def take(self, rows: NDArray[np.integer]) -> Cases:
        return Cases(self.learner[rows], self.end[rows], self.target[rows])

    def sample(self, count: int, seed: int) -> Cases:
        """At most `count` of them; a larger count of the same seed holds those of a smaller one."""
        if len(self) <= count:
            return self
        return self.take(np.sort(np.random.default_rng(seed).permutation(len(self))[:count]))

    def batches(self, size: int) -> Iterator[Cases]:
        for start in range(0, len(self), size):
            yield self.take(np.arange(start, min(start + size, len(self))))


def cases_at(log: EventLog, events: NDArray[np.integer]) -> Cases:
    """Cases whose targets are the events at these rows of the log."""
    learner = np.searchsorted(log.offsets, events, side="right") - 1
    return Cases(
        learner.astype(np.int64),
        (events - log.offsets[learner]).astype(np.int64),
        np.asarray(log.item[events], dtype=np.int64),
    )


def exclude(scores: Tensor, log: EventLog, cases: Cases, candidates: Tensor) -> Tensor:
    """Scores with -inf for what is no candidate [V] and for the items of each context."""
    scores = scores.masked_fill(~candidates, float("-inf"))
    first = log.offsets[cases.learner]
    rows = ranges(first, first + cases.end)
    seen = torch.from_numpy(np.asarray(log.item[rows], dtype=np.int64))
    case = torch.from_numpy(np.repeat(np.arange(len(cases)), cases.end))
    scores[case, seen] = float("-inf")
    return scores


def rank_cases(
    score: ScoreFn, log: EventLog, cases: Cases, candidates: Tensor, size: int = 256
) -> NDArray[np.float64]:
    """Rank of each case's target among all candidates outside its context."""
    found = []
    # Score tables of 16 MB at most: the allocator gives larger ones back and faults them in anew.
    size = min(size, max(16, 4_000_000 // len(candidates)))
    with torch.no_grad():
        for part in cases.batches(size):
            scores = exclude(score(part.learner, part.end).float().cpu(), log, part, candidates)
            found.append(metrics.ranks(scores, torch.from_numpy(part.target)))
    return torch.cat(found).double().numpy() if found else np.zeros(0)


def per_learner(values: NDArray[np.float64], learner: NDArray[np.integer]) -> NDArray[np.float64]:
    """Mean within each learner, learners in order."""
    _, index = np.unique(learner, return_inverse=True)
    return np.bincount(index, weights=values) / np.maximum(np.bincount(index), 1)
