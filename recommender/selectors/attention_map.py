"""Which past events the model attended to for one slate, head by head, and what each of them spoke for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from content.models import Item
from learners.models import Event
from recommender.models import Slate
from recommender.storage import SHOWN, unpack_attention, unpack_contributions, unpack_history

SPOKEN_FOR: Final = 2
LEAST_SPOKEN: Final = 0.1
"""An event speaks for an item where it is at least so much of what spoke for it."""


@dataclass(frozen=True)
class SpokenFor:
    """An item of the slate, and which part of what spoke for it was one event."""

    slug: str
    title: str
    share: float


@dataclass(frozen=True)
class AttendedEvent:
    """One past event with its share of each head's attention; 0 where it isn't among the largest of that head."""

    event: UUID
    slug: str
    title: str
    verb: str
    right: bool | None
    occurred_at: datetime
    shares: Sequence[float]
    speaks_for: Sequence[SpokenFor]

    @property
    def verb_label(self) -> str:
        return str(Event.Verb(self.verb).label)


@dataclass(frozen=True)
class AttentionMap:
    """Where attention lay when a slate was made; of each head all of it adds up to 1."""

    slate: UUID
    computed_at: datetime
    heads: int
    beginning: Sequence[float]  # on nothing in particular
    rest: Sequence[float]  # on events that aren't told
    events: Sequence[AttendedEvent]  # by falling mean share


def find_map(
    *, learner_id: int, slate_id: UUID | None = None, course_ids: Collection[int] | None = None
) -> AttentionMap | None:
    """Return the map of a learner's slate, of her newest by default; None where none was kept.

    With `course_ids`, only events and items of these courses: what a teacher of theirs may see. Four queries.
    """
    rows = Slate.objects.filter(learner=learner_id, source=Slate.Source.MODEL)
    if slate_id is not None:
        rows = rows.filter(pk=slate_id)
    slate = rows.defer("exploration").order_by("-computed_at").first()
    return describe_map(slate, course_ids=course_ids) if slate is not None else None


def list_mapped_slates(*, learner_id: int, limit: int) -> list[UUID]:
    """Return a learner's newest slates that have a map, newest first."""
    rows = Slate.objects.filter(learner=learner_id).exclude(attention=b"")
    return list(rows.order_by("-computed_at").values_list("pk", flat=True)[:limit])


def describe_map(slate: Slate, *, course_ids: Collection[int] | None = None) -> AttentionMap | None:
    """Return the map of a slate; events that are gone count as not told."""
    found = unpack_attention(slate.attention)
    if found is None:
        return None
    history = unpack_history(slate.history)
    heads = len(found.beginning)
    shares: dict[int, list[float]] = {}
    for head, (places, values) in enumerate(zip(found.position, found.share, strict=True)):
        for place, value in zip(places.tolist(), values.tolist(), strict=True):
            if place >= 0 and value > 0:
                shares.setdefault(place, [0.0] * heads)[head] = value
    rows = Event.objects.filter(
        pk__in=[int(history[place]) for place in shares], actor=slate.learner_id
    ).select_related("item")
    if course_ids is not None:
        rows = rows.filter(item__course__in=course_ids)
    events = {event.pk: event for event in rows}
    told = {place: events[int(history[place])] for place in shares if int(history[place]) in events}
    spoken = _find_spoken_for(slate, told, course_ids)
    order = sorted(told, key=lambda place: (-sum(shares[place]), -place))
    listed = [
        AttendedEvent(
            event=event.uid,
            slug=event.item.slug,
            title=event.item.title,
            verb=event.verb,
            right=event.success if event.graded else None,
            occurred_at=event.occurred_at,
            shares=[round(share, 4) for share in shares[place]],
            speaks_for=spoken.get(place, ()),
        )
        for place, event in ((place, told[place]) for place in order)
    ]
    beginning = [round(float(share), 4) for share in found.beginning]
    return AttentionMap(
        slate=slate.pk,
        computed_at=slate.computed_at,
        heads=heads,
        beginning=beginning,
        rest=[
            # Quantised shares may add up to a little more than all.
            round(max(0.0, 1 - beginning[head] - sum(each.shares[head] for each in listed)), 4)
            for head in range(heads)
        ],
        events=listed,
    )


def _find_spoken_for(
    slate: Slate, told: Collection[int], course_ids: Collection[int] | None
) -> Mapping[int, Sequence[SpokenFor]]:
    """By position in the history the items that an event spoke for most, of those that a page shows."""
    if not told or not slate.contributions:
        return {}
    positions, weights = unpack_contributions(slate.contributions)
    parts = _find_parts(positions[:SHOWN], weights[:SHOWN])
    items = [entry["item"] for entry in slate.entries[:SHOWN]]
    best = {
        place: sorted(
            (
                (part[place], row)
                for row, part in enumerate(parts)
                if part.get(place, 0) >= LEAST_SPOKEN
            ),
            key=lambda pair: (-pair[0], pair[1]),
        )
        for place in told
    }
    rows = Item.objects.filter(pk__in={items[row] for each in best.values() for _part, row in each})
    if course_ids is not None:
        rows = rows.filter(course__in=course_ids)
    named = {pk: (slug, title) for pk, slug, title in rows.values_list("pk", "slug", "title")}
    return {
        place: [
            SpokenFor(*named[items[row]], round(part, 4))
            for part, row in each
            if items[row] in named
        ][:SPOKEN_FOR]
        for place, each in best.items()
    }


def _find_parts(
    positions: NDArray[np.int64], weights: NDArray[np.float64]
) -> list[dict[int, float]]:
    """Of each entry which part of what spoke for it each event was."""
    spoke = np.where((positions >= 0) & (weights > 0), weights, 0.0)
    total = np.maximum(spoke.sum(1, keepdims=True), np.finfo(np.float64).tiny)
    return [
        {place: part for place, part in zip(places, parts, strict=True) if part > 0}
        for places, parts in zip(positions.tolist(), (spoke / total).tolist(), strict=True)
    ]
