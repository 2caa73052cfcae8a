"""Scoring a few candidates instead of a large catalogue.

Up to EXACT_ROWS items every score is computed. Beyond, on a CPU, candidates are the items with the
largest attention logits, found by an inverted file (faiss), those with the largest linear scores, which
are sparse and so found exactly, and whatever the caller must have scored. All of these get their exact
scores but for the softmax's denominator, whose tail is estimated from a sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

EXACT_ROWS = 50_000
"""Up to here all scores of 256 learners take less time than the rest of a refresh (`studies speed`)."""
NEAR, DIRECT = 1000, 500
"""Candidates by attention and by the linear part."""
PROBES = 32
"""Cells of the inverted file that a search looks into."""
SAMPLE = 8192
"""Items from which the tail of the softmax's denominator is estimated."""
TRAINING, ROUNDS = 40, 8
"""Vectors per cell that the cells' centres are learned from, and how often they are moved."""


class Nearest:
    """Approximate search for the largest inner products with item vectors."""

    def __init__(self, vectors: Tensor, met: Tensor, *, probes: int = PROBES) -> None:
        """vectors [V, D]; met [V] true for items in the softmax's denominator."""
        import faiss

        rows = vectors[1:].cpu().contiguous().numpy()  # PAD is never found
        cells = max(1, int(4 * len(rows) ** 0.5))
        self.index = faiss.IndexIVFFlat(
            faiss.IndexFlatIP(rows.shape[1]), rows.shape[1], cells, faiss.METRIC_INNER_PRODUCT
        )
        self.index.cp.min_points_per_centroid = 1
        self.index.cp.max_points_per_centroid = TRAINING
        self.index.cp.niter = ROUNDS
        self.index.train(rows)
        self.index.add(rows)
        self.index.nprobe = min(probes, cells)
        self.vectors = vectors
        self.met = met
        known = met.nonzero()[:, 0]
        chosen = torch.randperm(len(known), generator=torch.Generator().manual_seed(0))[:SAMPLE]
        self.sample = vectors[known[chosen.to(known.device)]]  # [m, D]
        self.population = len(known)

    def search(self, states: Tensor, count: int = NEAR) -> tuple[Tensor, Tensor]:
        """Logits and rows [B, count] by falling logit; -inf and 0 where fewer were found."""
        logits, rows = self.index.search(states.cpu().contiguous().numpy(), count)
        found = torch.from_numpy(rows) + 1  # -1, nothing found, becomes PAD
        values = torch.from_numpy(logits).masked_fill(found == 0, -torch.inf)
        return values.to(states.device), found.to(states.device)

    def log_norm(self, states: Tensor, logits: Tensor, rows: Tensor, item: Tensor) -> Tensor:
        """log Z [B, 1] over items with events outside the history [B, L].

        Items above the least logit that was found are summed exactly, those below by the sample.
        """
        inside = self.met[rows] & ~(rows[:, :, None] == item[:, None, :]).any(2)
        head = logits.masked_fill(~inside, -torch.inf).logsumexp(1, keepdim=True)
        least = logits[:, -1:]
        rest = states @ self.sample.T
        rest = rest.masked_fill(rest >= least, -torch.inf).logsumexp(1, keepdim=True)
        scale = np.log(max(self.population, 1) / max(len(self.sample), 1))
        return torch.logaddexp(head, rest + scale)


@dataclass(frozen=True)
class Direct:
    """The linear part's scores of one batch, sparse: sorted columns with running sums."""

    column: Tensor  # int64 [B, M] sorted
    total: Tensor  # float64 [B, M + 1] sums before each place

    @classmethod
    def of(cls, item: Tensor, weight: Tensor, index: Tensor, value: Tensor) -> Direct:
        """item, weight [B, L]; index, value [V, kept] of the linear part."""
        # An event far back weighs so little that its neighbours change nothing.
        shown = min(item.shape[1], int((weight > 1e-4).sum(1).max()) if weight.numel() else 0)
        weight, place = weight.topk(max(shown, 1), dim=1)
        item = item.gather(1, place)
        column, order = index[item].flatten(1).long().sort(dim=1)
        parts = (value[item] * weight[..., None]).flatten(1).gather(1, order).double()
        total = torch.cat([torch.zeros_like(parts[:, :1]), parts.cumsum(1)], dim=1)
        return cls(column, total)

    def at(self, rows: Tensor) -> Tensor:
        """[B, K] scores of candidates [B, K]."""
        low = torch.searchsorted(self.column, rows)
        high = torch.searchsorted(self.column, rows, right=True)
        return (self.total.gather(1, high) - self.total.gather(1, low)).float()

    def largest(self, count: int) -> Tensor:
        """Rows [B, count] with the largest scores; 0 where there are fewer."""
        width = self.column.shape[1]
        first = torch.ones_like(self.column, dtype=torch.bool)
        first[:, 1:] = self.column[:, 1:] != self.column[:, :-1]
        place = torch.arange(width, device=self.column.device)
        start = torch.where(first, place, 0).cummax(dim=1).values
        scores = (self.total[:, 1:] - self.total.gather(1, start)).float()
        # A column's whole sum stands at its last place.
        last = torch.ones_like(first)
        last[:, :-1] = first[:, 1:]
        scores = scores.masked_fill(~last | (self.column == 0), -torch.inf)
        found = scores.topk(min(count, width), dim=1)
        return self.column.gather(1, found.indices).masked_fill(found.values <= 0, 0)


def union(*rows: Tensor) -> Tensor:
    """[B, K] every row once, sorted; places left over hold 0."""
    every = torch.cat(rows, dim=1).sort(dim=1).values
    again = torch.zeros_like(every, dtype=torch.bool)
    again[:, 1:] = every[:, 1:] == every[:, :-1]
    return every.masked_fill(again, 0)


def padded(among: Sequence[NDArray[np.integer]] | None, learners: slice, like: Tensor) -> Tensor:
    """[B, K] the rows that the caller wants scored for these learners."""
    wanted = [] if among is None else list(among[learners])
    table = np.zeros((len(like), max((len(w) for w in wanted), default=0)), dtype=np.int64)
    for place, rows in enumerate(wanted):
        table[place, : len(rows)] = rows
    return torch.from_numpy(table).to(like.device)
