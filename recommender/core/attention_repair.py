"""The two repairs of a learner's attention; both act on logits, so that contributions follow them."""

from __future__ import annotations

import torch
from torch import Tensor

from recommender.core.attention_statistics import entropy

STEPS = 24
"""Of the bisection: the temperature is found to 1e-6 of its range."""
HOTTEST = 64.0


def weighted_average(logits: Tensor, prior: Tensor, share: float = 0.5) -> Tensor:
    """Logits [B, H, T] whose softmax is ``(1 − share) · α + share · prior``.

    `prior` [B, H, T] are probabilities over the same tokens. Raises ValueError for a share outside [0, 1].
    """
    if not 0 <= share <= 1:
        raise ValueError("share must be in [0, 1]")
    return ((1 - share) * logits.softmax(-1) + share * prior).log()


def prior_over(positions: Tensor, length: Tensor, tokens: int) -> Tensor:
    """The population's attention [B, H, T] over histories of `length` [B] events.

    `positions` [H, 1 + P] is the mean mass on the beginning and then on the last event, the one before
    it and so on; places that no learner of the reference has reached have none.
    """
    place = torch.arange(tokens, device=positions.device)
    behind = (length[:, None] - place).clamp(0, positions.shape[1] - 2)  # [B, T] events since
    mass = positions[:, 1:][:, behind].transpose(0, 1).clone()  # [B, H, T]
    mass[:, :, 0] = positions[:, 0]
    mass = mass.masked_fill((place > length[:, None])[:, None], 0.0)
    total = mass.sum(-1, keepdim=True)
    equal = (place <= length[:, None])[:, None] / (length[:, None, None] + 1.0)
    return torch.where(total > 0, mass / total.clamp(min=1e-12), equal)


def adapt_temperature(logits: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Logits [B, H, T] over the temperature that brings their entropy into [low, high] [B, H], in nats.

    Entropy rises with the temperature (its derivative by 1/T is −Var(logit)/T), so bisection finds it;
    what is in range stays as it is. Where no temperature within [1/64, 64] suffices, the nearest one is
    taken; equal logits stay equal at any.
    """
    now = entropy(logits.softmax(-1))
    goal = torch.maximum(torch.minimum(now, high), low)
    bottom = torch.full_like(now, 1 / HOTTEST).log()
    top = torch.full_like(now, HOTTEST).log()
    for _ in range(STEPS):
        middle = (bottom + top) / 2
        cold = entropy((logits / middle.exp()[..., None]).softmax(-1)) < goal
        bottom = torch.where(cold, middle, bottom)
        top = torch.where(cold, top, middle)
    heat = torch.where(goal == now, 1.0, ((bottom + top) / 2).exp())
    return logits / heat[..., None]
