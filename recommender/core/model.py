"""The attention model: event encoder, causal self-attention, catalogue head, contributions.

Pre-norm blocks after Vaswani et al. (2017) and SASRec (Kang & McAuley, 2018), with the feed-forward
part before the attention. So the last thing that happens to a state is a softmax attention, and up to
one scalar per learner (the norm) its score is a plain sum over her events.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from recommender.core.config import ModelConfig
from recommender.core.events import BEHAVIOURS, OUTCOMES
from recommender.core.features import GAP_BUCKETS, Adjust, Batch

RIDGE = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


@dataclass(frozen=True)
class Explained:
    """Last states, taken apart: ``state = prior + event.sum(1)`` (up to rounding)."""

    state: Tensor  # [B, D]
    event: Tensor  # [B, L, D] the part of each event
    prior: Tensor  # [B, D] the part of the learned beginning of every history
    alpha: Tensor  # [B, H, L + 1] attention of the last state, the beginning first


class ItemTable(nn.Module):
    """Vectors of the catalogue: ``x_i = W text_i + id_i``.

    Items with too few events (not `warm`) have ``id_i = 0`` and are placed by their text alone; id
    dropout makes the model meet that case in training. On dense data the text stands in for the id
    instead of beside it (not `text_beside_id`), and W is fitted to the ids that were learned without
    it (`learn_text`): learned along with them it is fitted too closely long before they are.
    """

    def __init__(self, rows: int, text_width: int, config: ModelConfig) -> None:
        super().__init__()
        self.id = nn.Parameter(torch.randn(rows, config.width) * 0.02)
        self.text = nn.Linear(text_width, config.width, bias=False) if text_width else None
        self.text_beside_id = config.text_beside_id
        self.id_dropout = config.id_dropout if config.text_beside_id else 0.0
        if self.text is not None:
            nn.init.normal_(self.text.weight, std=0.02 if config.text_beside_id else 0.0)
            self.text.weight.requires_grad_(config.text_beside_id)
        self.warm: Tensor  # 1 where an item has a vector of its own
        self.met: Tensor  # 1 where an item has events
        self.register_buffer("warm", torch.zeros(rows, 1))
        self.register_buffer("met", torch.zeros(rows, 1))

    def count(self, events: Tensor, warm_events: int) -> None:
        """Take over how many events each item has in the training data [V]."""
        known = torch.arange(len(events)) > 0
        self.warm[:, 0] = ((events >= warm_events) & known).float()
        self.met[:, 0] = ((events > 0) & known).float()

    def forward(self, text: Tensor | None) -> Tensor:
        """[V, D] from text vectors [V, D_text]."""
        keep = self.warm
        if self.training and self.id_dropout > 0:
            keep = keep * (torch.rand(len(keep), 1, device=keep.device) >= self.id_dropout)
        return self.compose(
            keep, self.id, text if self.text_beside_id or not self.training else None
        )

    def compose(self, keep: Tensor, own: Tensor, text: Tensor | None) -> Tensor:
        """[V, D] from id vectors [V, D] where `keep` [V, 1] is 1, and text vectors [V, D_text]."""
        vectors = own * keep
        if self.text is not None and text is not None:
            said = self.text(text)
            vectors = vectors + (said if self.text_beside_id else said * (1 - keep))
        return vectors

    @torch.no_grad()
    def learn_text(self, text: Tensor) -> None:
        """W as the ridge regression of the id vectors of warm items on their texts [V, D_text].

        Gantner et al. (2010), Learning attribute-to-feature mappings for cold-start recommendations.
        The penalty is the one with the least leave-one-out error.
        """
        assert self.text is not None  # noqa: S101 - there are texts
        rows = (self.warm[:, 0] > 0) & (text.abs().sum(1) > 0)
        if not rows.any():
            return
        own = self.id[rows]
        u, s, vh = torch.linalg.svd(text[rows], full_matrices=False)
        seen = u.T @ own
        best = math.inf
        for penalty in RIDGE:
            shrunk = s**2 / (s**2 + penalty)
            leverage = (u**2 * shrunk).sum(1, keepdim=True)
            error = float((((own - u @ (shrunk[:, None] * seen)) / (1 - leverage)) ** 2).sum())
            if error < best:
                best = error
                weight = vh.T @ ((s / (s**2 + penalty))[:, None] * seen)  # [D_text, D]
                self.text.weight.copy_(weight.T)


class Attention(nn.Module):
    """Multi-head causal attention with a learned bias per distance; the same at any offset."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.norm = nn.RMSNorm(config.width)
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=False)
        self.out = nn.Linear(config.width, config.width, bias=False)
        self.distance = nn.Parameter(torch.zeros(config.heads, config.length + 1))
        self.beginning = nn.Parameter(torch.zeros(config.heads))

    def bias(self, tokens: int) -> Tensor:
        """[H, T, T] added to the logits: -inf above the diagonal."""
        steps = torch.arange(tokens, device=self.distance.device)
        gap = (steps[:, None] - steps[None, :]).clamp(0, self.distance.shape[1] - 1)
        bias = self.distance[:, gap]  # [H, T, T]
        bias = torch.cat(
            [self.beginning[:, None, None].expand(-1, tokens, 1), bias[:, :, 1:]], dim=2
        )
        future = steps[:, None] < steps[None, :]
        return bias.masked_fill(future, -math.inf)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys, values [B, H, T, D/H]."""
        B, T, D = x.shape
        qkv = self.qkv(self.norm(x)).view(B, T, 3, self.heads, D // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        return q, k, v

    def forward(self, x: Tensor, log_weight: Tensor | None = None) -> Tensor:
        """Each token's states after looking back; `log_weight` [B, T] is added to the logits."""
        B, T, D = x.shape
        q, k, v = self.project(x)
        bias = self.bias(T)[None]
        if log_weight is not None:
            bias = bias + log_weight[:, None, None, :]
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(B, T, D))
        return out

    def look_back(
        self,
        x: Tensor,
        last: Tensor,
        log_weight: Tensor | None = None,
        adjust: Adjust | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Attention [B, H, T] of the states at `last` [B] alone, and the values [B, H, T, D/H]."""
        _, T, _ = x.shape
        q, k, v = self.project(x)
        query = q[torch.arange(len(x), device=x.device), :, last]  # [B, H, D/H]
        logits = (k @ query[..., None])[..., 0] / math.sqrt(query.shape[-1])
        logits = logits + self.bias(T)[:, last].transpose(0, 1)
        if adjust is not None:
            logits = adjust(logits)
        if log_weight is not None:
            logits = logits + log_weight[:, None]
        return logits.softmax(-1), v

    def explain(
        self,
        x: Tensor,
        last: Tensor,
        log_weight: Tensor | None = None,
        adjust: Adjust | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Attention of the states at `last` [B], and each token's part in their fusion.

        Returns alpha [B, H, T] and parts [B, T, D]; parts sum over T to what `forward` adds there.
        """
        alpha, v = self.look_back(x, last, log_weight, adjust)
        weighted = (alpha[..., None] * v).transpose(1, 2).reshape(x.shape)
        return alpha, self.out(weighted)


class Block(nn.Module):
    """A gated feed-forward part on each event, then attention over the events before."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(config.width)
        self.up = nn.Linear(config.width, 2 * config.hidden, bias=False)
        self.down = nn.Linear(config.hidden, config.width, bias=False)
        self.attention = Attention(config)
        self.dropout = nn.Dropout(config.dropout)

    def inward(self, x: Tensor) -> Tensor:
        """The feed-forward part (SwiGLU; Shazeer, 2020)."""
        gate, value = self.up(self.norm(x)).chunk(2, dim=-1)
        out: Tensor = x + self.dropout(self.down(F.silu(gate) * value))
        return out

    def forward(self, x: Tensor, log_weight: Tensor | None = None) -> Tensor:
        x = self.inward(x)
        out: Tensor = x + self.dropout(self.attention(x, log_weight))
        return out


def token_weight(batch: Batch) -> Tensor | None:
    """log w [B, L + 1] of the tokens; the beginning of a history has w = 1."""
    return None if batch.log_weight is None else F.pad(batch.log_weight, (1, 0))


class NextItemModel(nn.Module):
    """From a window of events to scores of the whole catalogue."""

    def __init__(self, rows: int, text_width: int, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.items = ItemTable(rows, text_width, config)
        self.behaviour = nn.Embedding(len(BEHAVIOURS) + 1, config.width)
        self.outcome = nn.Embedding(len(OUTCOMES), config.width)
        self.gap = nn.Embedding(GAP_BUCKETS, config.width)
        self.seconds = nn.Linear(1, config.width, bias=False)
        self.beginning = nn.Parameter(torch.randn(config.width) * 0.02)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.blocks))
        self.norm = nn.RMSNorm(config.width)
        self.dropout = nn.Dropout(config.dropout)
        for table in (self.behaviour, self.outcome, self.gap, self.seconds):
            nn.init.normal_(table.weight, std=0.02)

    def encode(self, batch: Batch, vectors: Tensor) -> Tensor:
        """[B, L + 1, D] tokens: the beginning, then the events."""
        event = (
            F.embedding(batch.item, vectors)
            + self.behaviour(batch.behaviour)
            + self.outcome(batch.outcome)
            + self.gap(batch.gap)
            + self.seconds(batch.attention[..., None])
        )
        begin = self.beginning.expand(len(event), 1, -1)
        tokens = torch.cat([begin, event], dim=1)
        out: Tensor = self.dropout(tokens * math.sqrt(self.config.width))
        return out

    def forward(self, batch: Batch, vectors: Tensor) -> Tensor:
        """States [B, L + 1, D]; the state at t has seen the first t events of the window."""
        x = self.encode(batch, vectors)
        log_weight = token_weight(batch)
        for block in self.blocks:
            x = block(x, log_weight)
        out: Tensor = self.norm(x)
        return out

    def last_states(self, batch: Batch, vectors: Tensor) -> Tensor:
        """[B, D] states after the last event of each window, as `forward` has them there."""
        x, final, log_weight = self._before_attention(batch, vectors)
        alpha, v = final.attention.look_back(x, batch.length, log_weight, batch.adjust)
        mixed = (alpha[:, :, None] @ v).flatten(1)  # [B, D]
        last = x[torch.arange(len(x), device=x.device), batch.length]
        out: Tensor = self.norm(last + final.dropout(final.attention.out(mixed)))
        return out

    def _before_attention(
        self, batch: Batch, vectors: Tensor
    ) -> tuple[Tensor, Block, Tensor | None]:
        """Tokens [B, L + 1, D] as the last block's attention gets them, that block, and log w."""
        x = self.encode(batch, vectors)
        log_weight = token_weight(batch)
        for block in self.blocks[:-1]:
            x = block(x, log_weight)
        final: Block = self.blocks[-1]  # type: ignore[assignment]
        return final.inward(x), final, log_weight

    def explain(self, batch: Batch, vectors: Tensor) -> Explained:
        """Last states with the part of every event; the way of the state itself (the residual
        stream) counts for the last event."""
        x, final, log_weight = self._before_attention(batch, vectors)
        rows = torch.arange(len(x), device=x.device)
        alpha, parts = final.attention.explain(x, batch.length, log_weight, batch.adjust)
        parts = parts.index_put((rows, batch.length), x[rows, batch.length], accumulate=True)
        raw = parts.sum(1)
        eps = self.norm.eps or torch.finfo(raw.dtype).eps
        scale = torch.rsqrt(raw.pow(2).mean(-1, keepdim=True) + eps)
        parts = parts * scale[:, None] * self.norm.weight
        return Explained(self.norm(raw), parts[:, 1:], parts[:, 0], alpha)
