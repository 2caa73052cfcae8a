"""Parts of the learners that are compared: the ways to divide them, and which parts are large enough to be told of.

What rests on fewer than LEAST learners is not told: it would be noise, and it would say something of persons. Ten is the
smallest number for which most American states publish results of schools (NCES 2011-603, Statistical methods for protecting
personally identifiable information in aggregate reporting).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recommender.core.events import ANSWERED, COMPLETED, EventLog

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST = 10
"""Learners of a part whose figures are told, at least."""
TIMED = 5
"""Timed events that an item needs to have a norm, and a learner to have a pace."""
THIRDS = ("fast", "middle", "slow")


class Part(NamedTuple):
    """Some of the learners, by their index in the log."""

    key: str
    name: str
    members: Ints


class Dimension(NamedTuple):
    """One way to divide learners: its kind, the name of what was declared, and the parts."""

    kind: str
    name: str
    parts: Sequence[Part]


def show(
    dimensions: Sequence[Sequence[Ints]], everybody: Ints, least: int = LEAST
) -> list[list[bool]]:
    """Which parts of each dimension may be told of, beside the figures of everybody, by the rows [n] of their learners.

    A learner may be in several parts of one dimension. Told are parts of `least` learners or more, unless one that is
    told (or everybody) has the same learners and 1 to least - 1 others: the difference would tell of these. Where a
    dimension's told parts together leave out so few, the smallest of these stays untold as well. Sums over more parts
    of which some overlap aren't looked for.
    """
    parts = [part for dimension in dimensions for part in dimension]
    sizes = np.array([len(part) for part in parts], dtype=np.int64)
    without = len(everybody) - sizes
    shown = (sizes >= least) & ((without == 0) | (without >= least))
    for part, larger in _list_nearly_equal(parts, sizes, least):
        shown[part] &= not shown[larger].any()
    told, first = [], 0
    for dimension in dimensions:
        flags = shown[first : first + len(dimension)]
        _leave_no_few(dimension, flags, everybody, least)
        told.append(flags.tolist())
        first += len(dimension)
    return told


def _list_nearly_equal(
    parts: Sequence[Ints], sizes: Ints, least: int
) -> Iterator[tuple[int, Ints]]:
    """Each part that lies within others with 1 to least - 1 more learners, with these; the largest such part first."""
    if not parts:
        return
    rows, offsets = np.concatenate(parts), np.concatenate([[0], np.cumsum(sizes)])
    shape = (len(parts), int(rows.max(initial=0)) + 1)
    inside = csr_array((np.ones(len(rows), dtype=np.int64), rows, offsets), shape=shape)
    common = (inside @ inside.T).tocoo()
    small, large = (places.astype(np.int64) for places in common.coords)
    more = sizes[large] - sizes[small]
    found = (common.data == sizes[small]) & (more > 0) & (more < least)
    small, large = small[found], large[found]
    for part in sorted(set(small.tolist()), key=lambda place: (-sizes[place], place)):
        yield part, large[small == part]


def _leave_no_few(
    parts: Sequence[Ints], shown: NDArray[np.bool_], everybody: Ints, least: int
) -> None:
    """Take parts out of `shown`, the smallest first, until those that are told leave out nobody or `least` learners."""
    while shown.any():
        told = [part for part, ok in zip(parts, shown, strict=True) if ok]
        left = len(np.setdiff1d(everybody, np.concatenate(told)))
        if not 0 < left < least:
            return
        shown[min(np.flatnonzero(shown).tolist(), key=lambda place: len(parts[place]))] = False


def find_pace(log: EventLog, events: NDArray[np.bool_] | None = None) -> Floats:
    """[N] how long each learner takes beside others: median of log(her seconds / the item's median); NaN = too few.

    Of timed events that end something (completed, answered), among the mask `events` [E]. An item's median needs TIMED of
    them, and so does a learner's.
    """
    timed = (log.attention > 0) & ((log.behaviour == COMPLETED) | (log.behaviour == ANSWERED))
    rows = np.flatnonzero(timed if events is None else timed & events)
    item = np.asarray(log.item[rows], dtype=np.int64)
    seconds = np.log(np.asarray(log.attention[rows], dtype=np.float64))
    norm, count = _medians(item, seconds, int(item.max(initial=0)) + 1)
    kept = (item > 0) & (count[item] >= TIMED)
    learner = np.searchsorted(log.offsets, rows[kept], side="right") - 1
    pace, events_of = _medians(learner, seconds[kept] - norm[item[kept]], log.learners)
    return np.where(events_of >= TIMED, pace, np.nan)


def thirds(values: Floats) -> Ints:
    """[n] 0, 1 or 2: in which third of them each value lies; equal ones in the same."""
    if not len(values):
        return np.zeros(0, dtype=np.int64)
    return np.searchsorted(np.quantile(values, [1 / 3, 2 / 3]), values, side="left")


def split_by_pace(pace: Floats, members: Ints) -> Dimension:
    """Thirds of these members who have a pace, and the others."""
    known = members[np.isfinite(pace[members])]
    third = thirds(pace[known])
    parts = [Part(name, name, known[third == place]) for place, name in enumerate(THIRDS)]
    return Dimension("pace", "", [*parts, Part("", "", np.setdiff1d(members, known))])


def _medians(group: Ints, values: Floats, groups: int) -> tuple[Floats, Ints]:
    """Median of each group's values [groups] (NaN without any), and how many there are."""
    count = np.bincount(group, minlength=groups)
    ordered = values[np.lexsort((values, group))]
    start = np.cumsum(count) - count
    median = np.full(groups, np.nan)
    some = np.flatnonzero(count)
    low, high = start[some] + (count[some] - 1) // 2, start[some] + count[some] // 2
    median[some] = (ordered[low] + ordered[high]) / 2
    return median, count
