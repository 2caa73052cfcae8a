"""What a learner says of an item of a slate: written to the ledger, acted on by the next refresh, and taken back."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from statistics import fmean
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound, ValidationError

from content.models import Item
from learners.models import Event
from learners.services.event_store import lock_history
from learners.services.freshness import mark_dirty
from recommender.models import Feedback, Slate
from recommender.selectors.features import describe_items, list_features
from recommender.services.attention import change_profile
from recommender.services.slates import keep_slate

LIST: Final = 5
"""The first so many entries of a slate are what is meant by the list and how easy it is."""


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

    The contributions are frozen with it, since the slate may be pruned and weights must be explainable later; so is how
    easy the list was predicted to be, which the next one is measured by. It doesn't matter whether the slate's model version
    has been retired. Raises NotFound for a slate that isn't hers (or is gone) and ValidationError naming `item` for an item
    that isn't on it.
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
        shares = _read_shares(slate, position)
        events = _read_events(shares)
        features = describe_items({item_id, *(item for item, _verb in events.values())})
        list_success, course_success = _read_success(slate, position)
        feedback, created = Feedback.objects.get_or_create(
            learner_id=learner_id,
            uid=uid,
            defaults={
                "slate": slate,
                "slate_uid": slate.pk,
                "list_success": list_success,
                "course_success": course_success,
                "item_id": item_id,
                "signal": signal,
                "comment": comment,
                "features": list_features(features, item_id),
                "contributions": [
                    {
                        "event": event,
                        "share": share,
                        "features": list_features(features, *events[event]),
                    }
                    for event, share in shares.items()
                    if event in events
                ],
            },
        )
        if created:
            change_profile(learner_id=learner_id)
            mark_dirty(learner_ids=[learner_id], active=True)
    return feedback


def withdraw_feedback(
    *, learner_id: int, uid: uuid.UUID, slate_id: uuid.UUID | None = None
) -> Feedback:
    """Take back what a learner said: it counts as never said, and what it hid is shown again.

    Safe to repeat. Sent once more with the same id, it stays taken back. Raises NotFound where she said nothing with
    this id on this slate (None: on any); once the slate has been pruned, any slate's id will do.
    """
    with transaction.atomic():
        lock_history(learner_id)
        feedback = Feedback.objects.filter(learner=learner_id, uid=uid).first()
        if feedback is None or (slate_id and feedback.slate_id not in {slate_id, None}):
            raise NotFound(_("You have said nothing with this id."))
        if feedback.withdrawn_at is None:
            feedback.withdrawn_at = timezone.now()
            feedback.save(update_fields=["withdrawn_at"])
            change_profile(learner_id=learner_id)
            mark_dirty(learner_ids=[learner_id], active=True)
    return feedback


def _find_entry(slate: Slate, slug: str) -> tuple[int, int]:
    """Return the item's primary key and its place in the slate's entries."""
    items = [entry["item"] for entry in slate.entries]
    item_id = Item.objects.filter(slug=slug, pk__in=items).values_list("pk", flat=True).first()
    if item_id is None:
        raise ValidationError({"item": [_("This item is not on the slate.")]})
    return item_id, items.index(item_id)


def _read_success(slate: Slate, position: int) -> tuple[float | None, float | None]:
    """Mean P(correct) of the first of the slate, and of the first of the course of the entry at `position`."""
    item = slate.entries[position]["item"]
    course = Item.objects.filter(course__items=item).order_by().values_list("pk", flat=True)
    there = set(course)
    own = slate.entries[position]["success"]
    of_course = [entry for entry in slate.entries if entry["item"] in there]
    return _mean_success(slate.entries, own), _mean_success(of_course, own)


def _mean_success(entries: Sequence[Mapping[str, Any]], own: float | None) -> float | None:
    """Of the first five; `own`, that of the item itself, where nothing is predicted of them."""
    known = [one["success"] for one in entries[:LIST] if one["success"] is not None]
    return round(fmean(known), 4) if known else own


def _read_shares(slate: Slate, position: int) -> dict[int, float]:
    """Share by event id in the score of the entry at `position`."""
    if not slate.contributions:
        return {}
    # numpy, which the web process needs only here.
    from recommender.storage import unpack_contributions, unpack_history

    events = unpack_history(slate.history)
    positions, shares = unpack_contributions(slate.contributions)
    return {
        int(events[place]): float(share)
        for place, share in zip(positions[position], shares[position], strict=True)
        if place >= 0
    }


def _read_events(keys: Collection[int]) -> dict[int, tuple[int, str]]:
    rows = Event.objects.filter(pk__in=keys).values_list("pk", "item_id", "verb") if keys else ()
    return {key: (item, verb) for key, item, verb in rows}
