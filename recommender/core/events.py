"""Columnar history of many learners: no Python object per event, memory-mappable."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from recommender.core.errors import BadDataError

BEHAVIOURS = ("viewed", "progressed", "completed", "answered", "rated", "abandoned")
"""Code of a behaviour is its index + 1; 0 is PAD."""
OUTCOMES = ("none", "wrong", "right", "rated_low", "rated_mid", "rated_high")
"""Code of an outcome is its index."""

ANSWERED = BEHAVIOURS.index("answered") + 1
COMPLETED = BEHAVIOURS.index("completed") + 1
RATED = BEHAVIOURS.index("rated") + 1
WRONG = OUTCOMES.index("wrong")
RIGHT = OUTCOMES.index("right")

_COLUMNS: dict[str, DTypeLike] = {
    "item": np.int32,
    "behaviour": np.uint8,
    "outcome": np.uint8,
    "attention": np.float32,
    "time": np.float64,
    "received": np.float64,
    "explored": np.bool_,
}


@dataclass(frozen=True)
class EventLog:
    """Events of N learners, sorted by learner, then by (occurred_at, id).

    Columns may be ``np.memmap``; nothing here copies a whole column. A time of NaN means that the
    source knows only the order.
    """

    offsets: NDArray[np.int64]  # [N+1]
    item: NDArray[np.int32]  # [E] catalogue row, 0 = an item the catalogue lacks
    behaviour: NDArray[np.uint8]  # [E] code in BEHAVIOURS
    outcome: NDArray[np.uint8]  # [E] code in OUTCOMES
    attention: NDArray[np.float32]  # [E] seconds of attention, 0 = unknown
    time: NDArray[np.float64]  # [E] unix seconds of occurred_at
    received: NDArray[np.float64]  # [E] unix seconds of received_at
    explored: NDArray[np.bool_]  # [E] met through an exploration slot

    def __post_init__(self) -> None:
        events = len(self.item)
        if self.offsets.ndim != 1 or len(self.offsets) == 0 or self.offsets[0] != 0:
            raise BadDataError("offsets must be one-dimensional and begin with 0")
        if self.offsets[-1] != events or (np.diff(self.offsets) < 0).any():
            raise BadDataError(f"offsets must rise to the number of events, {events}")
        for name in _COLUMNS:
            if getattr(self, name).shape != (events,):
                raise BadDataError(f"column {name} must hold {events} events")

    @property
    def learners(self) -> int:
        return len(self.offsets) - 1

    def __len__(self) -> int:
        return len(self.item)

    @classmethod
    def from_columns(cls, offsets: NDArray[np.int64], **columns: NDArray[np.generic]) -> EventLog:
        """A log from the columns that are known; the others get their neutral value."""
        events = int(offsets[-1]) if len(offsets) else 0
        full: dict[str, NDArray[np.generic]] = {}
        for name, dtype in _COLUMNS.items():
            if name in columns:
                full[name] = np.ascontiguousarray(columns[name], dtype=dtype)
            elif name == "behaviour":
                full[name] = np.full(events, COMPLETED, dtype=dtype)
            elif name == "time":
                full[name] = np.full(events, np.nan, dtype=dtype)
            else:
                full[name] = np.zeros(events, dtype=dtype)
        return cls(offsets=np.ascontiguousarray(offsets, dtype=np.int64), **full)  # type: ignore[arg-type]

    @classmethod
    def empty(cls, learners: int) -> EventLog:
        """Learners who have done nothing yet."""
        return cls.from_columns(np.zeros(learners + 1, dtype=np.int64))

    def of(self, learners: NDArray[np.integer]) -> EventLog:
        """The histories of some learners, in the order asked for (a copy)."""
        starts, ends = self.offsets[learners], self.offsets[np.asarray(learners) + 1]
        return self.between(starts, ends)

    def between(self, starts: NDArray[np.integer], ends: NDArray[np.integer]) -> EventLog:
        """One learner per (start, end) range of event positions (a copy)."""
        rows = ranges(starts, ends)
        offsets = np.concatenate([[0], np.cumsum(ends - starts)]).astype(np.int64)
        return EventLog.from_columns(
            offsets, **{name: getattr(self, name)[rows] for name in _COLUMNS}
        )

    def learner_of_event(self) -> NDArray[np.int64]:
        """[E] learner index of each event."""
        return np.repeat(np.arange(self.learners), np.diff(self.offsets))

    def item_counts(self, rows: int) -> NDArray[np.int64]:
        """[rows] events of each catalogue row; a part of the column at a time is in memory."""
        counts = np.zeros(rows, dtype=np.int64)
        for start in range(0, len(self), 1 << 20):
            counts += np.bincount(self.item[start : start + (1 << 20)], minlength=rows)
        return counts

    def save(self, folder: Path) -> None:
        """One ``.npy`` file per column."""
        folder.mkdir(parents=True, exist_ok=True)
        for field in fields(self):
            np.save(folder / f"{field.name}.npy", getattr(self, field.name), allow_pickle=False)

    @classmethod
    def open(cls, folder: Path, *, mmap: bool = True) -> EventLog:
        """Raises BadDataError if a column is missing or cannot be read."""
        columns = {}
        for field in fields(cls):
            path = folder / f"{field.name}.npy"
            try:
                columns[field.name] = np.load(
                    path, mmap_mode="r" if mmap else None, allow_pickle=False
                )
            except (OSError, ValueError, EOFError) as error:
                if mmap and path.is_file() and path.stat().st_size > 0:
                    # An empty array cannot be memory-mapped.
                    try:
                        columns[field.name] = np.load(path, allow_pickle=False)
                        continue
                    except (OSError, ValueError, EOFError):
                        pass
                raise BadDataError(f"{path}: {error}") from error
        return cls(**columns)


def ranges(starts: NDArray[np.integer], ends: NDArray[np.integer]) -> NDArray[np.int64]:
    """All integers of the half-open ranges, one range after the other."""
    lengths = np.asarray(ends, dtype=np.int64) - starts
    before = np.cumsum(lengths) - lengths
    shift: NDArray[np.int64] = np.repeat(np.asarray(starts, dtype=np.int64) - before, lengths)
    return np.arange(int(lengths.sum())) + shift


class Writer:
    """Writes a log of any size with bounded memory, so that a database cursor can stream into it.

    Chunks may end in the middle of a learner: she goes on in the next chunk. Use as a context
    manager; the folder is complete once ``close`` has returned.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._files: dict[str, IO[bytes]] = {
            name: (folder / f"{name}.raw").open("wb") for name in _COLUMNS
        }
        self._lengths: list[int] = []
        self._last: object = None
        self._closed = False

    def append(
        self, learner: NDArray[np.generic], columns: Mapping[str, NDArray[np.generic]]
    ) -> None:
        """Add events; `learner` [n] are any keys whose equal neighbours belong together.

        Raises BadDataError where a column is unknown, missing or of another length.
        """
        count = len(learner)
        if set(columns) != set(_COLUMNS):
            raise BadDataError(f"columns must be exactly {', '.join(_COLUMNS)}")
        if count == 0:
            return
        for name, dtype in _COLUMNS.items():
            values = np.ascontiguousarray(columns[name], dtype=dtype)
            if values.shape != (count,):
                raise BadDataError(f"column {name} must hold {count} events")
            self._files[name].write(values.tobytes())
        starts = np.flatnonzero(np.concatenate([[True], learner[1:] != learner[:-1]]))
        lengths = np.diff(np.append(starts, count)).tolist()
        if self._lengths and learner[0] == self._last:
            self._lengths[-1] += lengths.pop(0)
        self._lengths.extend(lengths)
        self._last = learner[-1]

    def close(self) -> EventLog:
        """Turn what was appended into the columns of a log and open it memory-mapped."""
        if not self._closed:
            self._closed = True
            offsets = np.concatenate([[0], np.cumsum(self._lengths)]).astype(np.int64)
            np.save(self._folder / "offsets.npy", offsets, allow_pickle=False)
            for name, dtype in _COLUMNS.items():
                self._files[name].close()
                self._finish(name, np.dtype(dtype), int(offsets[-1]))
        return EventLog.open(self._folder)

    def _finish(self, name: str, dtype: np.dtype[np.generic], events: int) -> None:
        raw = self._folder / f"{name}.raw"
        header = {
            "descr": np.lib.format.dtype_to_descr(dtype),
            "fortran_order": False,
            "shape": (events,),
        }
        # Written and not memory-mapped: a full disk is then an OSError, and not a signal that kills the process.
        with raw.open("rb") as source, (self._folder / f"{name}.npy").open("wb") as target:
            np.lib.format.write_array_header_1_0(target, header)
            shutil.copyfileobj(source, target, 1 << 20)
        raw.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
            return
        for file in self._files.values():
            file.close()
        for name in _COLUMNS:
            (self._folder / f"{name}.raw").unlink(missing_ok=True)
