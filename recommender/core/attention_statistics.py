"""What a learner's attention looks like, in a few numbers: how far it reaches, where it lies, on what.

Of the last state's attention in the last block, before any weights of the learner's own: what she asked
for is no fault. Everything is computed from logits that scoring has at hand, so it costs no second pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from recommender.core.events import EventLog
from recommender.core.features import Batch, make_batch

if TYPE_CHECKING:  # serving knows the parts of a version, and this is to be one
    from recommender.core.serving import BoundRecommender

MIN_EVENTS = 8
"""With fewer events attention has hardly a choice, and its statistics say nothing."""
RECENT = 4
"""The last 1 / RECENT of the events are the recent ones."""
QUICK = 2
"""Gap buckets up to this one (under three seconds) are faster than a person studies."""
RUN = 8
"""Events in a row that may be a burst."""
LEAST = 1e-6


def entropy(alpha: Tensor) -> Tensor:
    """Shannon entropy [...] in nats of distributions [..., T]."""
    return -torch.xlogy(alpha, alpha).sum(-1)


@dataclass(frozen=True)
class Histories:
    """What the statistics need of a batch, whatever its attention."""

    batch: Batch
    items: Tensor  # [B, L, D] vectors
    norm: Tensor  # [B, L] their lengths
    like: Tensor  # [B, L] cosine with the event before
    odd: Tensor  # [B, L] 1 - cosine for quick events, else 0
    usual: Tensor  # [B, L]

    @classmethod
    def of(cls, batch: Batch, vectors: Tensor, usual: Tensor) -> Histories:
        """`vectors` [V, D] are those of the items, `usual` [V] is how likely each is for anybody."""
        items = vectors[batch.item]
        norm = items.norm(dim=-1)
        like = torch.zeros_like(norm)
        like[:, 1:] = (items[:, 1:] * items[:, :-1]).sum(-1)
        like[:, 1:] /= (norm[:, 1:] * norm[:, :-1]).clamp(min=LEAST)
        quick = batch.mask & (batch.gap > 0) & (batch.gap <= QUICK)
        return cls(batch, items, norm, like, quick * (1 - like), usual[batch.item])


def statistics(alpha: Tensor, seen: Histories) -> Tensor:
    """float32 [B, S] of attention [B, H, L + 1], the beginning first; S columns as `names` tells."""
    batch = seen.batch
    n = batch.length.float().clamp(min=1)  # [B]
    mass = alpha[..., 1:]  # [B, H, L] on events
    place = torch.arange(mass.shape[2], device=mass.device)
    behind = (batch.length[:, None] - 1 - place).clamp(min=0)  # [B, L] events since
    recent = (behind < (n / RECENT).ceil()[:, None]) & batch.mask
    rows = torch.arange(len(alpha), device=alpha.device)
    lack = (n + 1).log()[:, None] - entropy(alpha)
    masses = (
        mass.amax(-1),
        alpha[..., 0],
        mass[..., 0],
        alpha[rows, :, batch.length],
        (mass * recent[:, None]).sum(-1),
    )
    per_head = (
        lack.clamp(min=LEAST).log(),
        _odds(torch.cat(masses, 1)),
        (mass * (behind / n[:, None])[:, None]).sum(-1) / mass.sum(-1).clamp(min=LEAST),
    )
    mean = alpha.mean(1)  # [B, L + 1]
    share = mean[:, 1:] / mean[:, 1:].sum(1, keepdim=True).clamp(min=LEAST)
    together = (share[:, None] @ seen.items)[:, 0].norm(dim=-1)
    bursts = F.pad(n[:, None] * share * seen.odd, (RUN - 1, 0))
    joint = (
        (alpha - mean[:, None]).abs().sum(-1).mean(1).clamp(min=LEAST).log(),
        together / (share * seen.norm).sum(1).clamp(min=LEAST),
        (share * seen.like).sum(1),
        (share * seen.usual).sum(1),
        bursts.unfold(1, RUN, 1).mean(-1).amax(1),
    )
    return torch.cat([*per_head, torch.stack(joint, 1)], 1)


@torch.inference_mode()
def how_usual(bound: BoundRecommender) -> Tensor:
    """[V] standardised logit of each item before anything is known of a learner.

    Items without events are as rare as the rarest; PAD and unknown items count as usual.
    """
    nobody = make_batch(
        EventLog.empty(1), np.zeros(1, dtype=np.int64), None, bound.model.config.length
    )
    prior = (bound.model.last_states(nobody.to(bound.device), bound.vectors) @ bound.vectors.T)[0]
    known = prior[bound.met]
    if len(known) < 2:
        return torch.zeros_like(prior)
    centred = (prior - known.mean()) / known.std().clamp(min=LEAST)
    out = torch.where(bound.met, centred, centred[bound.met].min())
    out[0] = 0.0
    return out


def _odds(mass: Tensor) -> Tensor:
    """log(m / (1 - m)), within the range where it says something."""
    return mass.clamp(1e-4, 1 - 1e-4).logit()
