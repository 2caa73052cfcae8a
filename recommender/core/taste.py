"""How alike feedback on two items is: what feedback on one item says of another.

Item-based collaborative filtering (Sarwar et al., 2001) over surprises: y − p, where y in [0, 1] is how
helpful an item was found, and p what was to be expected of this item and this learner.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from recommender.core.linear import KEPT, largest

PRIOR = 5.0
"""Feedbacks that the mean of an item or of a learner is drawn towards what is usual by."""
COMMON = 10.0
"""Learners in common by whom a similarity is halved, so that two who agree prove little."""


def usual(
    item: NDArray[np.integer], helpful: NDArray[np.floating], rows: int
) -> NDArray[np.float64]:
    """[V] how helpful each item is found, drawn towards the mean of all."""
    mean = float(helpful.mean()) if len(helpful) else 0.5
    count = np.bincount(item, minlength=rows)
    total = np.bincount(item, weights=helpful, minlength=rows)
    return np.asarray((total + PRIOR * mean) / (count + PRIOR))


def expected(
    item: NDArray[np.floating], before: NDArray[np.integer], surplus: NDArray[np.floating]
) -> NDArray[np.float64]:
    """p in [0, 1]: what is usual for the `item`, and what the learner has said beyond that so far.

    `before` counts her earlier feedbacks, `surplus` is the sum of their ``y − usual``.
    """
    return np.asarray(np.clip(item + surplus / (before + PRIOR), 0.0, 1.0))


def similarity(  # noqa: PLR0917 - columns of one table
    learner: NDArray[np.integer],
    item: NDArray[np.integer],
    surprise: NDArray[np.floating],
    learners: int,
    rows: int,
    block: int = 2048,
) -> tuple[Tensor, Tensor]:
    """Cosine of surprises, times n / (n + 10) for n learners in common: the largest of each row.

    Returns column indices and values [V, kept], as `linear.largest` does.
    """
    shape = (learners, rows)
    said = sparse.csr_matrix((surprise.astype(np.float32), (learner, item)), shape=shape)
    met = said.copy()
    met.data[:] = 1.0
    norm = np.sqrt(np.asarray(said.multiply(said).sum(0)).ravel())
    scaled = (said @ sparse.diags(1 / np.maximum(norm, 1e-9))).tocsc().astype(np.float32)
    met = met.tocsc()
    columns, values = [], []
    for start in range(0, rows, block):
        stop = min(start + block, rows)
        alike = (scaled[:, start:stop].T @ scaled).toarray()
        common = (met[:, start:stop].T @ met).toarray()
        alike *= common / (common + COMMON)
        alike[np.arange(stop - start), np.arange(start, stop)] = 0.0
        index, value = largest(torch.from_numpy(alike), KEPT)
        columns.append(index)
        values.append(value)
    return torch.cat(columns), torch.cat(values)
