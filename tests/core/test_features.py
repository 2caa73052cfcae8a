"""One function makes tensors of histories; what it must not see, it does not see."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from recommender.core import features
from recommender.core.config import TrainConfig
from recommender.core.events import EventLog
from recommender.core.features import (
    arrived_in_order,
    first_meeting,
    gap_bucket,
    make_batch,
    select_events,
)
from recommender.core.split import hold_out
from tests.core.conftest import make_log


def test_a_window_holds_the_last_events_before_its_end(log: EventLog) -> None:
    batch = make_batch(log, np.array([0, 1]), np.array([2, 1]), 8)
    assert batch.item.shape == (2, 2)
    np.testing.assert_array_equal(batch.item[0].numpy(), log.item[:2])
    assert batch.item[1].tolist() == [log.item[log.offsets[1]], 0]
    assert batch.position.tolist() == [[0, 1], [0, -1]]
    assert batch.mask.tolist() == [[True, True], [True, False]]


def test_a_long_history_is_cut_at_its_beginning() -> None:
    log = EventLog.from_columns(np.array([0, 5]), item=np.arange(1, 6), time=np.arange(5.0) * 60)
    batch = make_batch(log, np.array([0]), None, 3)
    assert batch.item.tolist() == [[3, 4, 5]]
    assert batch.position.tolist() == [[2, 3, 4]]
    assert (batch.gap > 0).all()  # the event before the window is known


def test_gaps_are_logarithmic_and_unknown_is_its_own_bucket() -> None:
    assert gap_bucket(np.array([np.nan, 0.0, 1.0, 3.0, 1e12])).tolist() == [0, 1, 2, 3, 25]


def test_learners_without_events_give_empty_windows() -> None:
    batch = make_batch(EventLog.empty(2), np.array([0, 1]), None, 4)
    assert batch.item.tolist() == [[0], [0]]
    assert batch.length.tolist() == [0, 0]


def test_first_meeting_is_told_within_each_learner() -> None:
    log = EventLog.from_columns(np.array([0, 4, 6]), item=np.array([3, 3, 0, 5, 3, 3]))
    assert first_meeting(log).tolist() == [True, False, False, True, True, False]


def test_an_event_received_after_a_later_one_is_no_context() -> None:
    log = EventLog.from_columns(
        np.array([0, 4, 6]),
        item=np.arange(1, 7),
        time=np.array([1.0, 2.0, 3.0, 4.0, 1.0, 2.0]),
        received=np.array([10.0, 99.0, 30.0, 40.0, 5.0, 5.0]),
    )
    assert arrived_in_order(log).tolist() == [True, False, True, True, True, True]


def test_arrival_is_judged_per_learner_at_real_clock_values() -> None:
    base = 1.79e9
    received = np.array([base + 5, base + 4.5, base + 6, base, base + 0.25, base + 0.5])
    log = EventLog.from_columns(np.array([0, 3, 6]), item=np.ones(6), received=received)
    assert arrived_in_order(log).tolist() == [False, True, True, True, True, True]


def test_a_part_of_a_large_log_goes_to_disk_and_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = make_log(30, seed=2)
    keep = np.random.default_rng(0).random(len(log)) < 0.6
    keep[log.offsets[4] : log.offsets[6]] = False  # two learners keep nothing
    keep[log.offsets[29] :] = False
    here = select_events(log, keep)
    monkeypatch.setattr(features, "IN_MEMORY", 10)
    there = select_events(log, keep)
    assert isinstance(there.item, np.memmap)
    assert there.learners == log.learners
    for field in fields(EventLog):
        np.testing.assert_array_equal(getattr(there, field.name), getattr(here, field.name))
    assert len(select_events(log, np.zeros(len(log), dtype=bool))) == 0
    assert select_events(log, np.ones(len(log), dtype=bool)) is log


def test_the_split_of_a_large_log_is_that_of_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    log = make_log(30, seed=2)
    config = TrainConfig(seed=1)
    here = hold_out(log, config)
    monkeypatch.setattr(features, "IN_MEMORY", 10)
    there = hold_out(log, config)
    np.testing.assert_array_equal(there.train.item, here.train.item)
    np.testing.assert_array_equal(there.train.offsets, here.train.offsets)
    np.testing.assert_array_equal(there.valid.target, here.valid.target)
    # Whoever is held out is held out at the last item she had not met before.
    for who, end in zip(here.valid.learner, here.valid.end, strict=True):
        mine = log.of(np.array([who])).item
        assert mine[end] not in mine[:end]
        assert set(mine[end + 1 :]) <= set(mine[: end + 1])
