"""Metrics of ranking and prediction, and their bootstrap intervals."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Interval = dict[str, float]
REPEATS = 2000


def ranks(scores: Tensor, targets: Tensor) -> Tensor:
    """Rank of each target [B], from 0: candidates scored higher, half of the ties added.

    scores [B, V] with -inf for what is no candidate. A target that is no candidate is a miss (inf).
    """
    own = scores.gather(1, targets[:, None])  # [B, 1]
    higher = (scores > own).sum(1)
    ties = (scores == own).sum(1) - 1
    rank = higher + ties / 2
    return torch.where(torch.isneginf(own[:, 0]), torch.inf, rank)


def ndcg(rank: NDArray[np.float64], k: int = 10) -> NDArray[np.float64]:
    """1 / log2(rank + 2) within the first k, else 0: one relevant item a case."""
    return np.where(rank < k, 1 / np.log2(np.where(np.isfinite(rank), rank, 0) + 2), 0.0)


def hit(rank: NDArray[np.float64], k: int = 10) -> NDArray[np.float64]:
    return (rank < k).astype(np.float64)


def auc(probability: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Area under the ROC curve (Mann-Whitney, ties count half); NaN with one class only."""
    positive = float(truth.sum())
    negative = len(truth) - positive
    if positive == 0 or negative == 0:
        return float("nan")
    _, inverse, counts = np.unique(probability, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    return float(
        (mean_rank[inverse][truth == 1].sum() - positive * (positive + 1) / 2)
        / (positive * negative)
    )


def log_loss(probability: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    p = np.clip(probability, 1e-7, 1 - 1e-7)
    return float(-(truth * np.log(p) + (1 - truth) * np.log1p(-p)).mean())


def ece(probability: NDArray[np.float64], truth: NDArray[np.float64], bins: int = 15) -> float:
    """Expected calibration error over bins of equal mass."""
    order = np.argsort(probability, kind="stable")
    gaps = [
        len(part) * abs(probability[part].mean() - truth[part].mean())
        for part in np.array_split(order, bins)
        if len(part)
    ]
    return float(sum(gaps) / len(probability))


def reliability(
    probability: NDArray[np.float64], truth: NDArray[np.float64], bins: int = 15
) -> list[dict[str, float]]:
    """Mean prediction and share of right answers in each bin of equal mass: the terms of `ece`."""
    order = np.argsort(probability, kind="stable")
    return [
        {
            "predicted": float(probability[part].mean()),
            "observed": float(truth[part].mean()),
            "answers": len(part),
        }
        for part in np.array_split(order, bins)
        if len(part)
    ]


def mean_interval(values: NDArray[np.float64], seed: int = 0) -> Interval:
    """Mean over learners with its 95% bootstrap interval."""
    rng = np.random.default_rng(seed)
    n = len(values)
    means = np.array([values[rng.integers(0, n, n)].mean() for _ in range(REPEATS)])
    low, high = np.quantile(means, [0.025, 0.975])
    return {"value": float(values.mean()), "low": float(low), "high": float(high)}


class PooledBootstrap:
    """Resamples learners and gives the pooled rows of each resample, the same for every model."""

    def __init__(self, learner: NDArray[np.integer], seed: int = 0, repeats: int = 200) -> None:
        _, index = np.unique(learner, return_inverse=True)
        rng = np.random.default_rng(seed)
        count = int(index.max(initial=-1)) + 1
        self._weights = [
            np.bincount(rng.integers(0, count, count), minlength=count)[index]
            for _ in range(repeats)
        ]

    def samples(
        self, probability: NDArray[np.float64], truth: NDArray[np.float64]
    ) -> dict[str, NDArray[np.float64]]:
        """Each metric on every resample, computed with row weights instead of copies of rows."""
        order = np.argsort(probability, kind="stable")
        p, t = probability[order], truth[order]
        clipped = np.clip(p, 1e-7, 1 - 1e-7)
        loss = -(t * np.log(clipped) + (1 - t) * np.log1p(-clipped))
        right = (p >= 0.5) == (t == 1)
        starts = np.flatnonzero(np.concatenate([[True], p[1:] != p[:-1]]))
        rows = [
            _weighted(weights[order].astype(np.float64), p, t, loss, right, starts)
            for weights in self._weights
        ]
        return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _weighted(  # noqa: PLR0917 - columns of one table
    w: NDArray[np.float64],
    p: NDArray[np.float64],
    t: NDArray[np.float64],
    loss: NDArray[np.float64],
    right: NDArray[np.bool_],
    starts: NDArray[np.intp],
) -> dict[str, float]:
    """Metrics of rows sorted by probability, each counted w times; `starts` begin equal values."""
    total = w.sum()
    positive = np.add.reduceat(w * t, starts)
    negative = np.add.reduceat(w * (1 - t), starts)
    below = np.cumsum(negative) - negative
    pairs = positive.sum() * negative.sum()
    area = float((positive * (below + negative / 2)).sum() / pairs) if pairs else float("nan")
    bin_of = np.minimum((np.cumsum(w) - w / 2) * 15 / max(total, 1), 14).astype(np.int64)
    gap = np.bincount(bin_of, weights=w * (p - t), minlength=15)
    return {
        "auc": area,
        "accuracy": float((w * right).sum() / total),
        "log_loss": float((w * loss).sum() / total),
        "ece": float(np.abs(gap).sum() / total),
    }


def success_metrics(
    probability: NDArray[np.float64], truth: NDArray[np.float64]
) -> dict[str, float]:
    return {
        "auc": auc(probability, truth),
        "accuracy": float(((probability >= 0.5) == (truth == 1)).mean()),
        "log_loss": log_loss(probability, truth),
        "ece": ece(probability, truth),
    }


def interval(value: float, samples: NDArray[np.float64]) -> Interval:
    finite = samples[np.isfinite(samples)]
    if not len(finite):
        return {"value": value, "low": value, "high": value}
    low, high = np.quantile(finite, [0.025, 0.975])
    return {"value": value, "low": float(low), "high": float(high)}
