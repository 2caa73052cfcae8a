"""Fitting of the parts beside the attention: the linear part and the mixture."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from recommender.core import linear, metrics
from recommender.core.evaluation import Cases, exclude, rank_cases
from recommender.core.events import EventLog
from recommender.core.features import Batch, make_batch
from recommender.core.mixture import DECAYS, Mixture, ScoredCases, climb, quality
from recommender.core.progress import OnStep, say_nothing
from recommender.core.serving import BoundRecommender

CELLS = 24_000_000
"""Cases times catalogue rows that the mixture is fitted on at most, to bound memory."""
CELLS_A_SECOND = 1_500_000
"""What one core gets through; fewer where time is short."""
NEIGHBOURS = 200
TRIED = (0.75, 0.9)
"""Decays that candidates for the linear part are compared at; the mixture chooses the final one."""
LINEAR_WEIGHTS = [0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.5, 2.5, 5.0, 20.0]
WORD_WEIGHTS = [0.0, 0.003, 0.006, 0.01, 0.02, 0.03, 0.05, 0.1]
HEATS = [0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4, 1.7, 2.0, 2.5]

Kept = tuple[Tensor, Tensor]
"""Columns and values [V, kept] of the largest entries of each row."""


def fit_linear(
    log: EventLog,
    rows: int,
    *,
    valid_log: EventLog,
    valid: Cases,
    candidates: Tensor,
    seconds: float,
    weights: linear.ItemWeights | None = None,
    on_step: OnStep = say_nothing,
) -> tuple[Kept, dict[str, float]]:
    """The item-to-item part and what was chosen for it on validation.

    Tried are item-kNN and EASE with several penalties, as far as `seconds` and memory allow. Its
    steps are these candidates.
    """
    began = time.monotonic()
    item = np.asarray(log.item, dtype=np.int64)
    matrix = linear.interactions(log.learner_of_event(), item, log.learners, rows)
    weights = weights or linear.ItemWeights(matrix, seconds)
    strengths = weights.strengths if len(valid) else weights.strengths[1:2]
    steps = len(strengths) + 1
    best: tuple[float, Kept, dict[str, float]] | None = None

    def consider(step: int, kept: Kept, settings: dict[str, float]) -> None:
        nonlocal best

        def judge(decay: float) -> float:
            on_step(step, steps)
            return _recent(kept, decay, valid_log, valid, candidates)

        found = max(judge(decay) for decay in TRIED)
        if best is None or found > best[0]:
            best = found, kept, settings

    for step, strength in enumerate(strengths):
        on_step(step, steps)
        if best is None or time.monotonic() - began < seconds:
            consider(step, weights.kept(strength), {"strength": strength})
    on_step(steps - 1, steps)
    if best is None or len(valid):
        near = linear.to_rows(weights.neighbours(NEIGHBOURS))
        consider(steps - 1, near, {"item_knn": float(NEIGHBOURS)})
    assert best is not None  # noqa: S101 - item-kNN was considered
    on_step(steps, steps)
    return best[1], best[2]


def _recent(kept: Kept, decay: float, log: EventLog, valid: Cases, candidates: Tensor) -> float:
    """NDCG@10 of the item-to-item part alone."""
    if not len(valid):
        return 0.0

    def score(who: NDArray[np.int64], end: NDArray[np.int64]) -> Tensor:
        batch = make_batch(log, who, end, 64)
        return linear.score(batch.item, linear.recency(batch.item, batch.mask, decay), *kept)

    return float(metrics.ndcg(rank_cases(score, log, valid, candidates)).mean())


@dataclass(frozen=True)
class Mixed:
    """What `fit_mixture` chose."""

    mixture: Mixture
    kept: Kept  # the linear part, with the similarity of words added where that helps
    words: float  # its weight beside the item-to-item weights


@torch.inference_mode()
def fit_mixture(
    bound: BoundRecommender,
    log: EventLog,
    valid: Cases,
    candidates: Tensor,
    *,
    alike: Kept | None = None,
    seed: int = 0,
    seconds: float = 120.0,
    on_step: OnStep = say_nothing,
) -> Mixed:
    """Weights and decay by coordinate search on NDCG@10, then τ by likelihood.

    `alike` holds how similar the words of items are. Its steps: the attention's scores, each decay, the
    words, τ.
    """
    kept = (bound.index.cpu(), bound.value.cpu())
    if not len(valid):
        return Mixed(Mixture(), kept, 0.0)
    steps = len(DECAYS) + 3
    cells = min(CELLS, int(seconds * CELLS_A_SECOND))
    cases = valid.sample(max(200, cells // bound.catalogue.rows), seed)
    parts = list(cases.batches(256))
    length = bound.model.config.length
    batches = [make_batch(log, p.learner, p.end, length).to(bound.device) for p in parts]
    blank = [torch.zeros(len(p), len(candidates)) for p in parts]

    def collect(step: int, score: Callable[[Batch], Tensor]) -> Tensor:
        found = []
        for batch in batches:
            on_step(step, steps)
            found.append(score(batch).cpu())
        return torch.cat(found)

    def judge(step: int, mixture: Mixture) -> float:
        on_step(step, steps)
        return quality(scored, mixture)

    scored = ScoredCases(
        probability=collect(0, bound.attention_score),
        linear=torch.zeros(0),
        closed=torch.cat(
            [exclude(b, log, p, candidates) for b, p in zip(blank, parts, strict=True)]
        ),
        target=torch.from_numpy(cases.target),
    )
    best, chosen = -1.0, Mixture()
    for step, decay in enumerate(DECAYS, start=1):
        scored.linear = collect(step, lambda b, d=decay: bound.linear_score(b, d))  # type: ignore[misc]
        # The best weight moves little with the decay: after the first, only its neighbours are tried.
        around = LINEAR_WEIGHTS.index(chosen.linear)
        near = LINEAR_WEIGHTS if step == 1 else LINEAR_WEIGHTS[max(around - 2, 0) : around + 3]
        weight, found = climb(
            lambda w, s=step, d=decay: judge(s, Mixture(w, decay=d)),  # type: ignore[misc]
            near,
        )
        if found > best:
            best, chosen = found, Mixture(weight, decay=decay)
    step = len(DECAYS) + 1
    plain = collect(step, lambda b: bound.linear_score(b, chosen.decay))
    scored.linear, words = plain, 0.0
    if alike is not None:
        said = collect(step, lambda b: _kept_score(b, chosen.decay, alike))

        def with_words(weight: float) -> float:
            scored.linear = plain + weight * said
            return judge(step, chosen)

        words, _ = climb(with_words, WORD_WEIGHTS)
        if words:
            kept = linear.fuse(kept, alike, words)
            scored.linear = collect(step, lambda b: _kept_score(b, chosen.decay, kept))
            weight, _ = climb(lambda w: judge(step, replace(chosen, linear=w)), LINEAR_WEIGHTS)
            chosen = replace(chosen, linear=weight)
    on_step(step + 1, steps)
    scores = chosen.combine(scored.probability, scored.linear).log() + scored.closed
    heat = _temperature(scores, scored.target)
    on_step(steps, steps)
    return Mixed(replace(chosen, heat=heat), kept, words)


def _kept_score(batch: Batch, decay: float, kept: Kept) -> Tensor:
    weight = linear.recency(batch.item, batch.mask, decay)
    return linear.score(batch.item, weight, *(part.to(batch.item.device) for part in kept))


def _temperature(scores: Tensor, target: Tensor) -> float:
    """The τ for log s [C, V] that makes the targets likeliest."""
    possible = torch.isfinite(scores.gather(1, target[:, None])[:, 0])
    if not possible.any():
        return 1.0
    scores, target = scores[possible], target[possible]

    def likelihood(heat: float) -> float:
        total = 0.0
        for start in range(0, len(target), 128):
            rows = slice(start, start + 128)
            total -= float(F.cross_entropy(scores[rows] * heat, target[rows], reduction="sum"))
        return total

    return climb(likelihood, HEATS)[0]
