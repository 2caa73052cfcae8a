"""Items that nobody has touched: placed by the items whose texts are nearest.

Such an item has no vector, row or column of its own. It gets the means of those of its nearest
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
ALIKE = 0.3
"""Least cosine of a neighbour: texts below are about something else, or of another language."""
LIFT = 3.0
"""Factor of both parts of the score (`studies cold-start` prints what it gains and costs)."""
CROWD = 1 / 3
"""The lift times the number of untouched items is at most this part of the number of known ones, so
that a new course doesn't push aside everything that is known: it is whole while a tenth is new."""
REFERENCE = 50_000
"""Items that neighbours are looked for among, at most: spread evenly over those with events."""
CELLS = 20_000_000
"""Cosines that are in memory at once."""
BLOCK = 8192
"""Rows of the linear part that are widened at once."""


@dataclass(frozen=True)
class Untouched:
    """Which items these are, and what they are placed by."""

    item: Tensor  # [U]
    neighbour: Tensor  # [U, m]
    share: Tensor  # [U, m] sums to 1
    lift: float

    @classmethod
    def find(cls, text: Tensor, met: Tensor, warm: Tensor) -> Untouched | None:
        """Of text vectors [V, D_text], which items have events [V], and which enough of them [V].

        Items without a text, or like no other, are left as they are; None where that is all of them.
        """
        unit = F.normalize(text.float(), dim=1)
        said = unit.abs().sum(1) > 0
        said[0] = False
        warm = warm if (warm & said).any() else met
        known, fresh = (warm & said).nonzero()[:, 0], (~met & said).nonzero()[:, 0]
        if not len(known) or not len(fresh):
            return None
        lift = min(LIFT, CROWD * len(known) / len(fresh))
        if len(known) > REFERENCE:
            known = known[torch.linspace(0, len(known) - 1, REFERENCE, device=known.device).long()]
        about = unit[known]
        found = []
        size = max(1, CELLS // len(known))
        for start in range(0, len(fresh), size):
            part = fresh[start : start + size]
            near = (unit[part] @ about.T).topk(min(NEIGHBOURS, len(known)), dim=1)
            weight = near.values.where(near.values >= ALIKE, 0.0) ** SHARPNESS
            found.append((weight, known[near.indices]))
        weight, neighbour = (torch.cat(parts) for parts in zip(*found, strict=True))
        total = weight.sum(1, keepdim=True)
        like = total[:, 0] > 0
        if not like.any():
            return None
        return cls(fresh[like], neighbour[like], (weight / total.clamp(min=1e-9))[like], lift)

    def place(self, vectors: Tensor) -> Tensor:
        """Item vectors [V, D] with theirs."""
        mean = torch.einsum("um,umd->ud", self.share, vectors[self.neighbour])
        return vectors.index_put((self.item,), mean)

    def bias(self, rows: int) -> Tensor:
        """[V] what is added to the attention's logits."""
        empty = torch.zeros(rows, device=self.item.device)
        return empty.index_fill(0, self.item, math.log(self.lift))

    def join(self, index: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Kept rows of the linear part [V, kept] with theirs, wider by what leads to them.

        Columns rise within a row. Entries that these items had before (similar words) go.
        """
        rows, kept = index.shape
        item, count = self.item.cpu(), self.neighbour.shape[1]
        fresh = torch.zeros(rows, dtype=torch.bool)
        fresh[item] = True
        worth = value.cpu().masked_fill(fresh[index.cpu().long()] | fresh[:, None], 0.0)
        own = linear.from_rows(index.cpu(), worth)
        where = np.repeat(item.numpy(), count), self.neighbour.flatten().cpu().numpy()
        means = sparse.csr_matrix((self.share.flatten().cpu().numpy(), where), shape=(rows, rows))
        lifted = (self.lift * means.T).tocsr()
        columns, values = [], []
        for start in range(0, rows, BLOCK):
            part = own[start : start + BLOCK] + means[start : start + BLOCK] @ own
            found = linear.to_rows(part + part @ lifted, 2 * kept)
            columns.append(found[0])
            values.append(found[1])
        width = max(int((part != 0).sum(1).max()) for part in values)
        wide, worth = (torch.cat(parts)[:, : max(width, 1)] for parts in (columns, values))
        ordered, order = wide.sort(dim=1)
        return ordered.to(index), worth.gather(1, order).to(value)
