"""What a learner says of an item of a slate: written to the ledger, acted on by the next refresh."""

import uuid
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound, ValidationError

from content.models import Item
from learners.services.event_store import lock_history
from learners.services.freshness import mark_dirty
from recommender.models import Feedback, Slate
from recommender.services.slates import keep_slate


def record_feedback(
    *,
    learner_id: int,
    slate_id: uuid.UUID,
    item_slug: str,
    signal: str,
    uid: uuid.UUID | None = None,
    comment: str = "",
) -> Feedback:
    """Store what a learner says of an item of one of her slates; the same id again changes nothing.

    The contributions are frozen with it, since the slate may be pruned and weights must be explainable later. It doesn't matter
    whether the slate's model version has been retired. Raises NotFound for a slate that isn't hers (or is gone) and
    ValidationError naming `item` for an item that isn't on it.
    """
    uid = uid or uuid.uuid4()
    with transaction.atomic():
        lock_history(learner_id)
        if stored := Feedback.objects.filter(learner=learner_id, uid=uid).first():
            return stored
        slate = keep_slate(slate_id=slate_id, learner_id=learner_id)
        if slate is None:
            raise NotFound(_("You have no such slate."))
        item_id, position = _find_entry(slate, item_slug)
        feedback, created = Feedback.objects.get_or_create(
            learner_id=learner_id,
            uid=uid,
            defaults={
                "slate": slate,
                "item_id": item_id,
                "signal": signal,
                "comment": comment,
                "contributions": _freeze_contributions(slate, position),
            },
        )
        if created:
            mark_dirty(learner_ids=[learner_id], active=True)
    return feedback


def _find_entry(slate: Slate, slug: str) -> tuple[int, int]:
    """Return the item's primary key and its place in the slate's entries."""
    items = [entry["item"] for entry in slate.entries]
    item_id = Item.objects.filter(slug=slug, pk__in=items).values_list("pk", flat=True).first()
    if item_id is None:
        raise ValidationError({"item": [_("This item is not on the slate.")]})
    return item_id, items.index(item_id)


def _freeze_contributions(slate: Slate, position: int) -> list[dict[str, Any]]:
    if not slate.contributions:
        return []
    # numpy, which the web process needs only here.
    from recommender.storage import unpack_contributions, unpack_history

    events = unpack_history(slate.history)
    positions, shares = unpack_contributions(slate.contributions)
    return [
        {"event": int(events[place]), "share": float(share)}
        for place, share in zip(positions[position], shares[position], strict=True)
        if place >= 0
    ]
