"""Storing slates: a new one for each refresh, the overwritten ones gone."""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Exists, F, OuterRef, Window
from django.db.models.functions import RowNumber

from learners.models import Event
from recommender import reasons
from recommender.models import Slate

GRACE: Final = timedelta(minutes=15)
GRACE_SLATES: Final = 8
"""A client may still answer what it has just read: so many of the newest slates stay for that long."""


def store_slates(slates: Sequence[Slate], *, now: datetime) -> None:
    """Insert `slates` and delete what they overwrite: their learners' slates that weren't shown or answered.

    Must run in the transaction that marks the learners clean. A slate that was computed within the last 15 minutes
    stays, up to eight of them, so that feedback on the list that is on somebody's screen finds it.
    """
    Slate.objects.bulk_create(slates, batch_size=64)
    outlived = _overwritten({slate.learner_id for slate in slates}, now=now)
    if outlived:
        # Somebody who holds a slate's lock is about to keep it, and may wait for the learner's state, which is
        # locked here: it is passed over, not waited for.
        unkept = Slate.objects.filter(pk__in=outlived, kept=False)
        gone = unkept.select_for_update(skip_locked=True).values_list("pk", flat=True)
        # Without .delete()'s look for what hangs on them: a slate that isn't kept has no impressions or feedback.
        doomed = Slate.objects.filter(pk__in=list(gone))
        doomed._raw_delete(doomed.db)


def prune_slates(*, now: datetime, days: int, batch: int = 500) -> int:
    """Delete slates older than `days` with their impressions; feedback stays. Returns how many.

    A learner's newest slate stays however old it is, so that there is always one to show.
    """
    newer = Slate.objects.filter(
        learner=OuterRef("learner"), computed_at__gt=OuterRef("computed_at")
    )
    old = Slate.objects.filter(Exists(newer), computed_at__lt=now - timedelta(days=days))
    pruned = 0
    while keys := list(old.values_list("pk", flat=True)[:batch]):
        Slate.objects.filter(pk__in=keys).delete()
        pruned += len(keys)
    return pruned


def keep_slate(*, slate_id: uuid.UUID, learner_id: int) -> Slate | None:
    """Lock the learner's slate and mark it as kept; None where she has no such slate (any more)."""
    slate = (
        Slate.objects.select_for_update(no_key=True).filter(pk=slate_id, learner=learner_id).first()
    )
    if slate is not None and not slate.kept:
        slate.kept = True
        slate.save(update_fields=["kept"])
    return slate


def name_cited_events(slates: Sequence[Slate]) -> None:
    """Put the senders' ids of events in place of their primary keys, in the reasons of slates being made."""
    made = [reason for slate in slates for entry in slate.entries for reason in entry["reasons"]]
    reasons.name_events(made, read_event_names(reasons.cited_events(made)))


def read_event_names(keys: Collection[int]) -> dict[int, str]:
    """Return the senders' ids of events by primary key; those that are gone are absent."""
    rows = Event.objects.filter(pk__in=keys).values_list("pk", "uid") if keys else ()
    return {key: str(uid) for key, uid in rows}


def _overwritten(learner_ids: Collection[int], *, now: datetime) -> list[uuid.UUID]:
    ranked = (
        Slate.objects.filter(learner__in=learner_ids, kept=False)
        .annotate(
            age=Window(
                RowNumber(),
                partition_by=[F("learner")],
                order_by=[F("computed_at").desc(), F("pk").desc()],
            )
        )
        .values_list("pk", "age", "computed_at")
    )
    return [
        key
        for key, age, computed_at in ranked
        if age > 1 and (age > GRACE_SLATES or computed_at < now - GRACE)
    ]
