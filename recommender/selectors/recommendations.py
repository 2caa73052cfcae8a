"""A learner's newest slate as she may see it now, in a few queries and without numpy or torch."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce

from content.models import Concept, Course, Item
from learners.models import ItemProgress, LearnerState
from learners.selectors import list_learner_courses, list_rules
from recommender import reasons
from recommender.models import ModelVersion, Slate
from recommender.selectors.experiments import SYLLABUS, select_arm
from recommender.selectors.ledger import list_hidden

REST: Final = timedelta(days=1)
_ITEM_FIELDS: Final = (
    *("pk", "slug", "title", "kind", "published"),
    *("course_id", "course__slug", "course__title"),
)


@dataclass(frozen=True)
class NewestSlate:
    """A slate and how it compares with what has happened since."""

    slate: Slate
    stale: bool
    outdated: bool  # of another version than the one that serves
    waiting: bool  # a worker has been told of a change that it hasn't dealt with
    changed: bool  # something happened since its history was read
    first: bool = False  # made a moment ago, of courses that were hers then


@dataclass(frozen=True)
class RecommendedItem:
    """One entry as it is shown."""

    rank: int
    slug: str
    title: str
    kind: str
    course: str
    score: float
    predicted_success: float | None
    retrievability: float | None
    reasons: list[dict[str, Any]]
    item_id: int = 0


@dataclass(frozen=True)
class Recommendations:
    """What `GET recommendations/` and the Next page show."""

    slate: uuid.UUID
    model_version: int | None
    computed_at: datetime
    stale: bool
    items: list[RecommendedItem]


def find_newest_slate(*, learner_id: int) -> NewestSlate | None:
    """Return the learner's newest slate without its binary columns, or None; one query."""
    state = LearnerState.objects.filter(learner=OuterRef("learner_id"))
    # As `get_serving_version_id`, but within the one query.
    serving = ModelVersion.objects.filter(is_active=True, problem="")
    slate = (
        Slate.objects.filter(learner=learner_id)
        .defer("history", "contributions", "attention", "exploration")
        .annotate(
            dirty_seq=Subquery(state.values("dirty_seq")),
            clean_seq=Subquery(state.values("clean_seq")),
            serving_version=Coalesce(select_arm("learner_id"), Subquery(serving.values("pk")[:1])),
        )
        .order_by("-computed_at")
        .first()
    )
    if slate is None:
        return None
    outdated = slate.serving_version not in (None, slate.model_version_id or SYLLABUS)
    dirty, clean = slate.dirty_seq or 0, slate.clean_seq or 0
    return NewestSlate(
        slate=slate,
        stale=outdated or dirty > clean,
        outdated=outdated,
        waiting=dirty > clean,
        changed=dirty > slate.seq,
    )


def list_recommendations(
    newest: NewestSlate, *, now: datetime, course_slug: str | None, limit: int
) -> Recommendations:
    """Render the best `limit` entries that are still eligible, of one course or of all.

    Dropped are items that have been unpublished, that she is no longer enrolled for, and, where anything happened
    since the slate was computed, what she completed, knows or put off, and what a teacher banned. While
    nothing happened, time alone only ever makes more items eligible.
    """
    slate = newest.slate
    entries = slate.entries
    blocked = _find_blocked(slate, now=now) if newest.changed else set()
    courses = None if newest.first else list_learner_courses([slate.learner_id])[slate.learner_id]
    chosen: list[tuple[dict[str, Any], dict[str, Any]]] = []
    known: dict[int, dict[str, Any]] = {}
    for part, items in _load_items(entries, limit):
        known |= items
        chosen += [
            (entry, item)
            for entry in part
            if (item := items.get(entry["item"])) is not None
            and item["published"]
            and (courses is None or item["course_id"] in courses)
            and item["pk"] not in blocked
            and course_slug in (None, item["course__slug"])
        ]
        if len(chosen) >= limit:
            break
    chosen = chosen[:limit]
    titles = _make_titles(chosen, known)
    return Recommendations(
        slate=slate.pk,
        # The version in force had no say in a syllabus.
        model_version=slate.model_version_id if slate.source == Slate.Source.MODEL else None,
        computed_at=slate.computed_at,
        stale=newest.stale,
        items=[
            RecommendedItem(
                rank=rank,
                slug=item["slug"],
                title=item["title"],
                kind=item["kind"],
                course=item["course__slug"],
                score=entry["score"],
                predicted_success=entry["success"],
                retrievability=entry["retrievability"],
                reasons=[
                    reasons.render(reason, titles, item=item["pk"]) for reason in entry["reasons"]
                ],
                item_id=item["pk"],
            )
            for rank, (entry, item) in enumerate(chosen, start=1)
        ],
    )


def is_studied(*, learner_id: int, course_slug: str | None) -> bool:
    """Tell whether there is a published course of this slug in which she is enrolled."""
    courses = list_learner_courses([learner_id])[learner_id]
    return Course.objects.filter(pk__in=courses, slug=course_slug).exists()


def _find_blocked(slate: Slate, *, now: datetime) -> set[int]:
    """Items of a slate that must not be shown any more because of what happened since it was computed."""
    learner, items = slate.learner_id, [entry["item"] for entry in slate.entries]
    blocked = list_hidden(learner_id=learner, now=now)
    offered_again = {entry["item"] for entry in slate.entries if entry["again"]}
    since = min(slate.computed_at, now - REST)
    completed = ItemProgress.objects.filter(
        learner=learner, item__in=items, completed_at__isnull=False
    )
    blocked.update(
        item
        for item, at in completed.values_list("item_id", "completed_at")
        if item not in offered_again or (at is not None and at > since)
    )
    return blocked | list_rules([learner])[learner].banned


def _load_items(
    entries: Sequence[dict[str, Any]], limit: int
) -> Iterator[tuple[Sequence[dict[str, Any]], dict[int, dict[str, Any]]]]:
    """Yield parts of the entries with the items that they are and that their reasons name; mostly one part is enough."""
    size = limit + 20
    for start in range(0, len(entries), size):
        part = entries[start : start + size]
        named, _concepts, _courses = reasons.mentioned(
            reason for entry in part for reason in entry["reasons"]
        )
        rows = (
            Item.objects.filter(pk__in=named.union(entry["item"] for entry in part))
            .order_by()
            .values(*_ITEM_FIELDS)
        )
        yield part, {row["pk"]: row for row in rows}


def _make_titles(
    chosen: Sequence[tuple[dict[str, Any], dict[str, Any]]], items: dict[int, dict[str, Any]]
) -> reasons.Titles:
    _items, concepts, courses = reasons.mentioned(
        reason for entry, _item in chosen for reason in entry["reasons"]
    )
    known = {
        item["course_id"]: (item["course__slug"], item["course__title"]) for item in items.values()
    }
    return reasons.Titles(
        items={pk: (item["slug"], item["title"]) for pk, item in items.items()},
        concepts=_load_titles(Concept, concepts),
        courses=known | _load_titles(Course, courses - set(known)),
    )


def _load_titles(model: Any, keys: set[int]) -> dict[int, tuple[str, str]]:
    if not keys:
        return {}
    rows = model.objects.filter(pk__in=keys).order_by().values_list("pk", "slug", "title")
    return {pk: (slug, title) for pk, slug, title in rows}
