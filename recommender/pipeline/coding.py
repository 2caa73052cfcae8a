"""Events of the platform as the core's codes: the one place where training, refresh and evaluation agree on them."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from learners.selectors import HistoryRow
from recommender.core.events import BEHAVIOURS, OUTCOMES

BEHAVIOUR_CODE: Final = {verb: code for code, verb in enumerate(BEHAVIOURS, start=1)}
OUTCOME_CODE: Final = {outcome: code for code, outcome in enumerate(OUTCOMES)}
_RATED: Final = ("rated_low", "rated_mid", "rated_high")


def outcome_of(row: HistoryRow) -> int:
    """Code of what came of an event: right or wrong only where this server graded it, a rating by thirds of its score."""
    if row.verb == "answered" and row.graded and row.success is not None:
        return OUTCOME_CODE["right" if row.success else "wrong"]
    if row.verb == "rated" and row.score is not None:
        return OUTCOME_CODE[_RATED[min(int(row.score * 3), 2)]]
    return OUTCOME_CODE["none"]


def encode_rows(
    rows: Sequence[HistoryRow], row_of: Mapping[int, int]
) -> tuple[NDArray[np.int64], dict[str, NDArray[np.generic]]]:
    """Return the learners [n] and the columns [n] of an EventLog, none of them explored.

    `row_of` gives the catalogue's row of an item id; items that the catalogue lacks get row 0.
    """
    learner = np.array([row.learner_id for row in rows], dtype=np.int64)
    return learner, {
        "item": np.array([row_of.get(row.item_id, 0) for row in rows], dtype=np.int32),
        "behaviour": np.array([BEHAVIOUR_CODE[row.verb] for row in rows], dtype=np.uint8),
        "outcome": np.array([outcome_of(row) for row in rows], dtype=np.uint8),
        "attention": np.array([row.duration or 0.0 for row in rows], dtype=np.float32),
        "time": np.array([row.occurred_at.timestamp() for row in rows], dtype=np.float64),
        "received": np.array([row.received_at.timestamp() for row in rows], dtype=np.float64),
        "explored": np.zeros(len(rows), dtype=bool),
    }
