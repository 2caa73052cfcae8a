"""Running counts of right and wrong answers: what the wide part of the success head reads.

Everything is a sum per key (all answers, a concept, an exercise), so that one more answer costs a few
additions whatever the history's length. The counts are those of PFA (Pavlik et al., 2009); surprise is
an answer minus what the exercise's difficulty let expect.

What is counted for a candidate under "all" and under its concepts are answers to *other* exercises: its
own stand apart, so that their effect can be kept monotone. A retry, an answer to the exercise that was
answered just before, follows the explanation and counts for that exercise only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recommender.core.events import RIGHT, EventLog
from recommender.core.exercises import Exercises
from recommender.core.features import learner_chunks

DECAYS = (0.7, 0.9, 0.98)
STATS = 2 + 3 * len(DECAYS)
"""Per key: wins, failures, then for each decay the sums of weight, of wins and of surprise; the k-th
answer before the last counts decay^k."""
RECENT = 2 * len(DECAYS)
ALL, CONCEPT = 0, 2 + RECENT
"""First column about all answers, and about those of the candidate's concepts."""
SHARED = 2 * CONCEPT
OWN = 3
"""Columns about answers to the candidate itself: surprise of late, log wins, log failures."""
FEATURES = SHARED + OWN + 2
PRIOR = FEATURES - 2
"""Column that holds the candidate's prior logit; the last one is how well that is known."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_AGE = np.concatenate([[1.0, 1.0], np.tile(DECAYS, 3)])
_NONE = np.zeros(STATS)


def column(about: int, mean: str, decay: float) -> int:
    """Column of a decayed mean ("correct" or "surprise") about ALL or CONCEPT."""
    return about + 2 + 2 * DECAYS.index(decay) + ("correct", "surprise").index(mean)


_Key = tuple[str, int]
_EVERYTHING: _Key = ("all", 0)


@dataclass
class Tally:
    """Sums of one learner's answers, per key."""

    sums: dict[_Key, Floats] = field(default_factory=dict)
    clock: dict[_Key, int] = field(default_factory=dict)  # answers counted under a key
    part: dict[tuple[_Key, int], tuple[Floats, int]] = field(default_factory=dict)
    """What an item has in a key's sums, and the key's clock at which that was right."""
    last: int = 0  # item of the last answer

    def append(self, item: int, right: bool, known: Exercises) -> None:
        """One more answer; the cost does not depend on how many there were."""
        expected = float(torch.sigmoid(known.prior[item]))
        added = _increment(np.array([float(right)]), np.array([float(right) - expected]))[0]
        own = ("item", item)
        self.sums[own] = self.sums.get(own, _NONE) * _AGE + added
        if item == self.last:
            return
        self.last = item
        concepts: list[_Key] = [("concept", int(c)) for c in known.slots[item] if c > 0]
        for key in [_EVERYTHING, *concepts]:
            part = self._part(key, item) * _AGE + added
            self.sums[key] = self.sums.get(key, _NONE) * _AGE + added
            self.clock[key] = self.clock.get(key, 0) + 1
            self.part[key, item] = part, self.clock[key]

    def wide(self, candidate: Tensor, known: Exercises) -> Tensor:
        """[C, FEATURES] for candidates [C]."""
        rows, slots = candidate.tolist(), known.slots[candidate].T.tolist()
        concept = [
            [self._others(("concept", c), row) for row, c in zip(rows, of_slot, strict=True)]
            for of_slot in slots
        ]
        everything = np.stack([self._others(_EVERYTHING, row) for row in rows])
        own = np.stack([self.sums.get(("item", row), _NONE) for row in rows])
        return _features(everything, np.array(concept), own, candidate, known)

    def _part(self, key: _Key, item: int) -> Floats:
        held = self.part.get((key, item))
        return _NONE if held is None else held[0] * _AGE ** (self.clock[key] - held[1])

    def _others(self, key: _Key, item: int) -> Floats:
        held = self.sums.get(key)
        return _NONE if held is None else held - self._part(key, item)


def is_retry(log: EventLog) -> NDArray[np.bool_]:
    """[A] true for an answer to the exercise that the learner answered just before."""
    item = np.asarray(log.item)
    again = np.zeros(len(item), dtype=bool)
    again[1:] = item[1:] == item[:-1]
    again[log.offsets[:-1][np.diff(log.offsets) > 0]] = False
    return again


def final_wide(
    log: EventLog, candidate: NDArray[np.int64], known: Exercises, slots: NDArray[np.int64]
) -> Tensor:
    """[B, C, FEATURES] for candidates [B, C] after all answers of each learner of the log."""
    B, C = candidate.shape
    answers = _Answers.of(log, known, slots)
    shared, own = answers.shared(slots), answers.own(len(slots))
    shared = shared.take(shared.counts)
    aged = answers.added[shared.answer] * _AGE ** shared.age()[:, None]
    of_key = _Sums(shared.key, aged)
    of_part = _Sums(shared.split(answers.item, len(slots)), aged)
    of_item = _Sums(own.key, answers.added[own.answer] * _AGE ** own.age()[:, None])
    base = np.repeat(np.arange(B), C)
    row = candidate.ravel()

    def others(concept: Ints) -> Floats:
        key = base * _width(slots) + concept
        return of_key.at(key) - of_part.at(key * len(slots) + row)

    none = np.zeros(len(row), dtype=np.int64)
    concepts = slots[row].T  # [S, B * C]
    wide = _features(
        others(none),
        np.stack([others(c) for c in concepts]),
        of_item.at(base * len(slots) + row),
        torch.from_numpy(row),
        known,
    )
    return wide.reshape(B, C, FEATURES)


def running_wide(log: EventLog, known: Exercises, slots: NDArray[np.int64]) -> Tensor:
    """[A, FEATURES] of every answer of the log, from the learner's answers before it."""
    out = torch.zeros(len(log), FEATURES)
    for low, high in learner_chunks(log, 1 << 17):
        part = log.between(log.offsets[low:high], log.offsets[low + 1 : high + 1])
        out[log.offsets[low] : log.offsets[high]] = _running_part(part, known, slots)
    return out


def _running_part(log: EventLog, known: Exercises, slots: NDArray[np.int64]) -> Tensor:
    answers = _Answers.of(log, known, slots)
    shared, own = answers.shared(slots), answers.own(len(slots))
    before = shared.before(answers.added)
    part = shared.by(shared.split(answers.item, len(slots)))
    other = np.zeros((len(shared.key), STATS))  # in the order of (answer, place among its keys)
    other[shared.source] = before
    other[part.source] -= part.before(answers.added)
    of_item = np.zeros((len(log), STATS))
    of_item[own.answer] = own.before(answers.added)
    concept = np.zeros((slots.shape[1], len(log), STATS))
    where, place = np.nonzero(slots[answers.item])
    concept[place, where] = other[len(log) :]
    item = torch.from_numpy(answers.item)
    return _features(other[: len(log)], concept, of_item, item, known)


@dataclass(frozen=True)
class _Entries:
    """Answers under a key each; entries of a key are neighbours, in order of time."""

    key: Ints  # [M]
    answer: Ints  # [M] which answer
    counts: NDArray[np.bool_]  # [M] false for an answer that is predicted here but does not count
    clock: Ints  # [M] how many of the key (or of the key it was split from) counted before
    source: Ints  # [M] place before sorting

    @classmethod
    def of(cls, key: Ints, answer: Ints, counts: NDArray[np.bool_]) -> _Entries:
        order = np.lexsort((answer, key))
        counts = counts[order]
        before: Ints = np.cumsum(counts) - counts
        start, length = _runs(key[order])
        clock: Ints = before - np.repeat(before[start], length)
        return cls(key[order], answer[order], counts, clock, order)

    def take(self, rows: NDArray[np.bool_]) -> _Entries:
        columns = (self.key, self.answer, self.counts, self.clock, self.source)
        return _Entries(*(column[rows] for column in columns))  # type: ignore[arg-type]

    def split(self, item: Ints, rows: int) -> Ints:
        """[M] a key of its own for each item under a key."""
        split: Ints = self.key * rows + item[self.answer]
        return split

    def by(self, key: Ints) -> _Entries:
        """The same entries under finer keys, on the same clocks."""
        order = np.lexsort((self.answer, key))
        columns = (self.answer, self.counts, self.clock, self.source)
        return _Entries(key[order], *(column[order] for column in columns))  # type: ignore[arg-type]

    def age(self) -> Ints:
        """[M] how many counted under the key after each entry; only for entries that all count."""
        start, length = _runs(self.key)
        last = self.clock[start + length - 1]
        age: Ints = np.repeat(last, length) - self.clock
        return age

    def before(self, added: Floats) -> Floats:
        """[M, STATS] the sums that each answer finds under its key.

        All keys take their n-th step at once, the longest first, so that those still going are a
        prefix.
        """
        out = np.zeros((len(self.key), STATS))
        start, length = _runs(self.key)
        order = np.argsort(-length, kind="stable")
        start, length = start[order], length[order]
        state = np.zeros((len(start), STATS))
        when = np.zeros(len(start), dtype=np.int64)  # clock at which the state is right
        steps = np.arange(1, int(length.max(initial=0)) + 1)
        going = np.searchsorted(-length, -steps, side="right")
        for step, count in enumerate(going.tolist()):
            rows = start[:count] + step
            clock, counts = self.clock[rows], self.counts[rows]
            found = state[:count] * _AGE ** (clock - when[:count])[:, None]
            out[rows] = found
            fresh = found * _AGE + added[self.answer[rows]]
            state[:count] = np.where(counts[:, None], fresh, found)
            when[:count] = clock + counts
        return out


@dataclass(frozen=True)
class _Answers:
    """Answers of some learners, one row each."""

    learner: Ints
    item: Ints
    retry: NDArray[np.bool_]
    added: Floats  # [A, STATS] what an answer adds to its keys

    @classmethod
    def of(cls, log: EventLog, known: Exercises, slots: NDArray[np.int64]) -> _Answers:
        item = np.asarray(log.item, dtype=np.int64)
        right = (np.asarray(log.outcome) == RIGHT).astype(np.float64)
        prior = torch.sigmoid(known.prior).double().cpu().numpy()
        added = _increment(right, right - prior[item])
        return cls(log.learner_of_event(), item, is_retry(log), added)

    def shared(self, slots: NDArray[np.int64]) -> _Entries:
        """Under "all" (key: learner * width), then under each concept (+ its number from 1 on)."""
        width, number = _width(slots), np.arange(len(self.item))
        where, place = np.nonzero(slots[self.item])
        concept = self.learner[where] * width + slots[self.item[where], place]
        key = np.concatenate([self.learner * width, concept])
        answer = np.concatenate([number, where])
        return _Entries.of(key, answer, ~self.retry[answer])

    def own(self, rows: int) -> _Entries:
        """Under the exercise itself, retries included."""
        number = np.arange(len(self.item))
        return _Entries.of(
            self.learner * rows + self.item, number, np.ones(len(self.item), dtype=bool)
        )


class _Sums:
    """Sums per key, and zeros for a key that was never met."""

    def __init__(self, key: Ints, added: Floats) -> None:
        self.keys, group = np.unique(key, return_inverse=True)
        self.sums = np.zeros((len(self.keys) + 1, STATS))
        for number in range(STATS):
            self.sums[:-1, number] = np.bincount(group, added[:, number], len(self.keys))

    def at(self, key: Ints) -> Floats:
        if not len(self.keys):
            return np.zeros((len(key), STATS))
        place = np.minimum(np.searchsorted(self.keys, key), len(self.keys) - 1)
        found: Floats = self.sums[np.where(self.keys[place] == key, place, len(self.keys))]
        return found


def _runs(key: Ints) -> tuple[Ints, Ints]:
    """Start and length of each run of equal neighbours."""
    start = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else key
    return start, np.diff(np.append(start, len(key)))


def _width(slots: NDArray[np.int64]) -> int:
    return int(slots.max(initial=0)) + 1


def _increment(right: Floats, surprise: Floats) -> Floats:
    """[n, STATS] what one answer adds."""
    parts = [np.ones_like(right), right, surprise]
    decayed = [np.repeat(part[:, None], len(DECAYS), axis=1) for part in parts]
    return np.concatenate([right[:, None], 1 - right[:, None], *decayed], axis=1)


def _described(sums: Floats) -> Floats:
    """[..., 2 + RECENT] log counts, then for each decay the mean of correctness and of surprise.

    One pseudo-answer holds short histories near the middle.
    """
    D = len(DECAYS)
    weight, won, surprise = (sums[..., 2 + D * k : 2 + D * (k + 1)] for k in range(3))
    means = np.stack([(won + 0.5) / (weight + 1), surprise / (weight + 1)], axis=-1)
    counts = np.log1p(np.maximum(sums[..., :2], 0))
    return np.concatenate([counts, means.reshape(*sums.shape[:-1], RECENT)], axis=-1)


def _features(
    everything: Floats, concept: Floats, own: Floats, candidate: Tensor, known: Exercises
) -> Tensor:
    """[n, FEATURES] from sums: everything and own [n, STATS], concept [S, n, STATS]."""
    used = (known.slots[candidate] > 0).cpu().numpy().T[..., None]  # [S, n, 1]
    about = (_described(concept) * used).sum(0) / np.maximum(used.sum(0), 1)
    about = np.where(used.any(0), about, _described(_NONE))
    wide = np.concatenate([_described(everything), about, _described(own)[:, [3, 0, 1]]], axis=1)
    prior, count = known.prior[candidate].cpu(), known.count[candidate].cpu()
    numbers = torch.from_numpy(wide.astype(np.float32))
    return torch.cat([numbers, prior[:, None], count[:, None]], dim=1)
