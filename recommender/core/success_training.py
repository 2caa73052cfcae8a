"""Training of the success head, and prediction over whole histories."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from recommender.core import losses, metrics
from recommender.core.events import RIGHT, EventLog, ranges
from recommender.core.exercises import Exercises, adjusted, difficulty
from recommender.core.features import make_batch
from recommender.core.next_item import pack
from recommender.core.success import MEMORY, SuccessModel, not_retried
from recommender.core.tallies import FEATURES, SHARED, is_retry, running_wide

CHUNK = 100
"""Answers of one learner that are predicted together."""
PRIOR_FOLDS = 5
CALIBRATING = 1.5
"""Preparing and calibrating take at most so many times as long as preparing alone."""
UNMET_EVERY = 5
"""One exercise in so many is made unknown to calibrate for those that are."""
UNMET_PULL = 4.0
"""How much a mean exercise of those holds to the scale of all others."""


@dataclass(frozen=True)
class Chunk:
    """Answers [start, stop) of learners, each to be predicted from those before it."""

    learner: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]


def chunks(log: EventLog, learners: NDArray[np.integer]) -> Chunk:
    """All answers of these learners, CHUNK at a time."""
    counts = np.diff(log.offsets)[learners]
    pieces = -(-counts // CHUNK)
    owner = np.repeat(np.asarray(learners, dtype=np.int64), pieces)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    start = number * CHUNK
    return Chunk(owner, start, np.minimum(start + CHUNK, np.repeat(counts, pieces)))


def window(
    log: EventLog, part: Chunk
) -> tuple[Tensor, Tensor, Tensor, Tensor, NDArray[np.int64], NDArray[np.bool_]]:
    """Tensors for predicting a chunk's answers from the MEMORY answers before each.

    Returns item, right [B, L], candidate [B, C], visible [B, C, L], rows of the log [B, C] and which
    of those are real.
    """
    batch = make_batch(
        log,
        part.learner,
        part.stop,
        CHUNK + MEMORY + 1,
        starts=np.maximum(part.start - MEMORY - 1, 0),
    )
    item, right = batch.item, (batch.outcome == RIGHT).long()
    seen = batch.mask & not_retried(item)
    steps = np.arange(int((part.stop - part.start).max()))
    position = part.start[:, None] + steps  # [B, C] place in the history
    real = position < part.stop[:, None]
    rows = np.where(real, log.offsets[part.learner][:, None] + position, 0)
    candidate = torch.from_numpy(np.where(real, log.item[rows], 0).astype(np.int64))
    at = torch.from_numpy(position)[:, :, None]
    before = batch.position[:, None, :]
    visible = seen[:, None, :] & (before < at) & (before >= at - MEMORY)
    return item, right, candidate, visible, rows, real


def all_wide(log: EventLog, learners: NDArray[np.integer], known: Exercises) -> Tensor:
    """[E, FEATURES] wide features of every answer of these learners (zero elsewhere)."""
    out = torch.zeros(len(log), FEATURES)
    starts, ends = log.offsets[learners], log.offsets[np.asarray(learners) + 1]
    part = log.between(starts, ends)
    out[torch.from_numpy(ranges(starts, ends))] = running_wide(
        part, known, known.slots.cpu().numpy()
    )
    return out


class SuccessTask:
    """Batches, loss and validation of the success head over a log of answers only."""

    def __init__(
        self,
        model: SuccessModel,
        log: EventLog,
        text: Tensor | None,
        *,
        train: NDArray[np.integer],
        valid: NDArray[np.integer],
        tokens: int,
        device: torch.device,
    ) -> None:
        self.model, self.log, self.text = model, log, text
        self.train, self.valid = train, valid
        self.tokens, self.device = tokens, device
        self.right = torch.from_numpy((np.asarray(log.outcome) == RIGHT).astype(np.float32))
        self.fresh = torch.from_numpy(~is_retry(log))  # what is learned and validated
        self.answers = int(np.diff(log.offsets)[train].sum())
        began = time.monotonic()
        self.wide = self._prepare()
        self.overhead = CALIBRATING * (time.monotonic() - began)  # seconds beside the training

    def _rows(self, learners: NDArray[np.integer]) -> Tensor:
        mask = np.zeros(self.log.learners, dtype=bool)
        mask[learners] = True
        return torch.from_numpy(np.repeat(mask, np.diff(self.log.offsets)))

    def _prepare(self) -> Tensor:
        """Wide features; the difficulty a training learner meets comes from other learners."""
        wide = torch.zeros(len(self.log), FEATURES)
        for number in range(PRIOR_FOLDS):
            here = self.train[number::PRIOR_FOLDS]
            others = np.setdiff1d(self.train, here)
            known = self._difficulty(others if len(others) else self.train)
            mine = self._rows(here)
            wide[mine] = all_wide(self.log, here, known)[mine]
        known = self._difficulty(self.train)
        self.model.learn(known)
        self.model.standardise(wide[self._rows(self.train)])
        held = self._rows(self.valid)
        wide[held] = all_wide(self.log, self.valid, known)[held]
        return wide

    def _difficulty(
        self, learners: NDArray[np.integer], without: Tensor | None = None
    ) -> Exercises:
        """How hard the exercises were for these learners, allowing for how able they are.

        Answers to exercises in the mask `without` [V] are left out.
        """
        item = torch.from_numpy(np.asarray(self.log.item, dtype=np.int64))
        rows = self._rows(learners)
        if without is not None:
            rows &= ~without[item]
        item = item[rows]
        right, slots = self.right[rows], self.model.slots.cpu()
        plain = difficulty(item, right, slots, len(self.model.concept) - 1)
        shared = all_wide(self.log, learners, plain)[rows, :SHARED]
        return adjusted(plain, item, right, shared)

    def batches(self, generator: torch.Generator) -> list[Chunk]:
        todo = chunks(self.log, self.train)
        reach = np.minimum(todo.stop, CHUNK + MEMORY)
        return [
            Chunk(todo.learner[rows], todo.start[rows], todo.stop[rows])
            for rows in pack(reach, self.tokens, generator)
        ]

    def loss(self, part: Chunk) -> Tensor:
        logits, events = chunk_logits(self.model, self.log, self.wide, self.text, part, self.device)
        fresh = self.fresh[events]
        if not fresh.any():
            return logits.sum() * 0.0
        loss = losses.binary(
            logits[fresh.to(self.device)], self.right[events[fresh]].to(self.device)
        )
        return loss + self.model.drift() / max(self.answers, 1)

    def predict(self, model: nn.Module, learners: NDArray[np.integer]) -> tuple[Tensor, Tensor]:
        """Logits and rows of the log for answers of training or validation learners, without retries."""
        logits, events = predict_answers(
            model, self.log, learners, self.text, self.device, wide=self.wide
        )
        fresh = self.fresh[events]
        return logits[fresh], events[fresh]

    def validate(self, model: nn.Module) -> float | None:
        """Minus the log loss of the held-out learners' answers."""
        logits, events = self.predict(model, self.valid)
        if not len(events):
            return None
        return -float(losses.binary(logits, self.right[events]))

    def calibrate(self, logits: Tensor, rows: Tensor) -> float:
        """Fit the model's probabilities to what `predict` gave for validation learners.

        Exercises that nobody has answered are made from a part of those that were: without their own
        vectors, their difficulties guessed from concepts that don't count them. Returns the log loss.
        """
        right = self.right[rows]
        plain = fit_platt(logits, right)
        guessed, unmet = self._predict_unmet()
        self.model.platt.copy_(plain)
        if len(unmet):
            exercises = len(np.unique(self.log.item[unmet.numpy()]))
            # Answers to one exercise share its luck: what counts is how many exercises there are.
            pull = UNMET_PULL / exercises
            self.model.platt[1] = fit_platt(guessed, self.right[unmet], plain, pull)
        item = torch.from_numpy(np.asarray(self.log.item, dtype=np.int64))[rows]
        count = self.model.count[item.to(self.device)]
        chance = self.model.calibrated(logits.to(self.device), count).cpu()
        return metrics.log_loss(chance.double().numpy(), right.double().numpy())

    @torch.no_grad()
    def _predict_unmet(self) -> tuple[Tensor, Tensor]:
        """Logits and rows of validation answers to exercises that are made unknown."""
        hidden = torch.arange(len(self.model.count)) % UNMET_EVERY == 1
        model = copy.deepcopy(self.model)
        model.learn(self._difficulty(self.train, without=hidden))
        model.item[hidden.to(self.device)] = 0
        logits, rows = predict_answers(model, self.log, self.valid, self.text, self.device)
        item = torch.from_numpy(np.asarray(self.log.item, dtype=np.int64))[rows]
        chosen = self.fresh[rows] & hidden[item]
        return logits[chosen], rows[chosen]


def chunk_logits(  # noqa: PLR0917 - one step of the two callers above and below
    model: nn.Module,
    log: EventLog,
    wide: Tensor,
    text: Tensor | None,
    part: Chunk,
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """Logits [P] of a chunk's answers and their rows of the log [P]."""
    item, right, candidate, visible, rows, real = window(log, part)
    events = torch.from_numpy(rows)
    inputs = (item, right, candidate, visible, wide[events])
    logits = model(*(x.to(device) for x in inputs), text)
    chosen = torch.from_numpy(real)
    return logits[chosen.to(device)], events[chosen]


@torch.no_grad()
def predict_answers(
    model: nn.Module,
    log: EventLog,
    learners: NDArray[np.integer],
    text: Tensor | None,
    device: torch.device,
    *,
    wide: Tensor | None = None,
    tokens: int = 8192,
) -> tuple[Tensor, Tensor]:
    """Logits and rows of the log for every answer of these learners, each from those before it."""
    if wide is None:
        assert isinstance(model, SuccessModel)  # noqa: S101 - narrows the type
        wide = all_wide(log, learners, model.known)
    todo = chunks(log, learners)
    found = [
        chunk_logits(
            model, log, wide, text, Chunk(todo.learner[r], todo.start[r], todo.stop[r]), device
        )
        for r in pack(
            np.minimum(todo.stop, CHUNK + MEMORY), tokens, torch.Generator().manual_seed(0)
        )
    ]
    if not found:
        return torch.zeros(0), torch.zeros(0, dtype=torch.long)
    return torch.cat([f[0].cpu() for f in found]), torch.cat([f[1] for f in found])


def fit_platt(
    logits: Tensor, right: Tensor, start: Tensor | None = None, pull: float | None = None
) -> Tensor:
    """Slope and offset [2] that minimise the mean log loss (Platt, 1999).

    A pull towards `start` (None: no change) decides where the answers decide little: that of one
    answer, where no other is given.
    """
    begin = torch.tensor([1.0, 0.0]) if start is None else start.detach().cpu()
    scale = begin.double().requires_grad_()
    optimiser = torch.optim.LBFGS([scale], max_iter=100, line_search_fn="strong_wolfe")
    wide = logits.double()
    weight = 1 / max(len(wide), 1) if pull is None else pull

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = losses.binary(scale[0] * wide + scale[1], right.double())
        loss = loss + weight * ((scale - begin.double()) ** 2).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    found = scale.detach().float()
    return found if torch.isfinite(found).all() and found[0] > 0 else begin


def area(logits: Tensor, right: Tensor) -> float:
    return metrics.auc(logits.double().numpy(), right.double().numpy())
