"""Settings of re-weighting from an inner replay: a rule that may also say that it is not worth it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recommender.core import linear, metrics
from recommender.core.evaluation import exclude, per_learner
from recommender.core.ledgers import Ledgers, Tables, credit, credit_cost
from recommender.core.replay import Replay, strengths
from recommender.core.reweighting import Reweighting
from recommender.core.serving import BoundRecommender
from recommender.core.weights import concept_means, in_a_crowd

CELLS = 40_000_000
"""Cases times catalogue rows that are looked at, to bound memory."""
START = Reweighting(event=0.0, candidate=0.0, alike=0.0)
GRID: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("alike", (2.0, 4.0, 6.0, 8.0, 12.0)),
    ("rated_low", (1.0, 0.4)),
    ("crowd", (300.0, 30.0)),
    ("candidate", (0.2, 0.4, 0.8)),
    ("alike", (2.0, 3.0, 4.0, 6.0, 8.0, 12.0)),
    ("settle", (10.0, 30.0)),
    ("half_life_days", (30.0,)),
    ("own", (0.8,)),
    ("event", (0.1, 0.25, 0.5)),
)
"""Settings in the order in which they are tried, each with the others as chosen so far."""
DOUBT = 1.0
"""Standard errors, learner by learner, that a setting must be better by than the one before: the rule of
one standard error (Breiman et al., 1984), so that the best of many is not the luckiest."""
PROOF = 2.0
"""Standard errors that the likelihood's gain with the chosen settings must be above zero by."""


@dataclass(frozen=True)
class Gain:
    """By learner, on minus off."""

    likelihood: NDArray[np.float64]  # log-probability of the next helpful item, mean over her cases
    ndcg: NDArray[np.float64]  # @10, as a part of its mean without re-weighting


def sure(values: NDArray[np.float64], errors: float) -> float:
    """A mean gain less so many standard errors."""
    return float(values.mean() - errors * values.std() / np.sqrt(max(len(values), 1)))


@dataclass(frozen=True)
class Gains:
    """What settings do with true feedback and with a placebo."""

    true: Gain
    placebo: Gain

    @property
    def each(self) -> NDArray[np.float64]:
        """What true feedback gains, by learner."""
        return self.true.likelihood + self.true.ndcg

    @property
    def lost(self) -> float:
        """What would be lost if feedback were noise, 0 at most."""
        return sum(min(0.0, float(v.mean())) for v in (self.placebo.likelihood, self.placebo.ndcg))

    def surely_above(self, other: Gains) -> bool:
        """Whether these settings are worth more, by more than one standard error."""
        return sure(self.each - other.each, DOUBT) + self.lost - other.lost > 0


class _Judge:
    """Gains of settings on the cases of one replay."""

    def __init__(self, bound: BoundRecommender, replay: Replay) -> None:
        self.bound, self.replay = bound, replay
        self.ledgers = Ledgers(replay, bound.catalogue)
        self._target = torch.from_numpy(replay.cases.target)
        began = time.monotonic()
        self._plain = self._score(START, None)
        self.seconds = time.monotonic() - began  # of scoring all cases once
        self._off = self._measure(self._plain)
        self._folded: dict[int | None, _Folded] = {}

    def cost(self, config: Reweighting) -> float:
        """About how many seconds it takes to judge settings, from scoring all cases once."""
        times = 4.0 if config.event else 0.5  # with feedback as it was, and shuffled
        if config.own < 1 and self.ledgers.credit is None:
            times += credit_cost(self.replay)
        return times * self.seconds

    def _score(self, config: Reweighting, tables: Tables | None) -> Tensor:
        """[C, V] affinities with events as heavy as they are, -inf outside the candidates."""
        events_only = replace(config, candidate=0.0, alike=0.0)
        log, found = self.replay.log, []
        for rows in _slices(len(self.replay.cases)):
            part = self.replay.cases.take(np.arange(rows.start, rows.stop))
            first = log.offsets[part.learner]
            weights = tables.weights(rows, events_only, self.bound.catalogue) if tables else None
            history = log.between(first, first + part.end)
            affinity = self.bound.score(history, now=np.inf, weights=weights).affinity
            found.append(exclude(torch.from_numpy(affinity), log, part, self.replay.candidates))
        return torch.cat(found)

    def _measure(self, affinity: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Log-probability (0 where the target cannot be ranked) and NDCG@10 of each case."""
        own = affinity.gather(1, self._target[:, None])[:, 0]
        likelihood = torch.where(torch.isfinite(own), own - affinity.logsumexp(1), 0.0)
        ranks = metrics.ranks(affinity, self._target)
        return likelihood.double().numpy(), metrics.ndcg(ranks.double().numpy())

    def _fold(self, config: Reweighting, shuffle: int | None) -> _Folded:
        """The profiles and what candidates take from them, anew where the settings of the fold change."""
        key = replace(config, candidate=1.0, alike=1.0, event=0.0)
        if shuffle not in self._folded or self._folded[shuffle].key != key:
            tables = self.ledgers.at_cases(config, strengths(self.replay, config, shuffle))
            alike = torch.zeros(len(self._plain), 1)
            if self.bound.taste is not None:
                near = linear.from_rows(*(part.cpu() for part in self.bound.taste))
                votes = (tables.item @ near).toarray()
                votes *= in_a_crowd(tables.item.getnnz(axis=1), config.crowd)[:, None]
                alike = torch.from_numpy(votes.astype(np.float32))
            means = concept_means(tables.concept, self.bound.catalogue)
            about = torch.from_numpy(means.astype(np.float32))
            self._folded[shuffle] = _Folded(key, tables, about, alike, {})
        return self._folded[shuffle]

    def gains(self, config: Reweighting, seed: int) -> Gains:
        """What these settings change, also where feedback is dealt out anew."""
        return Gains(self.gain(config), self.gain(config, shuffle=seed))

    def gain(self, config: Reweighting, shuffle: int | None = None) -> Gain:
        """What these settings change; with feedback shuffled by a seed: what they do to noise."""
        folded = self._fold(config, shuffle)
        affinity = self._plain
        if config.event:
            if config.event not in folded.affinity:
                folded.affinity[config.event] = self._score(config, folded.tables)
            affinity = folded.affinity[config.event]
        on = self._measure(
            affinity + config.candidate * folded.candidate + config.alike * folded.alike
        )
        learner = self.replay.cases.learner
        likelihood, ndcg = (
            per_learner(ours - off, learner) for ours, off in zip(on, self._off, strict=True)
        )
        return Gain(likelihood, ndcg / max(float(per_learner(self._off[1], learner).mean()), 1e-9))


@dataclass
class _Folded:
    """Profiles by one way of folding, for all cases."""

    key: Reweighting
    tables: Tables
    candidate: Tensor  # [C, V] added to the affinities per unit of the setting of that name
    alike: Tensor  # [C, V] the same
    affinity: dict[float, Tensor]  # [C, V] by how much events take of their weights


def _slices(count: int, size: int = 256) -> list[slice]:
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


@torch.inference_mode()
def fit_reweighting(
    bound: BoundRecommender,
    replay: Replay,
    *,
    seconds: float,
    seed: int = 0,
    on_step: Callable[[int, int], object] = lambda _done, _all: None,
) -> tuple[Reweighting, dict[str, Any]]:
    """Settings by coordinate search, and what was seen.

    Gains in the likelihood of the next helpful item count beside those in NDCG@10, because every case
    moves it: it is told from chance with a tenth of the learners. A setting replaces another only where
    the gain is sure, learner by learner, or the best of many would be the luckiest. What it loses with
    shuffled feedback counts against it, so that steps stay small where feedback is mostly noise.
    Re-weighting is off (η = 0) where the likelihood doesn't gain for sure or NDCG@10 doesn't rise with
    it. About `seconds` are spent.
    """
    if not len(replay.cases):
        return Reweighting(), {"rule": "no case before the moment: defaults"}
    began = time.monotonic()
    judge = _Judge(bound, replay.some(max(CELLS // bound.catalogue.rows, 500), seed))
    best, gained = START, judge.gains(START, seed)
    done, steps = 0, sum(len(values) for _, values in GRID)
    for name, values in GRID:
        current = best
        for value in values:
            on_step(done := done + 1, steps)
            spent = time.monotonic() - began
            tried = with_value(current, name, value)
            if spent + judge.cost(tried) > seconds:
                continue
            if tried.own < 1 and judge.ledgers.credit is None:
                judge.ledgers.credit = credit(bound, judge.replay)
            found = judge.gains(tried, seed)
            if found.surely_above(gained):
                best, gained = tried, found
    told: dict[str, Any] = {
        "cases": len(judge.replay.cases),
        "learners": len(gained.true.ndcg),
        "likelihood_gain": metrics.mean_interval(gained.true.likelihood, seed),
        "ndcg@10_relative_gain": metrics.mean_interval(gained.true.ndcg, seed),
        "likelihood_placebo_gain": metrics.mean_interval(gained.placebo.likelihood, seed),
        "ndcg@10_relative_placebo_gain": metrics.mean_interval(gained.placebo.ndcg, seed),
    }
    if sure(gained.true.likelihood, PROOF) <= 0 or gained.true.ndcg.mean() <= 0:
        return replace(best, step=0.0), {**told, "rule": "no sure gain: off"}
    return best, {**told, "rule": "sure gain: on"}


def with_value(config: Reweighting, name: str, value: float) -> Reweighting:
    """The same settings with another value of a field or of a signal's strength."""
    if name in config.strengths:
        return replace(config, strengths={**config.strengths, name: value})
    changed: dict[str, Any] = {name: value}
    return replace(config, **changed)
