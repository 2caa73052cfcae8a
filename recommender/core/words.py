"""TF-IDF of item texts: the words that two items share.

Sparse and cheap (seconds where a transformer takes minutes), and on catalogues with interactions it
orders neighbours of an item better than encoder vectors do; those serve where words differ.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

WORK = 2e9
"""Multiplications that comparing all items may take; the commonest words go first beyond that."""
_WORD = re.compile(r"[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2,}")
_PAIR = re.compile(r"(?=([\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2}))")


def split_words(text: str) -> list[str]:
    """Lower-case words of two letters and more; of scripts without spaces, overlapping pairs."""
    lower = text.lower()
    return _WORD.findall(lower) + _PAIR.findall(lower)


def tfidf(texts: Sequence[str], work: float = WORK) -> sparse.csr_matrix:
    """[n, words] unit rows, (1 + log count) · smoothed idf; a text without words has a zero row.

    Salton & Buckley (1988), Term-weighting approaches in automatic text retrieval.
    """
    words: dict[str, int] = {}
    row: list[int] = []
    column: list[int] = []
    for number, text in enumerate(texts):
        for word in split_words(text):
            row.append(number)
            column.append(words.setdefault(word, len(words)))
    shape = (len(texts), max(len(words), 1))
    ones = np.ones(len(row), dtype=np.float32)
    counts = sparse.csr_matrix((ones, (row, column)), shape=shape)
    counts.sum_duplicates()
    documents: NDArray[np.int64] = np.bincount(counts.indices, minlength=shape[1])
    common = np.argsort(documents, kind="stable")
    cost = np.cumsum(documents[common].astype(np.float64) ** 2)
    kept = np.sort(common[cost <= work])
    weighted = counts[:, kept].astype(np.float32)
    weighted.data = 1 + np.log(weighted.data)
    idf = np.log((1 + len(texts)) / (1 + documents[kept])) + 1
    weighted = weighted @ sparse.diags(idf.astype(np.float32))
    norm = np.sqrt(np.asarray(weighted.multiply(weighted).sum(1)).ravel())
    scaled = sparse.diags(1 / np.maximum(norm, 1e-9)) @ weighted
    return sparse.csr_matrix(scaled, dtype=np.float32)


def similar(vectors: sparse.csr_matrix, kept: int, block: int = 1024) -> tuple[Tensor, Tensor]:
    """Columns int32 and cosines float32 [n, kept] of the most similar other rows."""
    transposed = vectors.T.tocsr()
    count = vectors.shape[0]
    columns, values = [], []
    for start in range(0, count, block):
        part = (vectors[start : start + block] @ transposed).toarray()
        part[np.arange(len(part)), start + np.arange(len(part))] = 0
        top = torch.from_numpy(part).topk(min(kept, count), dim=1)
        columns.append(top.indices.to(torch.int32))
        values.append(top.values)
    return torch.cat(columns), torch.cat(values)
