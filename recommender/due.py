"""When what was completed is due again, and how much of it is left. Pure functions on the columns of `standing`."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from learners.memory import Memory

if TYPE_CHECKING:
    from recommender.standing import Outline, Situation

REST: Final = timedelta(days=1)
"""What was completed isn't offered again before this, whatever the reason."""
FIRST_REVIEW: Final = timedelta(days=7)
LONGEST_REVIEW: Final = timedelta(days=96)


def is_due(
    *,
    gradable: bool,
    completed_at: datetime,
    right: int,
    now: datetime,
    memory: Memory | None = None,
) -> bool:
    """Tell whether what was completed is due again, remedies apart (see `standing.assess`).

    An exercise or quiz is due when FSRS says so, a day after she completed it at the earliest. Where there is no memory of
    it, because it was called completed and never graded, n right answers (n = 0 counts as 1) are good for 7 · 2^(n-1) days,
    at most 96. What asks nothing does not become due.
    """
    if not gradable:
        return False
    if memory is not None:
        return bool(now >= max(memory.due_at, completed_at + REST))
    wait = min(FIRST_REVIEW * 2 ** min(max(right - 1, 0), 10), LONGEST_REVIEW)
    return bool(now >= completed_at + max(wait, REST))


def find_completion(
    outline: "Outline", situation: "Situation", *, now: datetime
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return what she completed and what of it is due again, both [V]."""
    completed = np.zeros(outline.rows, dtype=bool)
    due = np.zeros(outline.rows, dtype=bool)
    for entry in situation.progress:
        row = outline.row_of.get(entry.item)
        if row is not None and entry.completed_at is not None:
            completed[row] = True
            due[row] = is_due(
                gradable=bool(outline.gradable[row]),
                completed_at=entry.completed_at,
                right=entry.right,
                now=now,
                memory=situation.memories.get(entry.item),
            )
    return completed, due


def find_recall(
    outline: "Outline",
    memories: Mapping[int, Memory],
    offered: NDArray[np.bool_],
    *,
    now: datetime,
) -> NDArray[np.float64]:
    """[V] P(right) that memory alone promises at `now`, NaN where she has answered nothing, or it isn't `offered` [V]."""
    recall = np.full(outline.rows, np.nan)
    for item, memory in memories.items():
        row = outline.row_of.get(item)
        if row is not None and offered[row]:
            recall[row] = memory.recall(now)
    return recall
