"""Data folders: interactions, items and concepts as CSV, checked line by line.

Every error is a BadDataError that names file, line and column.
"""

from __future__ import annotations

import csv
import gzip
import math
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from recommender.core.catalogue import Catalogue
from recommender.core.errors import BadDataError
from recommender.core.events import ANSWERED, COMPLETED, RATED, RIGHT, WRONG, EventLog

PARTS = ("train", "valid", "test")
TRAIN, VALID, TEST = range(3)


@dataclass(frozen=True)
class DataFolder:
    """One data folder in memory."""

    name: str
    path: Path  # the interactions file
    log: EventLog
    learners: tuple[str, ...]
    items: tuple[str, ...]  # rows 1..V-1
    texts: tuple[str, ...]  # [V], "" where there is none
    concepts: tuple[tuple[int, ...], ...]  # [V]
    concept_keys: tuple[str, ...]
    concept_texts: tuple[str, ...]  # the key where the folder says no more
    part: NDArray[np.uint8] | None  # [E]
    fold: NDArray[np.int64] | None  # [E]
    order: NDArray[np.int64]  # [E]
    rating: NDArray[np.float64] | None  # [E]
    answered: bool
    timed: bool

    @cached_property
    def described(self) -> tuple[str, ...]:
        """[V] texts with the names of their concepts; all blank where no item has a text."""
        if not any(text.strip() for text in self.texts):
            return ("",) * len(self.texts)
        return tuple(
            ". ".join(
                part for part in (text, ", ".join(self.concept_texts[c] for c in row)) if part
            )
            for text, row in zip(self.texts, self.concepts, strict=True)
        )

    def catalogue(self, text: NDArray[np.float32] | None = None, encoder: str = "") -> Catalogue:
        """The items, with vectors [V, D_text] of their texts if there are any."""
        gradable = np.full(len(self.items) + 1, self.answered)
        gradable[0] = False
        return Catalogue(
            self.items,
            text,
            self.concepts,
            self.concept_keys,
            gradable,
            encoder,
            texts=self.described if any(self.described) else (),
        )


def read_folder(folder: Path) -> DataFolder:
    """Raises BadDataError for whatever cannot be used, and where it stands."""
    if not folder.is_dir():
        raise BadDataError(f"{folder}: no such folder")
    items = _read_items(folder)
    return _Interactions(folder, items).read()


def find_table(folder: Path, stem: str) -> Path | None:
    """The file of this name in a data folder, compressed or not; None where there is none."""
    for name in (f"{stem}.csv.gz", f"{stem}.csv"):
        if (folder / name).is_file():
            return folder / name
    return None


def read_rows(path: Path, required: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line numbers and fields of a CSV file with a header that has the `required` columns. Raises BadDataError."""
    csv.field_size_limit(sys.maxsize)
    line = 0

    def lines(file: BinaryIO) -> Iterator[str]:
        nonlocal line
        for line, raw in enumerate(file, start=1):
            if b"\0" in raw:
                raise BadDataError(f"{path}: line {line}: a NUL byte")
            try:
                yield raw.decode("utf-8-sig" if line == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise BadDataError(
                    f"{path}: line {line}: byte {error.start + 1} is not UTF-8"
                ) from None

    opener: Callable[..., BinaryIO] = gzip.open if path.suffix == ".gz" else open  # type: ignore[assignment]
    try:
        with opener(path, "rb") as file:
            reader = csv.reader(lines(file), strict=True)
            header = next(reader, None)
            if not header:
                raise BadDataError(f"{path}: line 1: the file is empty")
            for name in required:
                if name not in header:
                    raise BadDataError(f"{path}: line 1: column {name} is missing")
            if len(set(header)) != len(header):
                raise BadDataError(f"{path}: line 1: a column name occurs twice")
            for row in reader:
                if not row:
                    continue
                if len(row) != len(header):
                    raise BadDataError(
                        f"{path}: line {line}: {len(row)} fields, the header has {len(header)}"
                    )
                yield line, dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise BadDataError(f"{path}: line {line}: {error}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadDataError(
            f"{path}: after line {line}: the gzip stream is damaged ({error})"
        ) from None
    except OSError as error:
        raise BadDataError(f"{path}: {error.strerror or error}") from None


def split_names(value: str) -> tuple[str, ...]:
    """Names joined by |, each once."""
    return tuple(dict.fromkeys(part.strip() for part in value.split("|") if part.strip()))


@dataclass
class _Items:
    rows: dict[str, int]
    texts: list[str]
    concepts: list[tuple[int, ...]]
    concept_rows: dict[str, int]
    named: dict[str, str]  # texts of concepts
    closed: bool  # an items file was there: nothing may be added

    def concept(self, names: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(self.concept_rows.setdefault(name, len(self.concept_rows)) for name in names)


def _read_items(folder: Path) -> _Items:
    items = _Items({}, [""], [()], {}, {}, closed=False)
    if (path := find_table(folder, "concepts")) is not None:
        for line, row in read_rows(path, ("concept", "text")):
            if not row["concept"]:
                raise BadDataError(f"{path}: line {line}: column concept is empty")
            items.named[row["concept"]] = row["text"]
    if (path := find_table(folder, "items")) is not None:
        items.closed = True
        for line, row in read_rows(path, ("item",)):
            key = row["item"]
            if not key:
                raise BadDataError(f"{path}: line {line}: column item is empty")
            if key in items.rows:
                raise BadDataError(f"{path}: line {line}: column item: {key} occurs twice")
            items.rows[key] = len(items.texts)
            items.texts.append(row.get("text", ""))
            items.concepts.append(items.concept(split_names(row.get("concept", ""))))
        if not items.rows:
            raise BadDataError(f"{path}: line 2: the file holds no item")
    return items


class _Interactions:
    def __init__(self, folder: Path, items: _Items) -> None:
        path = find_table(folder, "interactions")
        if path is None:
            raise BadDataError(f"{folder / 'interactions.csv'}: no such file (nor with .gz)")
        self.path = path
        self.name = folder.resolve().name
        self.items = items

    def _number(self, line: int, column: str, value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise BadDataError(f"{self.path}: line {line}: column {column}: {value!r} is no number")
        return number

    def _whole(self, line: int, column: str, value: str) -> int:
        number = self._number(line, column, value)
        if number != int(number):
            raise BadDataError(f"{self.path}: line {line}: column {column}: {value!r} is not whole")
        return int(number)

    def _item(self, line: int, row: dict[str, str]) -> int:
        key = row["item"]
        if not key:
            raise BadDataError(f"{self.path}: line {line}: column item is empty")
        known = self.items.rows.get(key)
        if known is None:
            if self.items.closed:
                raise BadDataError(
                    f"{self.path}: line {line}: column item: {key!r} is not in the items file"
                )
            known = self.items.rows[key] = len(self.items.texts)
            self.items.texts.append("")
            self.items.concepts.append(())
        if row.get("concept"):
            here = self.items.concept(split_names(row["concept"]))
            have = self.items.concepts[known]
            if here != have:
                self.items.concepts[known] = tuple(dict.fromkeys(have + here))
        return known

    def read(self) -> DataFolder:  # noqa: PLR0912 - one branch per column
        learners: dict[str, int] = {}
        starts: list[int] = []
        columns: dict[str, list[float]] = {
            name: [] for name in ("item", "order", "timestamp", "rating", "correct", "part", "fold")
        }
        last, last_order, count = None, 0, 0
        present: set[str] = set()
        for line, row in read_rows(self.path, ("learner", "item", "order")):
            if not count:
                present = set(row)
            learner = row["learner"]
            if not learner:
                raise BadDataError(f"{self.path}: line {line}: column learner is empty")
            order = self._whole(line, "order", row["order"])
            if learner != last:
                if learner in learners:
                    raise BadDataError(
                        f"{self.path}: line {line}: column learner: {learner!r} again; rows must be "
                        "sorted by learner"
                    )
                learners[learner] = len(learners)
                starts.append(count)
                last = learner
            elif order < last_order:
                raise BadDataError(
                    f"{self.path}: line {line}: column order: {order} after {last_order}; rows must be "
                    "sorted by order within a learner"
                )
            last_order = order
            columns["item"].append(self._item(line, row))
            columns["order"].append(order)
            for name in ("timestamp", "rating"):
                if name in present:
                    columns[name].append(self._number(line, name, row[name]))
            if "correct" in present:
                if row["correct"] not in ("0", "1"):
                    raise BadDataError(
                        f"{self.path}: line {line}: column correct: {row['correct']!r} is not 0 or 1"
                    )
                columns["correct"].append(int(row["correct"]))
            if "part" in present:
                if row["part"] not in PARTS:
                    raise BadDataError(
                        f"{self.path}: line {line}: column part: {row['part']!r} is not one of "
                        f"{', '.join(PARTS)}"
                    )
                columns["part"].append(PARTS.index(row["part"]))
            if "fold" in present:
                columns["fold"].append(self._whole(line, "fold", row["fold"]))
            count += 1
        if not count:
            raise BadDataError(f"{self.path}: line 2: the file holds no interaction")
        return self._finish(learners, np.array([*starts, count]), columns, present)

    def _finish(
        self,
        learners: dict[str, int],
        offsets: NDArray[np.int64],
        columns: dict[str, list[float]],
        present: set[str],
    ) -> DataFolder:
        part = np.array(columns["part"], dtype=np.uint8) if "part" in present else None
        events = int(offsets[-1])
        behaviour = np.full(events, COMPLETED, dtype=np.uint8)
        outcome = np.zeros(events, dtype=np.uint8)
        if "correct" in present:
            behaviour[:] = ANSWERED
            outcome = np.where(np.array(columns["correct"]) == 1, RIGHT, WRONG).astype(np.uint8)
        elif "rating" in present:
            behaviour[:] = RATED
            outcome = rating_outcome(np.array(columns["rating"]), part)
        time = np.full(events, np.nan)
        if "timestamp" in present:
            time = np.array(columns["timestamp"], dtype=np.float64)
        log = EventLog.from_columns(
            offsets,
            item=np.array(columns["item"], dtype=np.int32),
            behaviour=behaviour,
            outcome=outcome,
            time=time,
            received=np.zeros(events),
        )
        return DataFolder(
            name=self.name,
            path=self.path,
            log=log,
            learners=tuple(learners),
            items=tuple(self.items.rows),
            texts=tuple(self.items.texts),
            concepts=tuple(self.items.concepts),
            concept_keys=tuple(self.items.concept_rows),
            concept_texts=tuple(self.items.named.get(k) or k for k in self.items.concept_rows),
            part=part,
            fold=np.array(columns["fold"], dtype=np.int64) if "fold" in present else None,
            order=np.array(columns["order"], dtype=np.int64),
            rating=np.array(columns["rating"]) if "rating" in present else None,
            answered="correct" in present,
            timed="timestamp" in present,
        )


def rating_outcome(
    rating: NDArray[np.float64], part: NDArray[np.uint8] | None
) -> NDArray[np.uint8]:
    """Outcome codes rated_low, rated_mid, rated_high by the terciles of the training rows."""
    known = rating if part is None or not (part == TRAIN).any() else rating[part == TRAIN]
    low, high = np.quantile(known, [1 / 3, 2 / 3])
    if low == high:
        # One value fills the middle third: the others lie clearly below or above it.
        return np.asarray(4 + np.sign(rating - low), dtype=np.uint8)
    return np.asarray(3 + (rating > low).astype(int) + (rating > high), dtype=np.uint8)
