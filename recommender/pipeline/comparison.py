"""Rankers measured on the same cases, each against ours, with paired intervals over learners."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.core import metrics
from recommender.core.baselines import NextItemBaselines
from recommender.core.evaluation import Cases, ScoreFn, per_learner
from recommender.core.events import EventLog

SIMPLE = ("popularity", "item_knn")
"""What anybody could do without a model; a version must beat both."""
_METRICS = {"ndcg@10": metrics.ndcg, "hr@10": metrics.hit}


def fit_simple_rankers(
    log: EventLog, *, train: NDArray[np.bool_], rows: int, candidates: Any
) -> dict[str, ScoreFn]:
    """Popularity and cosine item-to-item, fitted on the events of `train` [E]."""
    nothing = np.zeros(0, dtype=np.int64)
    baselines = NextItemBaselines(
        log=log,
        train=train,
        rows=rows,
        texts=("",) * rows,
        valid=Cases(nothing, nothing, nothing),
        candidates=candidates,
    )
    found: dict[str, ScoreFn] = {}
    for baseline in baselines.fit(lambda _name: None, lambda: 0.0):
        if baseline.name in SIMPLE:
            found[baseline.name] = baseline.score
        if len(found) == len(SIMPLE):
            break
    return found


def compare(
    ranks: Mapping[str, NDArray[np.float64]], *, ours: str, learner: NDArray[np.integer]
) -> dict[str, Any]:
    """Summarise ranks [C] of the same cases by ranker.

    Returns `{"metrics": {ranker: {name: {"value", "low", "high"}}}, "diff": {other: {name: {…}}}}`: means over learners of
    her mean, with 95% bootstrap intervals; `diff` is ours minus the other, paired.
    """
    values = {
        ranker: {name: per_learner(metric(rank), learner) for name, metric in _METRICS.items()}
        for ranker, rank in ranks.items()
    }
    return {
        "metrics": {
            ranker: {name: metrics.mean_interval(column) for name, column in found.items()}
            for ranker, found in values.items()
        },
        "diff": {
            ranker: {
                name: metrics.mean_interval(values[ours][name] - column)
                for name, column in found.items()
            }
            for ranker, found in values.items()
            if ranker != ours
        },
    }
