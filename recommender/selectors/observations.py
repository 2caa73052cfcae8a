"""Observations and what is usual for items, as they are stored; and the slates that events can have come from."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection

from recommender.models.observations import MOST, ItemNorm, Observation

LOOKED_AT: Final = 8
"""A learner's newest slates that an event can have come from: as many as are kept for that."""


def list_newest_slates(
    *, learner_ids: Collection[int]
) -> Mapping[int, list[tuple[UUID, datetime]]]:
    """Return each learner's newest slates and when they were computed, newest first."""
    found: dict[int, list[tuple[UUID, datetime]]] = defaultdict(list)
    with connection.cursor() as cursor:
        # LATERAL walks the index once a learner and stops at the limit, as the reading of histories does.
        cursor.execute(
            """
            SELECT newest.* FROM unnest(%s::bigint[]) AS learner(id)
             CROSS JOIN LATERAL (
                SELECT learner_id, id, computed_at FROM recommender_slate
                 WHERE learner_id = learner.id ORDER BY computed_at DESC LIMIT %s) AS newest
             ORDER BY newest.learner_id, newest.computed_at DESC
            """,
            [sorted(learner_ids), LOOKED_AT],
        )
        for learner, slate, computed_at in cursor.fetchall():
            found[learner].append((slate, computed_at))
    return found


def read_observations(*, learner_ids: Collection[int]) -> Mapping[int, list[Observation]]:
    """Return what is kept of each learner, oldest first."""
    found: dict[int, list[Observation]] = defaultdict(list)
    rows = Observation.objects.filter(learner__in=learner_ids)
    for row in rows.order_by("learner_id", "received_at", "event", "respect"):
        found[row.learner_id].append(row)
    return found


def read_known(
    *, learner_ids: Collection[int]
) -> Mapping[int, dict[tuple[int, str], tuple[datetime, int]]]:
    """Return when what is kept of each learner was received, and its event, by item and respect."""
    found: dict[int, dict[tuple[int, str], tuple[datetime, int]]] = defaultdict(dict)
    rows = Observation.objects.filter(learner__in=learner_ids)
    columns = rows.values_list("learner_id", "item_id", "respect", "received_at", "event")
    for learner, item, respect, received_at, event in columns:
        found[learner][item, respect] = received_at, event
    return found


def merge_observations(
    kept: Collection[Observation], new: Collection[Observation], *, reset_at: datetime | None
) -> list[Observation]:
    """Return those that count: the last in each respect of an item, the newest 100 since the last reset, oldest first."""

    def place(row: Observation) -> tuple[datetime, int, str]:
        return row.received_at, row.event, row.respect

    last = {(row.item_id, row.respect): row for row in sorted((*kept, *new), key=place)}
    counting = (row for row in last.values() if reset_at is None or row.received_at > reset_at)
    return sorted(counting, key=place)[-MOST:]


@dataclass(frozen=True)
class Deed:
    """One observation that is in force, as people read it."""

    slug: str
    title: str
    signal: str
    received_at: datetime

    @property
    def signal_label(self) -> str:
        return str(Observation.Signal(self.signal).label)


def read_deeds(
    *, learner_id: int, reset_at: datetime | None, course_ids: Collection[int] | None = None
) -> dict[int | str, Deed]:
    """Return what counts of what a learner did, by the name that folds give it, newest first.

    With `course_ids`, only what is of these courses.
    """
    rows = Observation.objects.filter(learner=learner_id).exclude(surprise=0)
    told = ("event", "respect", "signal", "received_at", "item__slug", "item__title")
    rows = rows.select_related("item").only(*told)
    if reset_at is not None:
        rows = rows.filter(received_at__gt=reset_at)
    if course_ids is not None:
        rows = rows.filter(item__course__in=course_ids)
    return {
        row.name: Deed(row.item.slug, row.item.title, row.signal, row.received_at)
        for row in rows.order_by("-received_at", "-event", "respect")
    }


def read_norms(*, items: Collection[int]) -> Mapping[int, ItemNorm]:
    """Return what is usual for items, by item id; those that nobody met before the last training run are absent."""
    return ItemNorm.objects.in_bulk(items)
