"""P(correct): candidate-as-query attention over earlier answers, beside a wide residual.

The query is the candidate, so nothing of its own answer can leak. After simpleKT (Liu et al., 2023) and
AKT (Ghosh et al., 2020: Rasch item terms); the wide part holds the counts of PFA (Pavlik et al., 2009)
and recency-weighted residuals of answers against their items' difficulty.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recommender.core.events import RIGHT
from recommender.core.features import Batch

MEMORY = 200
"""Answers that the attention looks back on."""
WIDE_MEMORY = 512
"""Answers that the counts look back on."""
DECAYS = (0.7, 0.9, 0.98)
FEATURES = 3 * 2 + 2 * (2 * len(DECAYS)) + 2
PRIOR = FEATURES - 2
"""Column of the wide features that holds the candidate's prior logit."""


@dataclass(frozen=True)
class SuccessConfig:
    """Sizes of the success head."""

    width: int = 48
    heads: int = 4
    hidden: int = 64
    dropout: float = 0.35
    id_dropout: float = 0.5

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError("width must be a multiple of heads")


@dataclass(frozen=True)
class Exercises:
    """What is known of the exercises before any learner is looked at."""

    slots: Tensor  # int64 [V, S] concept + 1, 0 = none
    prior: Tensor  # float [V] logit of P(correct), shrunk to the concepts' and the overall mean
    count: Tensor  # float [V] log(1 + answers) behind the prior
    concept: Tensor  # float [concepts + 1] logit of P(correct) of a concept, first the overall one


def difficulty(
    item: Tensor, right: Tensor, slots: Tensor, concepts: int, strength: float = 6.0
) -> Exercises:
    """What the answers say of each exercise; rare items lean on their concepts.

    item [A] rows, right [A] 0/1. Empirical Bayes with `strength` pseudo-answers at each level.
    """
    rows = len(slots)
    n = torch.zeros(rows).index_add_(0, item, torch.ones_like(right))
    wins = torch.zeros(rows).index_add_(0, item, right)
    overall = (right.sum() + 1) / (len(right) + 2)
    per = slots.shape[1]
    concept_n = torch.zeros(concepts + 1)
    concept_n.index_add_(0, slots.flatten(), n.repeat_interleave(per))
    concept_wins = torch.zeros(concepts + 1)
    concept_wins.index_add_(0, slots.flatten(), wins.repeat_interleave(per))
    mean = (concept_wins + strength * overall) / (concept_n + strength)
    mean[0] = overall
    concept = torch.logit(mean, eps=1e-4)
    base = torch.sigmoid(concept_prior(slots, concept))
    prior = torch.logit((wins + strength * base) / (n + strength), eps=1e-4)
    return Exercises(slots, prior, n.log1p(), concept)


def concept_prior(slots: Tensor, concept: Tensor) -> Tensor:
    """Prior logits [V] of exercises of which only the concepts are known."""
    has = (slots > 0).float()
    own = (concept[slots] * has).sum(1) / has.sum(1).clamp(min=1)
    return torch.where(has.sum(1) > 0, own, concept[0])


def wide_features(
    item: Tensor, right: Tensor, candidate: Tensor, visible: Tensor, known: Exercises
) -> Tensor:
    """[B, C, FEATURES] counts and recency-weighted residuals of the visible answers.

    item, right [B, L]; candidate [B, C]; visible [B, C, L] true for the answers before the candidate,
    or [B, 1, L] where all candidates stand at the same moment.
    """
    won = right.float()[:, None, :]  # [B, 1, L]
    surprise = won - torch.sigmoid(known.prior[item])[:, None, :]  # answer minus expectation
    wanted, mine = known.slots[candidate], known.slots[item]  # [B, C, S], [B, L, S]
    B, C = candidate.shape
    counts = torch.zeros(B, C, 2, device=item.device)
    shared = torch.zeros(B, C, item.shape[1], dtype=torch.bool, device=item.device)
    for s in range(wanted.shape[2]):
        hit = _member(wanted[:, :, s], mine) & visible
        counts += _counts(hit, won)  # an empty slot is met by no answer and counts nothing
        shared |= hit
    counts /= (wanted > 0).sum(2, keepdim=True).clamp(min=1)
    same = (candidate[:, :, None] == item[:, None, :]) & visible
    parts = [
        _counts(visible, won).expand(-1, C, -1),
        counts,
        _counts(same, won),
        _recent(visible, won, surprise).expand(-1, C, -1),
        _recent(shared, won, surprise),
        known.prior[candidate][..., None],
        known.count[candidate][..., None],
    ]
    return torch.cat(parts, dim=-1)


def _member(concept: Tensor, slots: Tensor) -> Tensor:
    """[B, C, L] whether concept [B, C] is among slots [B, L, S]; 0 is in none."""
    found = torch.zeros(*concept.shape, slots.shape[1], dtype=torch.bool, device=slots.device)
    for s in range(slots.shape[2]):
        found |= concept[:, :, None] == slots[:, None, :, s]
    return found & (concept > 0)[..., None]


def _counts(mask: Tensor, won: Tensor) -> Tensor:
    """[B, C, 2] log(1 + wins), log(1 + failures) among the masked answers."""
    weight = mask.float()
    wins = (weight * won).sum(-1)
    return torch.stack([wins.log1p(), (weight.sum(-1) - wins).clamp(min=0).log1p()], dim=-1)


def _recent(mask: Tensor, won: Tensor, surprise: Tensor) -> Tensor:
    """[B, C, 2 * len(DECAYS)] decayed means of correctness and of surprise; the k-th answer before
    counts decay^k, and one pseudo-answer holds short histories near the middle."""
    weight = mask.float()
    after = weight.flip(-1).cumsum(-1).flip(-1) - weight
    found = []
    for decay in DECAYS:
        w = weight * torch.exp(after * math.log(decay))
        total = w.sum(-1) + 1
        found += [((w * won).sum(-1) + 0.5) / total, (w * surprise).sum(-1) / total]
    return torch.stack(found, dim=-1)


class SuccessModel(nn.Module):
    """Logit of P(correct) for candidates after a history of answers."""

    def __init__(
        self, slots: Tensor, concepts: int, text_width: int, config: SuccessConfig
    ) -> None:
        super().__init__()
        W = config.width
        self.config = config
        rows = len(slots)
        self.slots: Tensor
        self.prior: Tensor
        self.count: Tensor
        self.centre: Tensor
        self.spread: Tensor
        self.platt: Tensor
        self.concept_logit: Tensor
        self.register_buffer("slots", slots)
        self.register_buffer("prior", torch.zeros(rows))
        self.register_buffer("count", torch.zeros(rows))
        self.register_buffer("concept_logit", torch.zeros(concepts + 1))
        self.register_buffer("centre", torch.zeros(FEATURES))
        self.register_buffer("spread", torch.ones(FEATURES))
        self.register_buffer("platt", torch.tensor([1.0, 0.0]))
        self.concept = nn.Parameter(torch.randn(concepts + 1, W) * 0.1)
        self.item = nn.Parameter(torch.zeros(rows, W))
        self.text = nn.Linear(text_width, W, bias=False) if text_width else None
        self.rasch = nn.Parameter(torch.randn(W) * 0.1)
        self.outcome = nn.Parameter(torch.randn(2, W) * 0.1)
        self.surprise = nn.Parameter(torch.randn(W) * 0.1)
        self.query = nn.Linear(W, W, bias=False)
        self.key = nn.Linear(W, W, bias=False)
        self.value = nn.Linear(W, W, bias=False)
        self.fade = nn.Parameter(torch.linspace(0.2, 1.0, config.heads))
        self.shared = nn.Parameter(torch.ones(config.heads))
        self.same = nn.Parameter(torch.ones(config.heads))
        self.hidden = nn.Linear(2 * W + FEATURES, config.hidden)
        self.out = nn.Linear(config.hidden, 1)
        self.wide = nn.Linear(FEATURES, 1)
        self.dropout = nn.Dropout(config.dropout)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.wide.weight)
        nn.init.zeros_(self.wide.bias)

    @property
    def known(self) -> Exercises:
        return Exercises(self.slots, self.prior, self.count, self.concept_logit)

    def learn(self, known: Exercises) -> None:
        """Take over what the answers say of the exercises."""
        self.prior.copy_(known.prior)
        self.count.copy_(known.count)
        self.concept_logit.copy_(known.concept)

    def rebind(self, slots: Tensor, rows: Tensor) -> SuccessModel:
        """The same head for another catalogue.

        slots [V', S] are concept indices of this head; rows [V'] this head's rows, 0 = unknown: such
        an exercise is placed by its concepts and text.
        """
        width = 0 if self.text is None else self.text.in_features
        other = SuccessModel(slots, len(self.concept) - 1, width, self.config)
        state = self.state_dict()
        fresh = rows == 0
        state["slots"] = slots
        state["item"] = state["item"][rows].masked_fill(fresh[:, None], 0.0)
        guess = concept_prior(slots, self.concept_logit)
        state["prior"] = torch.where(fresh, guess, state["prior"][rows])
        state["count"] = state["count"][rows].masked_fill(fresh, 0.0)
        other.load_state_dict(state)
        return other.to(slots.device).eval()

    def ask(self, item: Tensor, prior: Tensor, text: Tensor | None) -> Tensor:
        """[..., W] vectors of the exercises of this prior difficulty."""
        slots = self.slots[item]
        has = (slots > 0).float()[..., None]
        x = (self.concept[slots] * has).sum(-2) / has.sum(-2).clamp(min=1)
        own = self.item[item]
        if self.training:
            keep = torch.rand(*item.shape, 1, device=item.device) >= self.config.id_dropout
            own = own * keep
        x = x + own + prior[..., None] * self.rasch
        if self.text is not None and text is not None:
            x = x + self.text(text[item])
        return x

    def forward(  # noqa: PLR0917 - columns of one table
        self,
        item: Tensor,
        right: Tensor,
        candidate: Tensor,
        visible: Tensor,
        wide: Tensor,
        text: Tensor | None,
    ) -> Tensor:
        """Logits [B, C]. item, right [B, L]; candidate [B, C]; visible [B, C, L] or [B, 1, L];
        wide [B, C, F].

        An answer is looked at only where visible, and only the last MEMORY of them.
        """
        (B, C), L, H = candidate.shape, item.shape[1], self.config.heads
        # The candidate's prior comes with its wide features: in training it leaves her own answer out.
        prior = wide[..., PRIOR]
        asked = self.ask(candidate, prior, text)  # [B, C, W]
        told = self.ask(item, self.prior[item], text)
        gap = right.float() - torch.sigmoid(self.prior[item])
        answer = told + self.outcome[right.long()] + gap[..., None] * self.surprise
        q = self.query(asked).view(B, C, H, -1).transpose(1, 2)  # [B, H, C, W/H]
        k = self.key(told).view(B, L, H, -1).transpose(1, 2)
        v = self.value(answer).view(B, L, H, -1).transpose(1, 2)
        after = visible.float().flip(-1).cumsum(-1).flip(-1) - 1  # answers between it and now
        shared = torch.zeros(B, C, L, dtype=torch.bool, device=item.device)
        slots, mine = self.slots[candidate], self.slots[item]
        for s in range(slots.shape[2]):
            shared |= _member(slots[:, :, s], mine)
        same = candidate[:, :, None] == item[:, None, :]
        bias = (
            -F.softplus(self.fade)[:, None, None] * after.clamp(min=0).log1p()[:, None]
            + self.shared[:, None, None] * shared[:, None]
            + self.same[:, None, None] * same[:, None]
        )  # [B, H, C, L]
        hidden = ~(visible & (after < MEMORY))
        bias = bias.masked_fill(hidden[:, None], -math.inf)
        # A null answer with logit and value zero: what is attended to when nothing fits.
        null = torch.zeros(B, H, 1, q.shape[-1], device=q.device)
        bias = torch.cat([torch.zeros(B, H, C, 1, device=q.device), bias], dim=-1)
        mixed = F.scaled_dot_product_attention(
            q, torch.cat([null, k], dim=2), torch.cat([null, v], dim=2), attn_mask=bias
        )
        fused = mixed.transpose(1, 2).reshape(B, C, -1)
        scaled = ((wide - self.centre) / self.spread).clamp(-6, 6)
        state = torch.cat([self.dropout(fused), self.dropout(asked), scaled], dim=-1)
        deep = self.out(self.dropout(F.gelu(self.hidden(state))))
        logits: Tensor = (deep + self.wide(scaled)).squeeze(-1) + prior
        return logits

    def calibrated(self, logits: Tensor) -> Tensor:
        """Probabilities after Platt scaling."""
        return torch.sigmoid(self.platt[0] * logits + self.platt[1])


def answers_of(batch: Batch) -> tuple[Tensor, Tensor]:
    """Items and 0/1 correctness [B, L] of a batch of answers."""
    return batch.item, (batch.outcome == RIGHT).long()
