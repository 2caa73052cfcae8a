"""The linear item-to-item part: EASE with recency, kept as the largest entries of each row.

EASE: Steck (2019), Embarrassingly shallow autoencoders for sparse data. Recency: the row of the
item met k distinct items ago counts decay^k. Where order matters more than company, the shares of
a Markov chain may be added to the rows.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

KEPT = 200
"""Entries of an item's row that are kept, the largest by magnitude."""


STRENGTHS = (50.0, 100.0, 200.0, 500.0, 1000.0)
NEIGHBOURS = 500
"""Of each item, the nearest that item-kNN may use."""
DENSE_LIMIT = 20_000
"""Beyond so many items a dense inverse takes too much memory."""


def strengths_for(rows: int, seconds: float) -> tuple[float, ...]:
    """Ridge penalties worth trying for a catalogue within a time; none: use item-kNN instead.

    One inverse costs about 4e-11 s · V^3 on one core.
    """
    if rows > DENSE_LIMIT:
        return ()
    affordable = max(0, int(seconds / (4e-11 * rows**3)))
    choices: tuple[tuple[float, ...], ...] = (
        STRENGTHS,
        (50.0, 100.0, 500.0),
        (100.0, 300.0),
        (100.0,),
        (),
    )
    if rows > 4000:
        choices = choices[1:]
    return next(choice for choice in choices if len(choice) <= affordable)


def interactions(
    learner: NDArray[np.integer], item: NDArray[np.integer], learners: int, rows: int
) -> sparse.csr_matrix:
    """Binary learner x item matrix, float32; row 0 of the catalogue stays empty."""
    known = item > 0
    ones = np.ones(int(known.sum()), dtype=np.float32)
    matrix = sparse.csr_matrix((ones, (learner[known], item[known])), shape=(learners, rows))
    matrix.data[:] = 1.0  # repeated meetings were added up
    return matrix


def gram(matrix: sparse.csr_matrix) -> Tensor:
    """[V, V] co-occurrence counts, dense."""
    return torch.from_numpy(np.asarray((matrix.T @ matrix).todense(), dtype=np.float32))


def ease(counts: Tensor, strength: float) -> Tensor:
    """Item-to-item weights [V, V], zero diagonal, from co-occurrence counts and the ridge penalty."""
    penalised = counts.clone()
    penalised.diagonal().add_(strength)
    factor = torch.linalg.cholesky(penalised)
    del penalised  # each of these is V^2 numbers
    weights = torch.cholesky_inverse(factor)
    del factor
    weights.div_(-weights.diagonal().clone()[None, :])
    weights.fill_diagonal_(0.0)
    return weights


PAIRS_A_SECOND = 1e7
"""Pairs of items of one learner that are counted in a second, at least."""


class ItemWeights:
    """Item-to-item weights of one set of training events, each kind computed once.

    Baselines and the model's own linear part ask for the same ones. Dense weights of EASE stay in memory
    as far as `room` bytes go, kept rows and neighbours always do.
    """

    def __init__(self, matrix: sparse.csr_matrix, seconds: float, room: float = 2e9) -> None:
        self.matrix = matrix
        self.seconds = seconds
        self.strengths = strengths_for(matrix.shape[1], seconds)
        self._room = room
        self._counts: Tensor | None = None
        self._dense: dict[float, Tensor] = {}
        self._kept: dict[float, tuple[Tensor, Tensor]] = {}
        self._nearest: tuple[Tensor, Tensor] | None = None

    def neighbours(self, kept: int) -> sparse.csr_matrix:
        """Cosine item-kNN [V, V]: every column holds the `kept` nearest neighbours of its item.

        So each candidate is scored by its own neighbours. The other way round, where each item met
        votes for its neighbours only, was worse throughout.
        """
        if self._nearest is None:
            some = shorten(self.matrix, max(1.0, self.seconds) * PAIRS_A_SECOND)
            self._nearest = cosine(some, NEIGHBOURS)
        index, value = self._nearest
        return from_rows(index[:, :kept], value[:, :kept]).T.tocsr()

    def dense(self, strength: float) -> Tensor:
        """Weights [V, V]."""
        if strength not in self._dense:
            if self._counts is None:
                self._counts = gram(self.matrix)
            # The inverse comes column by column; each product with sparse rows would copy it.
            weights = ease(self._counts, strength).contiguous()
            size = 4.0 * weights.numel()
            while self._dense and size * (len(self._dense) + 2) > self._room:
                self._dense.pop(next(iter(self._dense)))
            self._dense[strength] = weights
            self._kept.setdefault(strength, largest(weights))
        return self._dense[strength]

    def kept(self, strength: float) -> tuple[Tensor, Tensor]:
        """The largest entries of each row, as `largest` gives them."""
        if strength not in self._kept:
            self.dense(strength)
        return self._kept[strength]


DOUBT = 2.0
"""Successions to other items that are added to those seen, so that one alone does not count as certain."""


def markov(
    learner: NDArray[np.integer], item: NDArray[np.integer], rows: int
) -> tuple[Tensor, Tensor]:
    """How often each item is directly followed by another [V, kept], as shares, as `largest` gives them.

    Learners and items of all events in order; unknown items (0) and repetitions are passed over.
    """
    known = np.flatnonzero(item > 0)
    before, after = known[:-1], known[1:]
    pair = (learner[before] == learner[after]) & (item[before] != item[after])
    ones = np.ones(int(pair.sum()), dtype=np.float32)
    where = item[before[pair]], item[after[pair]]
    counts = sparse.csr_matrix((ones, where), shape=(rows, rows))
    total = np.asarray(counts.sum(1), dtype=np.float32).ravel()
    return to_rows((sparse.diags(1 / (total + DOUBT)) @ counts).tocsr())


def shorten(matrix: sparse.csr_matrix, pairs: float) -> sparse.csr_matrix:
    """The longest histories cut to a random part, so that at most about `pairs` pairs are left."""
    counts = np.diff(matrix.indptr)
    cap = int(counts.max(initial=0))
    while cap > 1 and (np.minimum(counts, cap).astype(np.float64) ** 2).sum() > pairs:
        cap = int(cap * 0.8)
    order = np.lexsort(
        (np.random.default_rng(0).random(matrix.nnz), np.repeat(np.arange(len(counts)), counts))
    )
    place = np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1], counts)
    kept = np.zeros(matrix.nnz, dtype=bool)
    kept[order] = place < cap
    if kept.all():
        return matrix
    row = np.repeat(np.arange(len(counts)), counts)[kept]
    ones = np.ones(len(row), dtype=np.float32)
    return sparse.csr_matrix((ones, (row, matrix.indices[kept])), shape=matrix.shape)


def fuse(
    one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor], weight: float
) -> tuple[Tensor, Tensor]:
    """Kept rows of ``one + weight · other``."""
    return to_rows(from_rows(*one) + weight * from_rows(*other), one[0].shape[1])


def from_rows(index: Tensor, value: Tensor) -> sparse.csr_matrix:
    """[V, V] of column indices and values [V, kept]."""
    rows = len(index)
    row = np.repeat(np.arange(rows), index.shape[1])
    matrix = sparse.csr_matrix(
        (value.numpy().ravel(), (row, index.numpy().ravel())), shape=(rows, rows)
    )
    matrix.eliminate_zeros()
    return matrix


def to_rows(matrix: sparse.csr_matrix, kept: int = KEPT) -> tuple[Tensor, Tensor]:
    """The largest entries of each row of a sparse matrix, by falling magnitude, as `largest` gives them.

    Shorter rows end with entries of 0 in column 0.
    """
    matrix = matrix.tocsr()
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((-np.abs(matrix.data), row))
    place = np.arange(matrix.nnz) - matrix.indptr[row]
    some = place < kept
    index = np.zeros((matrix.shape[0], min(kept, matrix.shape[1])), dtype=np.int32)
    value = np.zeros(index.shape, dtype=np.float32)
    index[row[some], place[some]] = matrix.indices[order[some]]
    value[row[some], place[some]] = matrix.data[order[some]]
    return torch.from_numpy(index), torch.from_numpy(value)


def cosine(matrix: sparse.csr_matrix, kept: int = KEPT, block: int = 2048) -> tuple[Tensor, Tensor]:
    """The nearest items of each by cosine, in blocks: catalogues of any size.

    Returns column indices and values [V, kept], as `largest` does.
    """
    norm = np.sqrt(np.asarray(matrix.sum(0)).ravel())
    scaled = (matrix @ sparse.diags(1 / np.maximum(norm, 1e-9))).tocsc().astype(np.float32)
    columns, values = [], []
    for start in range(0, matrix.shape[1], block):
        part = np.asarray((scaled[:, start : start + block].T @ scaled).todense())
        part[np.arange(len(part)), start + np.arange(len(part))] = 0
        index, value = largest(torch.from_numpy(part), kept)
        columns.append(index)
        values.append(value)
    return torch.cat(columns), torch.cat(values)


def largest(weights: Tensor, kept: int = KEPT) -> tuple[Tensor, Tensor]:
    """Column indices int32 and values float32 [V, kept] of the largest magnitudes of each row."""
    kept = min(kept, weights.shape[1])
    index = weights.abs().topk(kept, dim=1).indices
    return index.to(torch.int32), weights.gather(1, index)


def recency(item: Tensor, mask: Tensor, decay: float) -> Tensor:
    """Weight [B, L] of each event: decay^(distinct items met after it).

    Only the last meeting of an item counts; unknown items neither count nor age the others.
    """
    known = mask & (item > 0)
    ordered, order = torch.where(known, item, 0).sort(dim=1, stable=True)
    final = torch.ones_like(known)
    final[:, :-1] = ordered[:, 1:] != ordered[:, :-1]
    last = torch.zeros_like(known).scatter_(1, order, final) & known
    after = last.flip(1).cumsum(1).flip(1) - last.long()
    return torch.where(last, decay ** after.float(), 0.0)


def score(item: Tensor, weight: Tensor, index: Tensor, value: Tensor) -> Tensor:
    """[B, V] sums of the kept rows of the items [B, L], each times its weight [B, L]."""
    B, rows = len(item), len(index)
    columns = index[item].long()  # [B, L, kept]
    parts = value[item] * weight[..., None]
    out = torch.zeros(B, rows, device=item.device)
    return out.scatter_add_(1, columns.flatten(1), parts.flatten(1))


def entries(item: Tensor, wanted: Tensor, index: Tensor, value: Tensor) -> Tensor:
    """[B, K, L] the weight from each item of a history [B, L] to each wanted item [B, K].

    The columns `index` [V, kept] must rise within each row.
    """
    columns = index[item].long()  # [B, L, kept]
    asked = wanted[:, None, :].expand(-1, item.shape[1], -1).contiguous()  # [B, L, K]
    place = torch.searchsorted(columns, asked).clamp(max=columns.shape[2] - 1)
    found = value[item].gather(2, place) * (columns.gather(2, place) == asked)
    return found.transpose(1, 2)
