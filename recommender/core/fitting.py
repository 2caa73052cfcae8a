"""Fitting of the parts beside the attention: the linear part and the mixture."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from recommender.core import linear, metrics
from recommender.core.config import TrainConfig
from recommender.core.evaluation import Cases, exclude, rank_cases
from recommender.core.events import EventLog
from recommender.core.features import make_batch
from recommender.core.mixture import DECAYS, Mixture, ScoredCases, climb, quality
from recommender.core.serving import BoundRecommender

CELLS = 24_000_000
"""Cases times catalogue rows that the mixture is fitted on at most, to bound memory."""


def fit_linear(
    log: EventLog,
    rows: int,
    config: TrainConfig,
    *,
    valid_log: EventLog,
    valid: Cases,
    candidates: Tensor,
) -> tuple[Tensor, Tensor, dict[str, float]]:
    """Kept rows of the item-to-item part and what was chosen for them."""
    item = np.asarray(log.item, dtype=np.int64)
    matrix = linear.interactions(log.learner_of_event(), item, log.learners, rows)
    strengths = linear.strengths_for(rows, 0.15 * config.minutes * 60)
    if not strengths:
        index, value = linear.cosine(matrix)
        return index, value, {"item_knn": float(index.shape[1])}
    counts = linear.gram(matrix)
    if not len(valid):
        strengths = (100.0,)
    best: tuple[float, Tensor, Tensor, float] | None = None
    for strength in strengths:
        index, value = linear.largest(linear.ease(counts, strength))

        def score(who, end, index=index, value=value):  # type: ignore[no-untyped-def]
            batch = make_batch(valid_log, who, end, 64)
            weight = linear.recency(batch.item, batch.mask, 0.75)
            return linear.score(batch.item, weight, index, value)

        found = 0.0
        if len(strengths) > 1:
            ranks = rank_cases(score, valid_log, valid, candidates)
            found = float(metrics.ndcg(ranks).mean())
        if best is None or found > best[0]:
            best = (found, index, value, strength)
    assert best is not None  # noqa: S101 - there is at least one strength
    return best[1], best[2], {"strength": best[3]}


@torch.inference_mode()
def fit_mixture(
    bound: BoundRecommender, log: EventLog, valid: Cases, candidates: Tensor, seed: int
) -> Mixture:
    """Weights and decay by coordinate search on NDCG@10, then τ by likelihood."""
    if not len(valid):
        return Mixture()
    cases = valid.sample(max(1, CELLS // bound.catalogue.rows), seed)
    parts = list(cases.batches(256))
    length = bound.model.config.length
    batches = [make_batch(log, p.learner, p.end, length).to(bound.device) for p in parts]
    blank = [torch.zeros(len(p), len(candidates)) for p in parts]
    scored = ScoredCases(
        probability=torch.cat([bound.attention_score(b).cpu() for b in batches]),
        linear=torch.zeros(0),
        text=None,
        closed=torch.cat(
            [exclude(b, log, p, candidates) for b, p in zip(blank, parts, strict=True)]
        ),
        target=torch.from_numpy(cases.target),
    )
    best, chosen = -1.0, Mixture()
    for decay in DECAYS:
        scored.linear = torch.cat([bound.linear_score(b, decay).cpu() for b in batches])
        weight, found = climb(
            lambda w, d=decay: quality(scored, Mixture(w, 0.0, d)),  # type: ignore[misc]
            LINEAR_WEIGHTS,
        )
        if found > best:
            best, chosen = found, Mixture(weight, 0.0, decay)
    scored.linear = torch.cat([bound.linear_score(b, chosen.decay).cpu() for b in batches])
    if bound.text is not None:
        texts = [bound.text_score(b, chosen.decay) for b in batches]
        scored.text = torch.cat([t.cpu() for t in texts if t is not None])
        text, _ = climb(
            lambda t: quality(scored, Mixture(chosen.linear, t, chosen.decay)), TEXT_WEIGHTS
        )
        chosen = Mixture(chosen.linear, text, chosen.decay)
    scores = chosen.combine(scored.probability, scored.linear, scored.text).log() + scored.closed
    return Mixture(chosen.linear, chosen.text, chosen.decay, _temperature(scores, scored.target))


LINEAR_WEIGHTS = [0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.5, 2.5, 5.0]
TEXT_WEIGHTS = [0.0, 0.001, 0.002, 0.004, 0.007, 0.01, 0.02, 0.04]
HEATS = [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4, 1.7, 2.0, 2.5]


def _temperature(scores: Tensor, target: Tensor) -> float:
    """The τ for log s [C, V] that makes the targets likeliest."""
    possible = torch.isfinite(scores.gather(1, target[:, None])[:, 0])
    if not possible.any():
        return 1.0
    scores, target = scores[possible], target[possible]
    return climb(lambda heat: -float(F.cross_entropy(scores * heat, target)), HEATS)[0]
