"""Which events an item's score is due to: several measures of credit, and masking to judge them by.

The product's reasons are `Scores.contributions`; the others are here to be compared with them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
from torch import Tensor

from recommender.core import linear
from recommender.core.features import Batch
from recommender.core.mixture import FLOOR
from recommender.core.model import Attention, Block, token_weight
from recommender.core.serving import BoundRecommender, Scores, event_weight

Credit = Callable[[BoundRecommender, Batch, Tensor], Tensor]
"""(version, batch, items [B]) -> [B, L] credit of every event for one item of each learner."""


@dataclass(frozen=True)
class Masked:
    """A batch with events hidden [B, L]: nothing attends to them, and the linear part drops them.

    Positions, gaps and the ageing of the other events stay. A state begins as its own last event, to
    which attention is no way: where `deep`, that event's item and outcome are hidden, too.
    """

    batch: Batch
    hidden: Tensor  # bool [B, L]
    deep: bool = True

    def attended(self) -> Batch:
        """As the attention model gets it."""
        batch, weight = self.batch, self.weight()
        if not self.deep:
            return replace(batch, log_weight=weight)
        return replace(
            batch,
            item=batch.item.masked_fill(self.hidden, 0),
            outcome=batch.outcome.masked_fill(self.hidden, 0),
            attention=batch.attention.masked_fill(self.hidden, 0.0),
            log_weight=weight,
        )

    def weight(self) -> Tensor:
        """log w [B, L]: -inf where hidden."""
        weight = self.batch.log_weight
        if weight is None:
            weight = torch.zeros_like(self.batch.attention)
        return weight.masked_fill(self.hidden, -math.inf)


def explained_score(bound: BoundRecommender, masked: Masked, wanted: Tensor) -> Tensor:
    """[B] τ · log s of one item each: the affinity but for what all items of a slate share."""
    batch, mixture = masked.batch, bound.mixture
    states = bound.model.last_states(masked.attended(), bound.vectors)
    probability = bound.probability(states, batch, wanted[:, None])[:, 0]
    weight = event_weight(replace(batch, log_weight=masked.weight()), mixture.decay)
    return mixture.heat * mixture.combine(probability, _direct(bound, batch, wanted, weight)).log()


def contribution(bound: BoundRecommender, batch: Batch, wanted: Tensor) -> Tensor:
    """c_j(i) of the whole mixture: what the product tells."""
    scores = Scores(bound, np.zeros((0, 0), dtype=np.float32), [])
    return scores.all_contributions(batch, wanted[:, None])[:, 0]


def centred_contribution(bound: BoundRecommender, batch: Batch, wanted: Tensor) -> Tensor:
    """c_j(i) with ``value_j · (e_i − Σ_k p_k e_k)`` in the attention part.

    That takes along what an event does to all other items, through the softmax's denominator.
    """
    mixture = bound.mixture
    told = bound.model.explain(batch, bound.vectors)
    every = bound.attention_score(batch)  # [B, V]
    every = every / every.sum(1, keepdim=True)
    apart = bound.vectors[wanted] - every @ bound.vectors  # [B, D]
    attention = (told.event @ apart[..., None])[..., 0]
    probability = bound.probability(told.state, batch, wanted[:, None])
    weight = event_weight(batch, mixture.decay)
    entries = linear.entries(batch.item, wanted[:, None], bound.index, bound.value)[:, 0]
    direct = mixture.linear * weight * entries
    total = (probability + direct.sum(1, keepdim=True)).clamp(min=FLOOR)
    return mixture.heat * (probability * attention + direct) / total


def attended(bound: BoundRecommender, batch: Batch, wanted: Tensor) -> Tensor:
    """α_j of the last block, mean over heads: the same for every item."""
    return bound.model.explain(batch, bound.vectors).alpha.mean(1)[:, 1:]


def rollout(bound: BoundRecommender, batch: Batch, wanted: Tensor) -> Tensor:
    """Attention rollout (Abnar & Zuidema, 2020): the same for every item.

    The product over blocks of (A + I) / 2, with A the mean over heads.
    """
    x, log_weight = bound.model.encode(batch, bound.vectors), token_weight(batch)
    own = torch.eye(x.shape[1], device=x.device)
    flow = own.expand(len(x), -1, -1)
    for block in cast("Iterable[Block]", bound.model.blocks):
        x = block.inward(x)
        flow = (_attention(block.attention, x, log_weight).mean(1) + own) / 2 @ flow
        x = x + block.attention(x, log_weight)
    return flow[torch.arange(len(x), device=x.device), batch.length][:, 1:]


def gradient_times_input(bound: BoundRecommender, batch: Batch, wanted: Tensor) -> Tensor:
    """∂ score / ∂ x_j · x_j (Shrikumar et al., 2017) over the token of an event and its linear weight."""
    with torch.enable_grad():
        tokens = bound.model.encode(batch, bound.vectors).detach().requires_grad_(True)
        weight = event_weight(batch, bound.mixture.decay).detach().requires_grad_(True)
        score = _score_of(bound, batch, wanted, tokens, weight, token_weight(batch))
        slopes = torch.autograd.grad(score.sum(), (tokens, weight), allow_unused=True)
    by_token = (slopes[0] * tokens).sum(-1)[:, 1:]
    by_weight = torch.zeros_like(by_token) if slopes[1] is None else slopes[1] * weight
    return (by_token + by_weight).detach()


def gradient_of_weight(bound: BoundRecommender, batch: Batch, wanted: Tensor) -> Tensor:
    """∂ score / ∂ log w_j: what weighing the event a little more would do, in all blocks."""
    with torch.enable_grad():
        tokens = bound.model.encode(batch, bound.vectors).detach()
        begin = torch.zeros_like(batch.attention) if batch.log_weight is None else batch.log_weight
        log_weight = begin.clone().requires_grad_(True)
        weight = linear.recency(batch.item, batch.mask, bound.mixture.decay) * log_weight.exp()
        padded = torch.nn.functional.pad(log_weight, (1, 0))
        score = _score_of(bound, batch, wanted, tokens, weight, padded)
        (slope,) = torch.autograd.grad(score.sum(), log_weight)
    return slope.detach()


CREDITS: Mapping[str, Credit] = {
    "contributions c_j(i)": contribution,
    "contributions, centred": centred_contribution,
    "gradient × input": gradient_times_input,
    "gradient by weight": gradient_of_weight,
    "attention": attended,
    "attention rollout": rollout,
}


def _score_of(  # noqa: PLR0917 - what a score is made of
    bound: BoundRecommender,
    batch: Batch,
    wanted: Tensor,
    tokens: Tensor,
    weight: Tensor,
    log_weight: Tensor | None,
) -> Tensor:
    x = tokens
    for block in bound.model.blocks:
        x = block(x, log_weight)
    states = bound.model.norm(x[torch.arange(len(x), device=x.device), batch.length])
    probability = bound.probability(states, batch, wanted[:, None])[:, 0]
    direct = _direct(bound, batch, wanted, weight)
    return bound.mixture.heat * bound.mixture.combine(probability, direct).log()


def _direct(bound: BoundRecommender, batch: Batch, wanted: Tensor, weight: Tensor) -> Tensor:
    entries = linear.entries(batch.item, wanted[:, None], bound.index, bound.value)[:, 0]
    return (entries * weight).sum(1)


def _attention(layer: Attention, x: Tensor, log_weight: Tensor | None) -> Tensor:
    """[B, H, T, T]"""
    q, k, _ = layer.project(x)
    logits = q @ k.transpose(2, 3) / math.sqrt(q.shape[-1]) + layer.bias(x.shape[1])[None]
    if log_weight is not None:
        logits = logits + log_weight[:, None, None, :]
    return logits.softmax(-1)
