"""What a run learns from and what it is validated on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.core.config import TrainConfig
from recommender.core.evaluation import Cases, cases_at
from recommender.core.events import EventLog
from recommender.core.features import (
    arrived_in_order,
    first_meeting,
    is_answer,
    learner_chunks,
    select_events,
)


@dataclass(frozen=True)
class Split:
    """What is learned from and what is validated on."""

    train: EventLog  # events the next-item part may learn from
    valid_log: EventLog  # histories of the validation cases
    valid: Cases
    answers: EventLog  # graded answers only
    success_train: NDArray[np.int64]  # learners
    success_valid: NDArray[np.int64]
    targets: NDArray[np.bool_] | None = None  # [E] of `train`: what to learn towards; None: all


def hold_out(log: EventLog, config: TrainConfig) -> Split:
    """Keeps for validation the last new item of some learners, and the answers of others.

    Events received after later ones are left out, so that every training example had been received
    before its target.
    """
    log = select_events(log, arrived_in_order(log))
    rng = np.random.default_rng(config.seed)
    first = first_meeting(log)
    met = np.zeros(log.learners, dtype=np.int64)
    last = np.full(log.learners, -1, dtype=np.int64)
    for start, stop in learner_chunks(log):
        rows = log.offsets[start] + np.flatnonzero(first[log.offsets[start] : log.offsets[stop]])
        owner = np.searchsorted(log.offsets, rows, side="right") - 1
        met += np.bincount(owner, minlength=log.learners)
        last[owner] = rows  # the last assignment of a learner stays
    able = np.flatnonzero(met >= 3)
    count = min(config.validation, max(1, log.learners // 5), len(able))
    chosen = np.sort(rng.choice(able, count, replace=False)) if count else able
    keep = np.ones(len(log), dtype=bool)
    for who in chosen:
        keep[last[who] : log.offsets[who + 1]] = False
    answers = select_events(log, is_answer(log))
    having = np.flatnonzero(np.diff(answers.offsets) > 0)
    held = rng.permutation(having)[: min(len(having) // 5, config.validation)]
    return Split(
        train=select_events(log, keep),
        valid_log=log,
        valid=cases_at(log, last[chosen]),
        answers=answers,
        success_train=np.setdiff1d(having, held),
        success_valid=np.sort(held),
    )
