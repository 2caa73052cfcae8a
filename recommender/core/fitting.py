"""Fitting of the parts beside the attention: the linear part and the mixture."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
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
CELLS_A_SECOND = 600_000
"""What one core gets through; fewer where time is short."""
FINALISTS = 3
"""Weights of rows beside the item-to-item weights that are judged as they would be kept."""
FEWEST = 50
"""Cases that anything is chosen on, however large the catalogue."""
NEIGHBOURS = 200
TRIED = (0.75, 0.9)
"""Decays that candidates for the linear part are compared at; the mixture chooses the final one."""
LINEAR_WEIGHTS = [0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.5, 2.5, 5.0, 20.0]
BESIDE_WEIGHTS = [0.0, 0.003, 0.006, 0.01, 0.02, 0.03, 0.05, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]
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
    strengths = weights.strengths
    if not len(valid):  # nothing to choose by: the second, where there are several
        strengths = strengths[1:2] or strengths[:1]
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
    kept: Kept  # the linear part, with the rows beside it added where that helps
    beside: dict[str, float]  # the weight of each of these beside the item-to-item weights


@torch.inference_mode()
def fit_mixture(
    bound: BoundRecommender,
    kept: Kept,
    log: EventLog,
    valid: Cases,
    candidates: Tensor,
    *,
    beside: Mapping[str, Kept] | None = None,
    seed: int = 0,
    seconds: float = 120.0,
    on_step: OnStep = say_nothing,
) -> Mixed:
    """Weights and decay by coordinate search on NDCG@10, then τ by likelihood.

    `kept` is the linear part over items with events (`bound` places the others by it), `beside` holds further rows by
    name, which are added to it where that helps. Its steps: the attention's scores, each decay, each of
    these rows, the final decay, τ.
    """
    beside = beside or {}
    if not len(valid):
        return Mixed(Mixture(), kept, dict.fromkeys(beside, 0.0))
    cells = min(CELLS, int(seconds * CELLS_A_SECOND))
    cases = valid.sample(max(FEWEST, cells // bound.catalogue.rows), seed)
    steps = len(DECAYS) + len(beside) + 3
    search = _Search(bound, log, cases, candidates, kept, lambda done: on_step(done, steps))
    search.choose_decay()
    weights = {name: search.choose_beside(rows) for name, rows in beside.items()}
    search.settle(any(weights.values()))
    return Mixed(replace(search.mixture, heat=search.heat()), search.kept, weights)


class _Search:
    """Coordinate search over the mixture's weights on one sample of cases."""

    def __init__(  # noqa: PLR0917 - what it works on
        self,
        bound: BoundRecommender,
        log: EventLog,
        cases: Cases,
        candidates: Tensor,
        kept: Kept,
        tell: Callable[[int], object],
    ) -> None:
        self.mixture, self.kept = Mixture(), kept
        self._tell, self._done = tell, 0
        parts = list(cases.batches(256))
        length = bound.model.config.length
        self._batches = [make_batch(log, p.learner, p.end, length).to(bound.device) for p in parts]
        blank = [torch.zeros(len(p), len(candidates)) for p in parts]
        closed = [exclude(b, log, p, candidates) for b, p in zip(blank, parts, strict=True)]
        self._cases = ScoredCases(
            probability=self._collect(bound.attention_score),
            linear=torch.zeros(0),
            closed=torch.cat(closed),
            target=torch.from_numpy(cases.target),
        )

    def choose_decay(self) -> None:
        """Decay and weight of the item-to-item part."""
        best = -1.0
        for number, decay in enumerate(DECAYS):
            self._next()
            self._cases.linear = self._linear(self.kept, decay)
            # The best weight moves little with the decay: after the first, only its neighbours are tried.
            near = self._near(2) if number else LINEAR_WEIGHTS
            tried = {weight: Mixture(weight, decay) for weight in near}
            weight, found = climb(lambda w, t=tried: self._judge(t[w]), near)  # type: ignore[misc]
            if found > best:
                best, self.mixture = found, tried[weight]

    def choose_beside(self, rows: Kept) -> float:
        """Add these rows to the linear part with the best weight, which is returned; 0: left out.

        Only so many entries of a row are kept: what these take the place of may be worth more. So the
        best weights are judged once more by what would be kept.
        """
        self._next()
        plain = self._linear(self.kept, self.mixture.decay)
        other = self._linear(rows, self.mixture.decay)
        # Where the item-to-item rows were left out, these may still be worth a little weight.
        tried = replace(self.mixture, linear=self.mixture.linear or LINEAR_WEIGHTS[1])

        def added(weight: float) -> float:
            self._cases.linear = plain + weight * other
            return self._judge(tried if weight else self.mixture)

        found = {weight: added(weight) for weight in BESIDE_WEIGHTS}
        better = [weight for weight in BESIDE_WEIGHTS if found[weight] > found[0.0]]
        best, chosen = found[0.0], 0.0
        kept = self.kept
        for weight in sorted(better, key=lambda weight: -found[weight])[:FINALISTS]:
            fused = linear.fuse(self.kept, rows, weight)
            self._cases.linear = self._linear(fused, tried.decay)
            quality_kept = self._judge(tried)
            if quality_kept > best:
                best, chosen, kept = quality_kept, weight, fused
        if chosen:
            self.kept, self.mixture = kept, tried
        return chosen

    def settle(self, changed: bool) -> None:
        """Decay and weight once more, where the linear part has changed."""
        self._next()
        if changed:

            def judge(decay: float) -> float:
                self._cases.linear = self._linear(self.kept, decay)
                return self._judge(self.mixture)

            decay, _ = climb(judge, list(DECAYS))
            self.mixture = replace(self.mixture, decay=decay)
        self._cases.linear = self._linear(self.kept, self.mixture.decay)
        tried = self._near(3)
        weight, _ = climb(lambda w: self._judge(replace(self.mixture, linear=w)), tried)
        self.mixture = replace(self.mixture, linear=weight)

    def heat(self) -> float:
        """τ."""
        self._next()
        scores = self.mixture.combine(self._cases.probability, self._cases.linear).log()
        found = _temperature(scores + self._cases.closed, self._cases.target)
        self._next()
        return found

    def _near(self, steps: int) -> list[float]:
        """Weights of the linear part around the present one."""
        place = LINEAR_WEIGHTS.index(self.mixture.linear)
        around = LINEAR_WEIGHTS[max(place - steps, 0) : place + steps + 1]
        return [self.mixture.linear, *around]  # the present one wins ties

    def _next(self) -> None:
        self._done += 1
        self._tell(self._done)

    def _collect(self, score: Callable[[Batch], Tensor]) -> Tensor:
        found = []
        for batch in self._batches:
            self._tell(self._done)
            found.append(score(batch).cpu())
        return torch.cat(found)

    def _linear(self, kept: Kept, decay: float) -> Tensor:
        return self._collect(lambda batch: _kept_score(batch, decay, kept))

    def _judge(self, mixture: Mixture) -> float:
        self._tell(self._done)
        return quality(self._cases, mixture)


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
