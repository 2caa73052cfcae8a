"""Histories are stored in columns, written in a stream and read back as they were."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from recommender.core.errors import BadDataError
from recommender.core.events import EventLog, Writer


def columns(log: EventLog, rows: slice) -> dict[str, np.ndarray]:
    return {f.name: getattr(log, f.name)[rows] for f in fields(log) if f.name != "offsets"}


def same(one: EventLog, other: EventLog) -> None:
    for field in fields(one):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))


def test_a_log_streamed_in_chunks_is_the_log(log: EventLog, tmp_path: Path) -> None:
    learner = log.learner_of_event()
    with Writer(tmp_path / "log") as writer:
        for start in range(0, len(log), 37):  # cuts through the middle of learners
            rows = slice(start, start + 37)
            writer.append(learner[rows], columns(log, rows))
    opened = EventLog.open(tmp_path / "log")
    same(opened, log)
    assert isinstance(opened.item, np.memmap)
    assert not list((tmp_path / "log").glob("*.raw"))


def test_save_and_open_return_the_same_columns(log: EventLog, tmp_path: Path) -> None:
    log.save(tmp_path)
    same(EventLog.open(tmp_path, mmap=False), log)


def test_a_log_without_events_can_be_written_and_opened(tmp_path: Path) -> None:
    with Writer(tmp_path / "log"):
        pass
    assert EventLog.open(tmp_path / "log").learners == 0
    EventLog.empty(3).save(tmp_path / "three")
    assert EventLog.open(tmp_path / "three").learners == 3


def test_of_takes_learners_in_the_order_asked_for(log: EventLog) -> None:
    part = log.of(np.array([5, 2]))
    first = log.item[log.offsets[5] : log.offsets[6]]
    np.testing.assert_array_equal(part.item[: len(first)], first)
    assert part.learners == 2


def test_offsets_that_do_not_fit_are_refused() -> None:
    with pytest.raises(BadDataError, match="offsets"):
        EventLog.from_columns(np.array([0, 3, 2]), item=np.ones(2))


def test_a_missing_column_names_its_file(log: EventLog, tmp_path: Path) -> None:
    log.save(tmp_path)
    (tmp_path / "item.npy").unlink()
    with pytest.raises(BadDataError, match=r"item\.npy"):
        EventLog.open(tmp_path)


def test_a_chunk_with_a_wrong_column_is_refused(log: EventLog, tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match="time"), Writer(tmp_path / "log") as writer:
        chunk = columns(log, slice(0, 4))
        chunk["time"] = chunk["time"][:2]
        writer.append(log.learner_of_event()[:4], chunk)
    assert not list((tmp_path / "log").glob("*.raw"))
