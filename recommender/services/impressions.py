"""`shown` events become impressions: what of a slate a learner really saw, and how probable it was that she would."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from learners.services.events import StoredEvent
from recommender.models import Impression, Slate
from recommender.services.slates import keep_slate


def record_impressions(actor_id: int, events: Iterable[StoredEvent]) -> None:
    """Store an impression for each `shown` event of a slate of the actor's own, and keep that slate.

    Called in the transaction that stores the events. A `shown` event whose context names no slate, one that is
    malformed, gone or another person's, or an item that isn't on it, stays an event and makes no impression; the position is
    the slate's own, whatever the client says. An item counts once for each slate.
    """
    shown: dict[uuid.UUID, dict[int, datetime]] = {}
    for _id, event in events:
        if event.verb != "shown" or (slate_id := _named_slate(event.context)) is None:
            continue
        shown.setdefault(slate_id, {}).setdefault(event.item_id, event.occurred_at)
    if len(shown) > 1:
        # One look for all: a request may name a thousand slates that don't exist.
        mine = Slate.objects.filter(pk__in=shown, learner=actor_id).values_list("pk", flat=True)
        shown = {slate_id: shown[slate_id] for slate_id in mine}
    # In a fixed order, so that two requests that show the same slates cannot wait for each other in a circle.
    for slate_id in sorted(shown):
        slate = keep_slate(slate_id=slate_id, learner_id=actor_id)
        if slate is not None:
            _store(slate, shown[slate_id])


def _store(slate: Slate, shown_at: dict[int, datetime]) -> None:
    explored = (slate.exploration or {}).get("item")
    Impression.objects.bulk_create(
        [
            Impression(
                slate=slate,
                learner_id=slate.learner_id,
                item_id=entry["item"],
                position=rank,
                propensity=entry.get("propensity"),
                explored=entry["item"] == explored,
                shown_at=shown_at[entry["item"]],
            )
            for rank, entry in enumerate(slate.entries, start=1)
            if entry["item"] in shown_at
        ],
        ignore_conflicts=True,
    )


def _named_slate(context: Any) -> uuid.UUID | None:
    named = context.get("slate") if isinstance(context, dict) else None
    try:
        return uuid.UUID(named) if isinstance(named, str) else None
    except ValueError:
        return None
