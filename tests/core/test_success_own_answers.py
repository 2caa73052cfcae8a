"""What a learner just did at an exercise counts for that exercise, however rare repeats are."""

from __future__ import annotations

import numpy as np
import pytest

from recommender.core.catalogue import Catalogue
from recommender.core.config import TrainConfig
from recommender.core.evaluation import cases_at
from recommender.core.events import ANSWERED, RIGHT, WRONG, EventLog
from recommender.core.prediction import predict_success
from recommender.core.split import Split
from recommender.core.success import SuccessModel
from recommender.core.training import train_success

ITEMS, CONCEPTS = 40, 4


def catalogue() -> Catalogue:
    return Catalogue(
        keys=tuple(f"e{n}" for n in range(1, ITEMS + 1)),
        text=None,
        concepts=((), *((n % CONCEPTS,) for n in range(ITEMS))),
        concept_keys=tuple(f"c{n}" for n in range(CONCEPTS)),
        gradable=np.arange(ITEMS + 1) > 0,
        encoder="",
    )


def class_log(retries: float) -> EventLog:
    """80 learners of different ability answer 30 exercises each.

    With the chance `retries` a wrong answer is tried again at once, until it is right: after the
    explanation that is easy.
    """
    rng = np.random.default_rng(0)
    items, right, offsets = [], [], [0]
    ease = rng.normal(1.0, 0.8, ITEMS + 1)
    for _ in range(80):
        ability = rng.normal(0, 0.8)
        for item in rng.permutation(ITEMS)[:30] + 1:
            items.append(int(item))
            right.append(rng.random() < 1 / (1 + np.exp(-ease[item] - ability)))
            while not right[-1] and rng.random() < retries:
                items.append(int(item))
                right.append(rng.random() < 0.9)
        offsets.append(len(items))
    return EventLog.from_columns(
        np.array(offsets),
        item=np.array(items),
        behaviour=np.full(len(items), ANSWERED),
        outcome=np.where(right, RIGHT, WRONG),
    )


def train_on(log: EventLog, seed: int) -> SuccessModel:
    learners = np.arange(log.learners)
    split = Split(
        train=log,
        valid_log=log,
        valid=cases_at(log, np.zeros(0, dtype=np.int64)),
        answers=log,
        success_train=learners[learners % 5 > 0],
        success_valid=learners[learners % 5 == 0],
    )
    config = TrainConfig(minutes=0.5, seed=seed, success_epochs=8)
    model, _ = train_success(
        log, catalogue(), config=config, split=split, on_progress=lambda _: None, device="cpu"
    )
    return model


@pytest.mark.parametrize("retries", [0.0, 1.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_wrong_answers_lower_the_chance_of_this_very_exercise(retries: float, seed: int) -> None:
    model = train_on(class_log(retries), seed)
    others = [(item, RIGHT) for item in (2, 3, 4, 6, 7, 8)]

    def chance(own: list[int]) -> np.ndarray:
        """[ITEMS] of every exercise after right answers elsewhere and `own` outcomes at itself."""
        found = []
        for item in range(1, ITEMS + 1):
            told = [*others, *((item, outcome) for outcome in own)]
            log = EventLog.from_columns(
                np.array([0, len(told)]),
                item=np.array([i for i, _ in told]),
                behaviour=np.full(len(told), ANSWERED),
                outcome=np.array([o for _, o in told]),
            )
            found.append(float(predict_success(model, log, np.array([[item]]), None)[0, 0]))
        return np.array(found)

    before, once, thrice = chance([]), chance([WRONG]), chance([WRONG] * 3)
    assert (once < before - 0.02).all()
    assert (thrice < once - 0.02).all()
    easy = before > 0.7
    assert easy.sum() > 10
    assert (before[easy] - thrice[easy]).mean() > 0.15
    # And a right answer brings it back up.
    assert (chance([WRONG] * 3 + [RIGHT]) > thrice).all()
