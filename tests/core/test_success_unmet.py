"""Exercises that nobody has answered have probabilities of their own calibration."""

from __future__ import annotations

import numpy as np
import torch

from recommender.core import metrics
from recommender.core.events import ANSWERED, RIGHT, WRONG, EventLog
from recommender.core.success import SuccessConfig, SuccessModel
from recommender.core.success_training import SuccessTask, predict_answers

LEARNERS, ITEMS, CONCEPTS, ANSWERS = 240, 60, 6, 24


def school(seed: int, *, told: float) -> tuple[EventLog, torch.Tensor, np.ndarray]:
    """Answers, the exercises' concepts, and which answers are to exercises kept for the end.

    How hard an exercise is depends on its concept for the part `told`, else on itself.
    """
    rng = np.random.default_rng(seed)
    concept = rng.integers(0, CONCEPTS, ITEMS)
    of_concept = rng.normal(0, 1.5, CONCEPTS)[concept]
    hard = told * of_concept + (1 - told) * rng.normal(0, 1.5, ITEMS)
    item = np.concatenate([rng.permutation(ITEMS)[:ANSWERS] for _ in range(LEARNERS)])
    able = np.repeat(rng.normal(0, 1, LEARNERS), ANSWERS)
    right = rng.random(len(item)) < 1 / (1 + np.exp(hard[item] - able))
    log = EventLog.from_columns(
        np.arange(LEARNERS + 1) * ANSWERS,
        item=item + 1,
        behaviour=np.full(len(item), ANSWERED),
        outcome=np.where(right, RIGHT, WRONG),
    )
    slots = torch.tensor([[0], *([int(c) + 1] for c in concept)])
    return log, slots, item % 10 == 0


def calibrated(
    log: EventLog, slots: torch.Tensor, kept: np.ndarray
) -> tuple[SuccessModel, np.ndarray, torch.Tensor, np.ndarray]:
    """A head that knows difficulties only, calibrated on the second third of the learners.

    Returns it with probabilities, logits and truth of the last third's answers to unmet exercises.
    """
    torch.manual_seed(0)
    owner = log.learner_of_event()
    third = LEARNERS // 3
    seen = ~kept | (owner >= 2 * third)
    counts = np.bincount(owner[seen], minlength=LEARNERS)
    part = EventLog.from_columns(
        np.concatenate([[0], np.cumsum(counts)]),
        item=log.item[seen],
        behaviour=log.behaviour[seen],
        outcome=log.outcome[seen],
    )
    model = SuccessModel(slots, CONCEPTS, 0, SuccessConfig(width=8, heads=2, hidden=8)).eval()
    task = SuccessTask(
        model,
        part,
        None,
        train=np.arange(third),
        valid=np.arange(third, 2 * third),
        tokens=512,
        device=torch.device("cpu"),
    )
    task.calibrate(*task.predict(model, task.valid))
    test = np.arange(2 * third, LEARNERS)
    logits, rows = predict_answers(model, part, test, None, torch.device("cpu"))
    item = torch.from_numpy(part.item.astype(np.int64))[rows]
    unmet = model.count[item] == 0
    chance = model.calibrated(logits, model.count[item])[unmet].double().numpy()
    truth = (part.outcome[rows.numpy()] == RIGHT)[unmet.numpy()].astype(np.float64)
    assert unmet.sum() > 100
    return model, chance, logits[unmet], truth


def test_unmet_exercises_are_predicted_better_with_their_own_scale() -> None:
    gained = []
    for seed in range(6):
        model, chance, logits, truth = calibrated(*school(seed, told=0.0))
        as_all = model.calibrated(logits, torch.ones_like(logits)).double().numpy()
        gained.append(metrics.log_loss(as_all, truth) - metrics.log_loss(chance, truth))
    assert np.mean(gained) > 0


def test_the_scale_goes_by_whether_there_are_answers() -> None:
    model = SuccessModel(torch.zeros(3, 1, dtype=torch.long), 0, 0, SuccessConfig())
    model.platt.copy_(torch.tensor([[1.0, 0.0], [0.5, -1.0]]))
    found = model.calibrated(torch.tensor([2.0, 2.0]), torch.tensor([0.7, 0.0]))
    torch.testing.assert_close(found, torch.sigmoid(torch.tensor([2.0, 0.0])))
