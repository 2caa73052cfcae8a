"""Which of a learner's events are named as the reasons for an entry."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from learners.selectors import HistoryRow
from recommender import reasons

CITED: Final = 2
"""So many items of her history are named as reasons for an entry."""
LEAST_SHARE: Final = 0.1
"""An item of her history is no reason for an entry to which it contributed less than this."""


def cite_events(
    history: Sequence[HistoryRow], events: NDArray[np.int32], shares: NDArray[np.float32]
) -> list[list[reasons.Stored]]:
    """For each entry the items of her history that spoke most for it, each by the event that weighed most.

    `events` [K, M] are positions in `history`, -1 = none; `shares` [K, M] their contributions, of which the positive
    ones count. All entries at once, because event by event this took longer than the model.
    """
    cited: list[list[reasons.Stored]] = [[] for _entry in events]
    if not events.size or not history:
        return cited
    keys, place_of = np.unique([row.item_id for row in history], return_inverse=True)
    weight = np.where((events >= 0) & (shares > 0), shares, 0.0).astype(np.float64)  # [K, M]
    item = place_of[np.maximum(events, 0)]  # [K, M]
    entry = np.arange(len(events))
    cells = entry[:, None] * len(keys) + item
    by_item = np.bincount(cells.ravel(), weight.ravel(), minlength=len(events) * len(keys))
    total = np.maximum(weight.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    share = by_item.reshape(len(events), len(keys)) / total  # [K, items]
    for best in np.argsort(-share, axis=1, kind="stable")[:, :CITED].T:
        part = share[entry, best]
        heaviest = np.where(item == best[:, None], weight, -1.0).argmax(axis=1)
        chosen = events[entry, heaviest]
        for place in np.flatnonzero(part >= LEAST_SHARE).tolist():
            row = history[chosen[place]]
            cited[place].append(
                reasons.from_event(
                    event=row.event_id,
                    verb=row.verb,
                    right=row.success if row.graded else None,
                    item=row.item_id,
                    at=row.occurred_at,
                    share=float(part[place]),
                )
            )
    return cited
