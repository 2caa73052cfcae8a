"""How the attention and the linear part become one score.

``s = softmax(attention) + b · linear`` and affinity = log-softmax of τ · log s: a mixture in
which each part can raise an item on its own. (Adding logits instead, a product, measured worse.) The
weights are chosen on validation cases, τ makes the affinities likely.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from recommender.core import metrics

DECAYS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
FLOOR = 1e-7
"""The least a mixed score can be: the linear part may be negative."""


@dataclass(frozen=True)
class Mixture:
    """Weight of the linear part beside the attention's probabilities."""

    linear: float = 0.3
    decay: float = 0.75  # of the linear part, per distinct item
    heat: float = 1.0  # τ

    def combine(self, probability: Tensor, linear: Tensor) -> Tensor:
        """Scores s [B, V] from the attention's probabilities and the linear part."""
        return (probability + self.linear * linear).clamp(min=FLOOR)


@dataclass
class ScoredCases:
    """Parts of validation cases."""

    probability: Tensor  # [C, V]
    linear: Tensor  # [C, V]
    closed: Tensor  # [C, V] -inf for what is no candidate or in the context, else 0
    target: Tensor  # [C]


def quality(cases: ScoredCases, mixture: Mixture, tile: int = 128) -> float:
    """NDCG@10; a tile of cases at a time stays in the processor's cache."""
    found = []
    for start in range(0, len(cases.target), tile):
        rows = slice(start, start + tile)
        scores = mixture.combine(cases.probability[rows], cases.linear[rows])
        found.append(metrics.ranks(scores.add_(cases.closed[rows]), cases.target[rows]))
    return float(metrics.ndcg(torch.cat(found).double().numpy()).mean())


def climb(score: Callable[[float], float], values: list[float]) -> tuple[float, float]:
    """The best of some values and its score; the first wins ties."""
    scored = [(score(value), -number) for number, value in enumerate(values)]
    best, number = max(scored)
    return values[-number], best


def probabilities(attention: Tensor, met: Tensor, item: Tensor) -> Tensor:
    """exp(logit - log Z) [B, V]; Z runs over items with events (`met` [V]) outside the history [B, L].

    Items that nobody has touched stay out of Z as in training, but are scored.
    """
    inside = met.expand(len(attention), -1).clone()
    inside.scatter_(1, item, False)
    norm = attention.masked_fill(~inside, -torch.inf).logsumexp(1, keepdim=True)
    norm = torch.where(torch.isfinite(norm), norm, attention.logsumexp(1, keepdim=True))
    return (attention - norm).clamp(max=0).exp()
