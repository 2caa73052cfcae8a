"""One learner kept at hand: an event costs what it adds, not what came before it.

The cached state holds keys and values of the attention, the running sum of the linear part and the
tallies of answers. After every event it equals what `BoundRecommender` computes from the history.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recommender.core import linear
from recommender.core.events import ANSWERED, RIGHT, WRONG, EventLog
from recommender.core.features import Batch, gap_bucket, make_batch
from recommender.core.mixture import probabilities
from recommender.core.model import Block
from recommender.core.prediction import predict_after
from recommender.core.serving import BoundRecommender
from recommender.core.success import MEMORY
from recommender.core.tallies import Tally


@dataclass(frozen=True)
class Event:
    """One event; codes are those of `events`."""

    item: int
    behaviour: int
    outcome: int = 0
    attention: float = 0.0
    time: float = math.nan


@dataclass
class LiveLearner:
    """The state of one learner of a version over a catalogue that fits exact scoring.

    With more than one block the keys of deeper blocks depend on the window's beginning, so that a
    window which moves is computed anew; with one block, and while it still grows, nothing is.
    """

    bound: BoundRecommender
    window: list[Event] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    answers: list[tuple[int, bool]] = field(default_factory=list)  # the last of them
    count: int = 0  # events in all
    _keys: list[Tensor] = field(default_factory=list)  # per block [1, H, T, D/H]
    _values: list[Tensor] = field(default_factory=list)
    _state: Tensor | None = None  # [1, D]
    _direct: Tensor | None = None  # [1, V]

    @classmethod
    def of(cls, bound: BoundRecommender, history: EventLog) -> LiveLearner:
        """The state after the history of a log's only learner."""
        live = cls(bound)
        rows = range(max(0, len(history) - bound.model.config.length), len(history))
        batch = make_batch(history, np.array([0]), None, bound.model.config.length)
        columns = ("item", "behaviour", "outcome", "attention", "time")
        for row in range(len(history)):
            event = Event(*(getattr(history, name)[row].item() for name in columns))
            live._answer(event)
            if row in rows:
                live.window.append(event)
        live.gaps = batch.gap[0, : len(rows)].tolist()
        live.count = len(history)
        live._recompute()
        return live

    @torch.inference_mode()
    def append(self, event: Event) -> None:
        """Take in one more event."""
        length = self.bound.model.config.length
        last = self.window[-1].time if self.window else math.nan
        seconds = event.time - last if self.count else math.nan
        gap = int(gap_bucket(np.array([seconds]))[0])
        full = len(self.window) == length
        met_before = event.item == 0 or any(e.item == event.item for e in self.window)
        self.window = [*self.window[full:], event]
        self.gaps = [*self.gaps[full:], gap]
        self.count += 1
        self._answer(event)
        if full and len(self.bound.model.blocks) > 1:
            self._recompute()
            return
        self._extend(event, gap, drop=full)
        if met_before or full or self._direct is None:
            self._sum_linear()
        else:
            rows = self.bound.index[event.item].long()
            self._direct = self._direct * self.bound.mixture.decay
            self._direct[0].index_add_(0, rows, self.bound.value[event.item])

    @torch.inference_mode()
    def affinity(self) -> NDArray[np.float32]:
        """[V] log-probabilities over items, as `BoundRecommender.score` gives them."""
        bound = self.bound
        assert self._state is not None  # noqa: S101 - both are made in `_recompute`
        assert self._direct is not None  # noqa: S101
        item = torch.tensor([[e.item for e in self.window] or [0]], device=bound.device)
        attention = probabilities(bound.logits(self._state), bound.met, item)
        scores = bound.mixture.heat * bound.mixture.combine(attention, self._direct).log()
        scores[:, 0] = -torch.inf
        found: NDArray[np.float32] = scores.log_softmax(1)[0].cpu().numpy()
        return found

    def predict_success(self, candidates: NDArray[np.integer]) -> NDArray[np.float32]:
        """P(correct) [C] of candidates [C]; NaN as in `BoundRecommender.predict_success`."""
        head = self.bound.success
        if head is None or not len(candidates):
            return np.full(len(candidates), np.nan, dtype=np.float32)
        wanted = torch.from_numpy(candidates.astype(np.int64))
        wide = self.tally.wide(wanted, head.known)[None]
        told = self.answers or [(0, False)]
        batch_item = torch.tensor([[item for item, _ in told]])
        right = torch.tensor([[int(won) for _, won in told]])
        length = torch.tensor([len(self.answers)])
        found = predict_after(head, batch_item, right, length, wanted[None], wide, self.bound.text)
        gradable = self.bound.catalogue.gradable[candidates] & (candidates > 0)
        return np.where(gradable, found[0].cpu().numpy(), np.float32(np.nan))

    def _answer(self, event: Event) -> None:
        graded = event.behaviour == ANSWERED and event.outcome in (RIGHT, WRONG) and event.item > 0
        if graded and self.bound.success is not None:
            won = event.outcome == RIGHT
            self.tally.append(event.item, won, self.bound.success.known)
            self.answers = [*self.answers[-MEMORY:], (event.item, won)]

    def _batch(self, events: list[Event], gaps: list[int]) -> Batch:
        width = max(1, len(events))
        blank = [Event(0, 0)] * (width - len(events))
        item, behaviour, outcome = (
            torch.tensor([[getattr(e, name) for e in [*events, *blank]]])
            for name in ("item", "behaviour", "outcome")
        )
        attention = [math.log1p(e.attention) for e in [*events, *blank]]
        return Batch(
            item=item,
            behaviour=behaviour,
            outcome=outcome,
            attention=torch.tensor([attention], dtype=torch.float32),
            gap=torch.tensor([[*gaps, *[0] * len(blank)]]),
            mask=torch.tensor([[True] * len(events) + [False] * len(blank)]),
            position=torch.arange(width)[None],
            length=torch.tensor([len(events)]),
        ).to(self.bound.device)

    @torch.inference_mode()
    def _recompute(self) -> None:
        model = self.bound.model
        batch = self._batch(self.window, self.gaps)
        x = model.encode(batch, self.bound.vectors)[:, : len(self.window) + 1]
        self._keys, self._values = [], []
        for block in model.blocks:
            assert isinstance(block, Block)  # noqa: S101 - narrows the type
            inner = block.inward(x)
            _, k, v = block.attention.project(inner)
            self._keys.append(k)
            self._values.append(v)
            x = inner + block.attention(inner)
        self._state = model.norm(x)[:, -1]
        self._sum_linear()

    def _sum_linear(self) -> None:
        bound = self.bound
        batch = self._batch(self.window, self.gaps)
        weight = linear.recency(batch.item, batch.mask, bound.mixture.decay)
        self._direct = linear.score(batch.item, weight, bound.index, bound.value)

    def _extend(self, event: Event, gap: int, *, drop: bool) -> None:
        """The newest token through all blocks; the oldest event leaves a full window."""
        model = self.bound.model
        x = model.encode(self._batch([event], [gap]), self.bound.vectors)[:, 1:]
        for number, block in enumerate(model.blocks):
            assert isinstance(block, Block)  # noqa: S101 - narrows the type
            inner = block.inward(x)
            attention = block.attention
            q, k, v = attention.project(inner)
            for cache, new in ((self._keys, k), (self._values, v)):
                old = cache[number]
                if drop:
                    old = torch.cat([old[:, :, :1], old[:, :, 2:]], dim=2)
                cache[number] = torch.cat([old, new], dim=2)
            tokens = self._keys[number].shape[2]
            logits = q @ self._keys[number].transpose(2, 3) / math.sqrt(q.shape[-1])
            alpha = (logits + attention.bias(tokens)[:, -1:]).softmax(-1)  # [1, H, 1, T]
            mixed = (alpha @ self._values[number]).transpose(1, 2).reshape(1, 1, -1)
            x = inner + attention.out(mixed)
        self._state = model.norm(x)[:, -1]
