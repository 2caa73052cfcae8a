"""Which rows are learned from and which are ranked: the two ways of splitting interactions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recommender.core.errors import BadDataError
from recommender.core.evaluation import Cases, cases_at
from recommender.core.events import EventLog
from recommender.core.features import first_meeting, is_answer, select_events
from recommender.core.readers import TEST, TRAIN, VALID, DataFolder
from recommender.core.split import Split

EARLY, LATE = 0.8, 0.9
"""Quantiles of time that end the training rows and the validation rows of the global split."""
FEWEST = 20
"""With fewer test learners a second split says nothing."""


@dataclass(frozen=True)
class Protocol:
    """One split of one data folder."""

    training: NDArray[np.bool_]  # [E]
    valid: Cases
    test: Cases
    candidates: Tensor  # bool [V] items with training rows
    told: dict[str, object]  # how it was made, for the report


def given(data: DataFolder) -> Protocol:
    """The folder's own parts; without them the last row of a learner is test, the one before valid.

    Raises BadDataError where nothing is left to train or to test on.
    """
    part = data.part if data.part is not None else last_two(data.log)
    training = part == TRAIN
    test = cases_at(data.log, np.flatnonzero(part == TEST))
    if not training.any():
        raise BadDataError(f"{data.path}: column part: no row is train")
    if not len(test):
        raise BadDataError(
            f"{data.path}: column part: no row is test"
            if data.part is not None
            else f"{data.path}: no learner has two rows, so there is none to test on"
        )
    return Protocol(
        training,
        cases_at(data.log, np.flatnonzero(part == VALID)),
        test,
        _met(data, training),
        {"split": "given" if data.part is not None else "last two rows"},
    )


def global_time(data: DataFolder) -> Protocol | str:
    """Trained on rows before the 80% quantile of time, whoever they are of; or why that cannot be.

    Validation: the last new item of each learner between the 80% and the 90% quantile; test: her last
    new item after that. The context is everything she did before her target, so nothing that is later
    than a target is known to weights or context (Meng et al., 2020, Exploring data splitting
    strategies; Ji et al., 2023, A critical study on data leakage).
    """
    if not data.timed:
        return "no timestamps"
    time = np.asarray(data.log.time)
    early, late = np.quantile(time, [EARLY, LATE])
    training = time < early
    fresh = first_meeting(data.log)
    valid = _last_of_each(data.log, fresh & (time >= early) & (time < late))
    test = _last_of_each(data.log, fresh & (time >= late))
    if not training.any() or len(test) < FEWEST:
        return "too few rows before and after the cuts"
    told: dict[str, object] = {
        "trained_before": float(early),
        "tested_from": float(late),
        "cases": len(test),
    }
    return Protocol(training, valid, test, _met(data, training), told)


def last_two(log: EventLog) -> NDArray[np.uint8]:
    """Parts where the folder names none: the last row is test, the one before it valid."""
    part = np.zeros(len(log), dtype=np.uint8)
    counts = np.diff(log.offsets)
    ends = log.offsets[1:]
    part[ends[counts >= 2] - 1] = TEST
    part[ends[counts >= 3] - 2] = VALID
    return part


def to_learn(log: EventLog, protocol: Protocol, *, with_answers: bool) -> Split:
    """What a run under this protocol learns from.

    Answers come from training rows too; without them no success head is trained.
    """
    learn = select_events(log, protocol.training)
    answers = select_events(learn, is_answer(learn) & with_answers)
    having = np.flatnonzero(np.diff(answers.offsets) > 0)
    held = having[::5] if len(having) >= 10 else having[:0]
    return Split(
        train=learn,
        valid_log=log,
        valid=protocol.valid,
        answers=answers,
        success_train=np.setdiff1d(having, held),
        success_valid=held,
    )


def _met(data: DataFolder, training: NDArray[np.bool_]) -> Tensor:
    met = np.zeros(len(data.items) + 1, dtype=bool)
    met[np.asarray(data.log.item)[training]] = True
    met[0] = False
    return torch.from_numpy(met)


def _last_of_each(log: EventLog, rows: NDArray[np.bool_]) -> Cases:
    """Cases at the last of the marked rows [E] of each learner."""
    marked = np.flatnonzero(rows)
    last = np.full(log.learners, -1, dtype=np.int64)
    last[log.learner_of_event()[marked]] = marked  # the last assignment of a learner stays
    return cases_at(log, last[last >= 0])
