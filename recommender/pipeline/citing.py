"""Which of a learner's events are named as the reasons for an entry."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from learners.selectors import HistoryRow
from recommender import reasons

CITED: Final = 2
"""So many items of her history are named as reasons for an entry."""
LEAST_SHARE: Final = 0.1
"""An item of her history is no reason for an entry to which it contributed less than this."""
NEARLY: Final = 0.8
"""One that contributed at least this part of what the largest did is as good a reason."""
_LOOKED_AT: Final = 6

Cited = list[tuple[int, float]]
"""Positions in a history, with the share of all that was done with that item."""


def choose_events(
    history: Sequence[HistoryRow], events: NDArray[np.int32], shares: NDArray[np.float32]
) -> list[Cited]:
    """For each entry the items of her history that spoke most for it, each by the event that weighed most.

    Among items that contributed nearly the same, the one that entries above have named the fewest times, so that a
    list doesn't give one reason throughout where there are others as good.

    `events` [K, M] are positions in `history`, -1 = none; `shares` [K, M] their contributions, of which the positive
    ones count. All entries at once, because event by event this took longer than the model.
    """
    if not events.size or not history:
        return [[] for _entry in events]
    keys, place_of = np.unique([row.item_id for row in history], return_inverse=True)
    weight = np.where((events >= 0) & (shares > 0), shares, 0.0).astype(np.float64)  # [K, M]
    item = place_of[np.maximum(events, 0)]  # [K, M]
    entry = np.arange(len(events))[:, None]
    by_item = np.bincount(
        (entry * len(keys) + item).ravel(), weight.ravel(), minlength=len(events) * len(keys)
    ).reshape(len(events), len(keys))
    width = min(_LOOKED_AT, len(keys))
    best = np.argpartition(-by_item, width - 1, axis=1)[:, :width]
    best = best[entry, np.argsort(-by_item[entry, best], axis=1, kind="stable")]  # [K, width]
    total = np.maximum(weight.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    part = by_item[entry, best] / total
    heaviest = np.where(item[:, None] == best[..., None], weight[:, None], -1.0).argmax(axis=2)
    position = np.take_along_axis(events, heaviest, axis=1)  # [K, width]
    used: Counter[int] = Counter()
    rows = zip(best.tolist(), position.tolist(), part.tolist(), strict=True)
    return [_choose(list(zip(*row, strict=True)), used) for row in rows]


def _choose(candidates: Sequence[tuple[int, int, float]], used: Counter[int]) -> Cited:
    """Of (item, position, share) by falling share; counts in `used` what is chosen."""
    left = [each for each in candidates if each[2] >= LEAST_SHARE]
    chosen: Cited = []
    while left and len(chosen) < CITED:
        least = NEARLY * left[0][2]
        # The first of those used equally often is the one with the largest share.
        one = min((each for each in left if each[2] >= least), key=lambda each: used[each[0]])
        left.remove(one)
        used[one[0]] += 1
        chosen.append((one[1], one[2]))
    return chosen


def cite_events(
    history: Sequence[HistoryRow], chosen: Sequence[Cited], names: Mapping[int, str]
) -> list[list[reasons.Stored]]:
    """For each entry the reasons that name the chosen events; `names` are the ids that their sender gave them."""
    told: dict[int, reasons.Stored] = {}
    for position in {position for cited in chosen for position, _share in cited}:
        row = history[position]
        told[position] = reasons.describe_event(
            event=names.get(row.event_id),
            verb=row.verb,
            right=row.success if row.graded else None,
            item=row.item_id,
            at=row.occurred_at,
        )
    return [
        [
            {"code": "history", "params": {**told[position], "share": round(share, 3)}}
            for position, share in cited
        ]
        for cited in chosen
    ]
