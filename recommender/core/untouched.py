"""Items that nobody has touched: placed by the items whose texts are nearest.

Such an item has no vector and no column of its own. It gets the means of those of its nearest
neighbours by text, so that it is scored as they are (k nearest neighbours as an attribute-to-feature
mapping: Gantner et al., 2010), and is lifted a little: else it would have to be better than each of
them to be seen at all, and would stay untouched.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional as F

from recommender.core import linear

NEIGHBOURS = 10
SHARPNESS = 3
"""Neighbours count by this power of their cosine."""
LIFT = 3.0
"""Factor of both parts of the score (`studies cold-start` prints what it gains and costs)."""
REFERENCE = 50_000
"""Items that neighbours are looked for among, at most: spread evenly over those with events."""
CELLS = 20_000_000
"""Cosines that are in memory at once."""


@dataclass(frozen=True)
class Untouched:
    """Which items these are, and what they are placed by."""

    item: Tensor  # [U]
    neighbour: Tensor  # [U, m] items with events
    share: Tensor  # [U, m] sums to 1

    @classmethod
    def find(cls, text: Tensor, met: Tensor) -> Untouched | None:
        """Of text vectors [V, D_text] and which items have events [V]; None where there is nothing to do.

        Items without a text, or like no other, are left as they are.
        """
        unit = F.normalize(text.float(), dim=1)
        said = unit.abs().sum(1) > 0
        said[0] = False
        known = (met & said).nonzero()[:, 0]
        fresh = (~met & said).nonzero()[:, 0]
        if not len(known) or not len(fresh):
            return None
        if len(known) > REFERENCE:
            known = known[torch.linspace(0, len(known) - 1, REFERENCE, device=known.device).long()]
        about = unit[known]
        found = []
        size = max(1, CELLS // len(known))
        for start in range(0, len(fresh), size):
            part = fresh[start : start + size]
            near = (unit[part] @ about.T).topk(min(NEIGHBOURS, len(known)), dim=1)
            found.append((near.values.clamp(min=0) ** SHARPNESS, known[near.indices]))
        weight, neighbour = (torch.cat(parts) for parts in zip(*found, strict=True))
        total = weight.sum(1, keepdim=True)
        like = total[:, 0] > 0
        if not like.any():
            return None
        return cls(fresh[like], neighbour[like], (weight / total.clamp(min=1e-9))[like])

    def place(self, vectors: Tensor) -> Tensor:
        """Item vectors [V, D] with theirs."""
        mean = torch.einsum("um,umd->ud", self.share, vectors[self.neighbour])
        return vectors.index_put((self.item,), mean)

    def bias(self, rows: int) -> Tensor:
        """[V] what is added to the attention's logits."""
        return torch.zeros(rows, device=self.item.device).index_fill(0, self.item, math.log(LIFT))

    def join(self, index: Tensor, value: Tensor, block: int = 4096) -> tuple[Tensor, Tensor]:
        """Kept rows [V, kept] of the linear part, wider by the entries of these items.

        Columns rise within a row. Entries that a row had for them before (similar words) go.
        """
        rows, kept = index.shape
        count = self.neighbour.shape[1]
        where = (
            self.neighbour.flatten().cpu().numpy(),
            np.repeat(self.item.cpu().numpy(), count),
        )
        spread = sparse.csr_matrix(
            (LIFT * self.share.flatten().cpu().numpy(), where), shape=(rows, rows)
        )
        fresh = torch.zeros(rows, dtype=torch.bool)
        fresh[self.item.cpu()] = True
        columns, values = [], []
        for start in range(0, rows, block):
            own, worth = index[start : start + block].cpu(), value[start : start + block].cpu()
            worth = worth.masked_fill(fresh[own.long()], 0.0)
            line = np.repeat(np.arange(len(own)), kept)
            entries = (worth.flatten().numpy(), (line, own.flatten().numpy()))
            found = sparse.csr_matrix(entries, shape=(len(own), rows)) @ spread
            more = int(min(kept, np.diff(found.indptr).max(initial=0)))
            theirs = linear.to_rows(found.tocsr(), max(more, 1))
            columns.append(torch.cat([own.masked_fill(worth == 0, 0), theirs[0]], dim=1))
            values.append(torch.cat([worth, theirs[1]], dim=1))
        width = max(part.shape[1] for part in columns)
        wide = torch.cat([F.pad(part, (0, width - part.shape[1])) for part in columns])
        worth = torch.cat([F.pad(part, (0, width - part.shape[1])) for part in values])
        wide = wide.masked_fill(worth == 0, 0)
        ordered, order = wide.sort(dim=1)
        return ordered.to(index), worth.gather(1, order).to(value)
