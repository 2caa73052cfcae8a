"""What an anomalous attention looks like: the fault whose marks stand out most among its statistics."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from recommender.core.attention_names import KINDS, OTHER, count_heads, names

LEAST = 2.0
"""Standard deviations that the marks of a kind must stand out by in the mean; with less it is another kind."""
MARKS: Mapping[str, Mapping[str, int]] = {
    "collapsed": {"flatness": 1, "peak": 1},
    "uniform": {"flatness": -1, "peak": -1},
    "first_sink": {"first": 1},
    "recency_blind": {"recent": -1, "centre": 1},
    "flooded": {"burst": 1},
}
"""By kind the statistics that lead the way, and which way; names as in `attention_names`, of all heads."""
EMPHASIS: Mapping[str, float] = {"first_sink": 1.1, "recency_blind": 0.8, "flooded": 1.25}
"""A sink is a peak as well, and a peak on an old event looks away from the recent ones: what counts more then."""


def tell_kinds(normal: Tensor) -> Tensor:
    """int64 [B]: which of KINDS the normal scores [B, S] of statistics look like most.

    Each kind counts the mean of its marks over heads, times its emphasis.
    """
    columns = names(count_heads(normal.shape[1]))
    weight = torch.zeros(len(columns), len(MARKS), dtype=normal.dtype, device=normal.device)
    for number, (kind, marks) in enumerate(MARKS.items()):
        chosen = [
            (place, way)
            for place, column in enumerate(columns)
            for mark, way in marks.items()
            if column == mark or column.rpartition("_")[0] == mark
        ]
        for place, way in chosen:
            weight[place, number] = EMPHASIS.get(kind, 1.0) * way / len(chosen)
    best, told = (normal @ weight).max(1)  # over [B, kinds], in the order of KINDS
    return torch.where(best >= LEAST, told, KINDS.index(OTHER))
