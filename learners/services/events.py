"""The one way in for what learners do: events as they send them, and attempts as the server grades them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from common.api.errors import Refused
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from content.grading import Grade, InvalidResponse, grade
from content.models import Item
from learners.models import Event, User
from learners.services.event_store import (
    NewEvent,
    StoredEvent,
    Verb,
    add_up,
    insert_events,
    lock_history,
)
from learners.services.freshness import mark_dirty

__all__ = [
    "NewEvent",
    "Recorded",
    "StoredEvent",
    "record_attempt",
    "record_events",
    "register_listener",
]

Listener = Callable[[int, Sequence[StoredEvent]], None]
_listeners: list[Listener] = []


def register_listener(listener: Listener) -> None:
    """Call `listener(actor_id, stored_events)` in the transaction that stores events; what it raises undoes it all."""
    if listener not in _listeners:
        _listeners.append(listener)


@dataclass(frozen=True)
class Recorded:
    """How many events of a request were new, and how many were known already."""

    accepted: int
    duplicates: int


def record_events(*, actor: User, events: Sequence[NewEvent]) -> Recorded:
    """Store what `actor` did, all or nothing, and mark her for a refresh unless it was only shown to her.

    An event whose uid she has used before, in this request or earlier, is a duplicate and changes nothing, whatever
    else it says; another person's uid is no clash. Raises Refused when an item or her account vanished meanwhile.
    """
    try:
        with transaction.atomic():
            lock_history(actor.pk)
            stored = _store(actor, events)
    except IntegrityError as error:
        raise Refused(
            _("An item of this request, or the account, has just been removed.")
        ) from error
    return Recorded(accepted=len(stored), duplicates=len(events) - len(stored))


def record_attempt(*, actor: User, item: Item, uid: UUID, response: Any, hints: int = 0) -> Grade:
    """Grade `response`, store the `answered` event, and return the outcome.

    Idempotent by (actor, uid): sent again, the first answer's outcome is returned, whatever the response says now.
    Raises content.grading.InvalidResponse for a response that cannot be graded, and Refused when the item asks
    nothing, or the uid belongs to another event of hers.
    """
    if not item.is_gradable:
        raise Refused(_("This item has no question to answer."))
    try:
        with transaction.atomic():
            lock_history(actor.pk)
            known = Event.objects.filter(actor=actor, uid=uid).first()
            if known is not None:
                return _repeat(known, item)
            outcome = grade(item, response)
            event = NewEvent(
                uid=uid,
                verb=Verb.ANSWERED,
                item_id=item.pk,
                occurred_at=timezone.now(),
                success=outcome.correct,
                score=outcome.score,
                response=response,
                context={"hints": hints},
                graded=True,
            )
            _store(actor, [event])
    except IntegrityError as error:
        raise Refused(_("The item, or the account, has just been removed.")) from error
    return outcome


def _store(actor: User, events: Sequence[NewEvent]) -> list[StoredEvent]:
    stored = insert_events(actor_id=actor.pk, events=events, received_at=timezone.now())
    if not stored:
        return stored
    acts = [entry.event for entry in stored if entry.event.verb != Verb.SHOWN]
    add_up(actor_id=actor.pk, events=acts)
    for listener in _listeners:
        listener(actor.pk, stored)
    if acts:
        mark_dirty(learner_ids=[actor.pk], active=True)
    return stored


def _repeat(known: Event, item: Item) -> Grade:
    if known.item_id != item.pk or not known.graded:
        raise Refused(_("This id belongs to another event of yours."))
    correct, score = bool(known.success), known.score or 0.0
    try:
        return replace(grade(item, known.response), correct=correct, score=score)
    except InvalidResponse:
        # The question has been rewritten since; what was decided then stands.
        return Grade(correct=correct, score=score, feedback="", explanation="")
