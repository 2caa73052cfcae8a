"""Events of the database as the core's columns: the one mapping, for refresh and for training."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from learners.selectors import HistoryRow
from recommender.core.events import BEHAVIOURS, OUTCOMES, EventLog

_BEHAVIOUR: Final = {verb: code for code, verb in enumerate(BEHAVIOURS, start=1)}
_OUTCOME: Final = {name: code for code, name in enumerate(OUTCOMES)}
_THIRDS: Final = (1 / 3, 2 / 3)


def outcome_of(row: HistoryRow) -> int:
    """The code of an event's outcome in `core.events.OUTCOMES`.

    Right and wrong only where this server graded; a rating by the third of its scale (score 0 to 1); else none.
    """
    if row.verb == "answered" and row.graded and row.success is not None:
        return _OUTCOME["right" if row.success else "wrong"]
    if row.verb == "rated" and row.score is not None:
        low, high = _THIRDS
        name = "rated_low" if row.score < low else "rated_mid" if row.score < high else "rated_high"
        return _OUTCOME[name]
    return _OUTCOME["none"]


def to_columns(
    rows: Sequence[HistoryRow],
    row_of: Mapping[int, int],
    *,
    explored: Collection[tuple[int, int]] = (),
) -> dict[str, NDArray[np.generic]]:
    """Columns of an EventLog for `rows` in their order.

    `row_of` gives the catalogue row by item id (0 for an item that it lacks), `explored` the pairs (learner, item)
    that met through an exploration slot.
    """
    return {
        "item": np.array([row_of.get(row.item_id, 0) for row in rows], dtype=np.int32),
        "behaviour": np.array([_BEHAVIOUR[row.verb] for row in rows], dtype=np.uint8),
        "outcome": np.array([outcome_of(row) for row in rows], dtype=np.uint8),
        "attention": np.array([row.duration or 0.0 for row in rows], dtype=np.float32),
        "time": np.array([row.occurred_at.timestamp() for row in rows], dtype=np.float64),
        "received": np.array([row.received_at.timestamp() for row in rows], dtype=np.float64),
        "explored": np.array(
            [(row.learner_id, row.item_id) in explored for row in rows], dtype=bool
        ),
    }


def to_log(histories: Sequence[Sequence[HistoryRow]], row_of: Mapping[int, int]) -> EventLog:
    """A log of one learner for each history (oldest event first), in their order."""
    offsets = np.concatenate([[0], np.cumsum([len(history) for history in histories])])
    rows = [row for history in histories for row in history]
    return EventLog.from_columns(offsets.astype(np.int64), **to_columns(rows, row_of))
