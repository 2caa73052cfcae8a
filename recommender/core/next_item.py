"""Training of the attention model towards the next new item."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from recommender.core import losses, metrics
from recommender.core.config import ModelConfig, TrainConfig
from recommender.core.crew import Crew, Job, array, enlisted, follow
from recommender.core.device import pick
from recommender.core.evaluation import Cases, rank_cases
from recommender.core.events import EventLog
from recommender.core.features import first_meeting, make_batch
from recommender.core.model import NextItemModel
from recommender.core.rules import softmax_over_all


@dataclass(frozen=True)
class Window:
    """Training windows: events [start, stop) of a learner, targets from `scored` on."""

    learner: NDArray[np.int64]
    start: NDArray[np.int64]
    scored: NDArray[np.int64]
    stop: NDArray[np.int64]


def windows(counts: NDArray[np.integer], length: int, shift: int) -> Window:
    """Cuts histories of `counts` events so that each event is a target exactly once.

    Every target has at least length / 4 events before it in its window, or its whole history (as good
    on validation as length / 2, with a quarter less to compute). `shift` moves the cuts, a new one
    each epoch.
    """
    stride = max(1, 3 * length // 4)
    short = counts <= length
    learner = [np.flatnonzero(short & (counts > 0))]
    zero = np.zeros(len(learner[0]), dtype=np.int64)
    start, scored, stop = [zero], [zero], [counts[learner[0]].astype(np.int64)]
    for who in np.flatnonzero(~short):
        count = int(counts[who])
        cuts = np.arange(1 + shift % stride, count, stride)
        begins = np.concatenate([[0], cuts])
        ends = np.concatenate([cuts, [count]])
        learner.append(np.full(len(begins), who))
        start.append(np.maximum(ends - length, 0))
        scored.append(begins)
        stop.append(ends)
    return Window(*(np.concatenate(parts) for parts in (learner, start, scored, stop)))


def pack(
    sizes: NDArray[np.integer], budget: int, generator: torch.Generator
) -> list[NDArray[np.int64]]:
    """Batches of windows of like size, about `budget` tokens each, in random order.

    Sorting by size leaves next to no padding; ties and the order of batches are random.
    """
    if not len(sizes):
        return []
    jitter = torch.rand(len(sizes), generator=generator).numpy()
    order = np.lexsort((jitter, sizes))
    ordered = np.asarray(sizes)[order]
    bounds = np.flatnonzero(np.diff(np.cumsum(ordered) // budget)) + 1
    batches = [part for part in np.split(order, bounds) if len(part)]
    return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]


class NextItemTask:
    """Batches, loss and validation of the next-item model over one log of training events."""

    def __init__(
        self,
        model: NextItemModel,
        log: EventLog,
        text: Tensor | None,
        config: TrainConfig,
        *,
        valid_log: EventLog,
        valid: Cases,
        device: torch.device,
        targets: NDArray[np.bool_] | None = None,
    ) -> None:
        self.model = model
        self.log = log
        self.text = text
        self.config = config
        self.device = device
        self.valid_log = valid_log
        self.valid = valid
        self.counts = np.diff(log.offsets)
        self.is_target = first_meeting(log)
        if targets is not None:
            self.is_target &= targets
        rows = len(model.items.id)
        events = log.item_counts(rows)
        events[0] = 0
        met = np.flatnonzero(events)
        self.met = torch.from_numpy(met).to(device)  # the denominator: items with events
        self.place = torch.full((rows,), -1, device=device)
        self.place[self.met] = torch.arange(len(met), device=device)
        self.sampled = not softmax_over_all(len(met), len(log), config)
        frequency = torch.from_numpy(events[met].astype(np.float32)) ** 0.75
        self.frequency = (frequency / frequency.sum()).to(device)
        self.candidates = torch.from_numpy(events > 0)

    def helped(self) -> AbstractContextManager[Crew]:
        """While it is open, the helpers of this process (see `crew`) share the batches."""
        text = None if self.text is None else self.text.cpu().numpy()
        job = Job(
            rows=len(self.place),
            text_width=0 if text is None else text.shape[1],
            model=asdict(self.model.config),
            training=asdict(replace(self.config, model=None)),
            device=self.device.type,
        )
        return enlisted(self.model, self.log, {"text": text, "targets": self.is_target}, job)

    def batches(self, generator: torch.Generator) -> list[Window]:
        length = self.model.config.length
        shift = int(torch.randint(length, (1,), generator=generator))
        cut = windows(self.counts, length, shift)
        sizes = cut.stop - cut.start
        return [
            Window(cut.learner[rows], cut.start[rows], cut.scored[rows], cut.stop[rows])
            for rows in pack(sizes, Crew.current().part(self.config.tokens), generator)
        ]

    def loss(self, part: Window) -> Tensor:
        batch = make_batch(
            self.log, part.learner, part.stop, self.model.config.length, starts=part.start
        )
        position = batch.position.numpy()
        rows = self.log.offsets[part.learner][:, None] + np.maximum(position, 0)
        wanted = (position >= part.scored[:, None]) & self.is_target[rows]
        case, place = np.nonzero(wanted)
        if not len(case):
            return next(iter(self.model.parameters())).sum() * 0.0
        batch = batch.to(self.device)
        vectors = self.model.items(self.text)
        states = self.model(batch, vectors)[torch.from_numpy(case), torch.from_numpy(place)]
        targets = self.place[batch.item[torch.from_numpy(case), torch.from_numpy(place)]]
        if self.sampled:
            negatives = torch.multinomial(self.frequency, self.config.negatives, replacement=True)
            return losses.sampled_softmax(
                states, vectors[self.met], targets, negatives, self.frequency.log()
            )
        return losses.full_softmax(states, vectors[self.met], targets)

    def validate(self, model: nn.Module) -> float | None:
        """NDCG@10 on the validation cases."""
        if not len(self.valid):
            return None
        assert isinstance(model, NextItemModel)  # noqa: S101 - narrows the type
        ranks = rank_cases(
            scorer(model, self.valid_log, self.text, self.device),
            self.valid_log,
            self.valid,
            self.candidates,
        )
        return float(metrics.ndcg(ranks).mean())


def scorer(
    model: NextItemModel, log: EventLog, text: Tensor | None, device: torch.device
) -> Callable[[NDArray[np.int64], NDArray[np.int64]], Tensor]:
    """Scores [B, V] of the attention part alone."""
    with torch.no_grad():
        vectors = model.items(text)

    def score(who: NDArray[np.int64], end: NDArray[np.int64]) -> Tensor:
        batch = make_batch(log, who, end, model.config.length).to(device)
        found: Tensor = model.last_states(batch, vectors) @ vectors.T
        return found

    return score


def help_train(job: Job, crew: Crew) -> None:
    """A helper's part of training the attention model (see `crew`)."""
    device = pick(job.device)
    log, text, targets = EventLog.open(Path(job.folder)), array(job, "text"), array(job, "targets")
    model = NextItemModel(job.rows, job.text_width, ModelConfig(**job.model)).to(device)
    nobody = np.zeros(0, dtype=np.int64)
    task = NextItemTask(
        model,
        log,
        None if text is None else torch.from_numpy(text).to(device),
        TrainConfig(**job.training),
        valid_log=log,
        valid=Cases(nobody, nobody, nobody),
        device=device,
        targets=None if targets is None else targets.astype(np.bool_),
    )
    follow(model, task.batches, task.loss, crew)
