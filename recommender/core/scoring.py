"""Scores of a version for evaluation: the same path that makes slates."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recommender.core.evaluation import ScoreFn
from recommender.core.events import EventLog
from recommender.core.serving import BoundRecommender


def scorer(bound: BoundRecommender, log: EventLog) -> ScoreFn:
    """Affinities [B, V] after the first `end` events of each learner."""

    def score(who: NDArray[np.int64], end: NDArray[np.int64]) -> Tensor:
        first = log.offsets[who]
        history = log.between(first, first + end)
        return torch.from_numpy(bound.score(history, now=np.inf).affinity)

    return score
