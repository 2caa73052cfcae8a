"""Parts of the learners that are compared: the ways to divide them, and which parts are large enough to be told of.

What rests on fewer than LEAST learners is not told: it would be noise, and it would say something of persons. Ten is the
smallest number for which most American states publish results of schools (NCES 2011-603, Statistical methods for protecting
personally identifiable information in aggregate reporting).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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


def show(sizes: Sequence[int], least: int = LEAST) -> list[bool]:
    """Which parts of a dimension may be told of.

    Those of `least` learners or more. Where all others together are fewer, the smallest of these stays untold, too: the
    difference to the figures of everybody would tell of the others.
    """
    shown = [size >= least for size in sizes]
    left = sum(size for size, ok in zip(sizes, shown, strict=True) if not ok)
    if 0 < left < least and any(shown):
        smallest = min((size, place) for place, size in enumerate(sizes) if shown[place])
        shown[smallest[1]] = False
    return shown


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


def split_by_pace(pace: Floats, members: Ints) -> Dimension:
    """Thirds of these members who have a pace, and the others."""
    known = members[np.isfinite(pace[members])]
    low, high = np.quantile(pace[known], [1 / 3, 2 / 3]) if len(known) else (0.0, 0.0)
    third = np.where(pace[known] <= low, 0, np.where(pace[known] <= high, 1, 2))
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
