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

from recommender.core.exercises import Exercises, concept_prior
from recommender.core.tallies import ALL, CONCEPT, FEATURES, OWN, PRIOR, SHARED, column

MEMORY = 200
"""Answers that the attention looks back on; the counts look back on all."""
OWN_START = (1.3, 0.2, 0.4)
"""Logits per unit of surprise of late, log wins and log failures at the candidate itself, before
anything is learned: about what is found where exercises are answered again."""

WIDE_START = {column(ALL, "surprise", 0.98): 2.8, column(CONCEPT, "surprise", 0.9): 1.8}
"""Logits per unit of these columns before anything is learned. A logistic regression on difficulty and
these two alone is within .006 of the log loss of one on all columns (public answer data), and a small
class has too few answers to find them: there, noise would decide what a wrong answer does."""


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


def _member(concept: Tensor, slots: Tensor) -> Tensor:
    """[B, C, L] whether concept [B, C] is among slots [B, L, S]; 0 is in none."""
    found = torch.zeros(*concept.shape, slots.shape[1], dtype=torch.bool, device=slots.device)
    for s in range(slots.shape[2]):
        found |= concept[:, :, None] == slots[:, None, :, s]
    return found & (concept > 0)[..., None]


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
        self.register_buffer("platt", torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
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
        self.hidden = nn.Linear(2 * W + FEATURES - OWN, config.hidden)
        self.out = nn.Linear(config.hidden, 1)
        self.wide = nn.Linear(FEATURES - OWN, 1)
        self.own = nn.Parameter(_inverse_softplus(torch.tensor(OWN_START)))
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

    @torch.no_grad()
    def standardise(self, wide: Tensor) -> None:
        """Take over mean and spread of wide features [A, FEATURES].

        A model that has learned nothing yet begins with WIDE_START.
        """
        self.centre.copy_(wide.mean(0))
        self.spread.copy_(wide.std(0, correction=0).clamp(min=0.1))
        if not self.wide.weight.any():
            for number, weight in WIDE_START.items():
                self.wide.weight[0, number] = weight * self.spread[number]
                self.wide.bias.add_(weight * self.centre[number])

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

        The attention looks at visible answers to other exercises, among the last MEMORY visible ones.
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
        bias = (
            -F.softplus(self.fade)[:, None, None] * after.clamp(min=0).log1p()[:, None]
            + self.shared[:, None, None] * shared[:, None]
        )  # [B, H, C, L]
        # Answers to the candidate itself count in `evidence` alone.
        other = candidate[:, :, None] != item[:, None, :]
        hidden = ~(visible & (after < MEMORY) & other)
        bias = bias.masked_fill(hidden[:, None], -math.inf)
        # A null answer with logit and value zero: what is attended to when nothing fits.
        null = torch.zeros(B, H, 1, q.shape[-1], device=q.device)
        bias = torch.cat([torch.zeros(B, H, C, 1, device=q.device), bias], dim=-1)
        mixed = F.scaled_dot_product_attention(
            q, torch.cat([null, k], dim=2), torch.cat([null, v], dim=2), attn_mask=bias
        )
        fused = mixed.transpose(1, 2).reshape(B, C, -1)
        own = wide[..., SHARED : SHARED + OWN]
        scaled = ((wide - self.centre) / self.spread).clamp(-6, 6)
        scaled = torch.cat([scaled[..., :SHARED], scaled[..., SHARED + OWN :]], dim=-1)
        state = torch.cat([self.dropout(fused), self.dropout(asked), scaled], dim=-1)
        deep = self.out(self.dropout(F.gelu(self.hidden(state))))
        logits: Tensor = (deep + self.wide(scaled)).squeeze(-1) + prior + self.evidence(own)
        return logits

    def evidence(self, own: Tensor) -> Tensor:
        """[B, C] logits from the answers to the candidate itself [B, C, OWN].

        Monotone by construction, and kept out of the deep part: where a log has hardly an exercise
        that was answered twice, weights of any sign would fit it, and a wrong answer could raise P.
        """
        weight = F.softplus(self.own)
        return own @ (weight * weight.new_tensor([1.0, 1.0, -1.0]))

    def drift(self) -> Tensor:
        """How far the weights of that evidence are from where they began (their log prior, negated)."""
        start = self.own.new_tensor(OWN_START)
        return ((F.softplus(self.own) - start) / start).square().sum() / 2

    def calibrated(self, logits: Tensor, count: Tensor) -> Tensor:
        """Probabilities after Platt scaling; `count` is the exercises' log(1 + answers).

        Exercises without answers have a scale of their own: what their concepts say of them is less
        sure than it looks.
        """
        slope, offset = self.platt[(count == 0).long()].unbind(-1)
        return torch.sigmoid(slope * logits + offset)


def _inverse_softplus(weight: Tensor) -> Tensor:
    return torch.log(torch.expm1(weight))


def not_retried(item: Tensor) -> Tensor:
    """[B, L] false for an answer to the item of the answer before it (a retry, see `tallies`).

    Whether a window's first answer is one cannot be told: take one more than is looked at.
    """
    first = torch.ones_like(item, dtype=torch.bool)
    first[:, 1:] = item[:, 1:] != item[:, :-1]
    return first
