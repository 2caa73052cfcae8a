"""Where a newcomer stands in a course, from her first answers, and which exercise would tell most about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from django.core.cache import cache
from django.db.models import Count, Sum
from redis.exceptions import RedisError

from content.models import Course, Item
from content.selectors import CatalogueRow, catalogue_rows, prerequisite_map
from learners.models import Event, ItemProgress
from learners.selectors import list_learner_courses, list_rules
from recommender.core.placement import (
    MOST,
    Estimate,
    choose_next,
    estimate,
    find_depths,
    place_items,
)
from recommender.selectors.ledger import list_hidden

FEWEST: Final = 4
"""With fewer exercises in a course there is nothing to choose from."""


KEPT_SECONDS: Final = 3600


@dataclass(frozen=True)
class Placement:
    """How far a learner's placement in a course is; `item` is what to ask next, None once there is nothing to ask."""

    course: Course
    known: Estimate
    item: Item | None

    @property
    def finished(self) -> bool:
        return self.item is None


def find_placement(
    *, learner_id: int, courses: Sequence[Course], now: datetime
) -> Placement | None:
    """Return the first placement, in the order of these courses, that has something to ask where she has hardly answered.

    One query for everybody who has begun, ten for who has not.
    """
    ids = [course.pk for course in courses]
    told = ItemProgress.objects.filter(learner=learner_id, attempts__gt=0, item__course__in=ids)
    answered = dict(
        told.values("item__course").annotate(n=Count("pk")).values_list("item__course", "n")
    )
    cold = [course for course in courses if answered.get(course.pk, 0) < MOST]
    if not cold:
        return None
    asking = Item.objects.filter(course__in=cold, published=True, kind__in=Item.GRADABLE)
    counts = dict(asking.values("course").annotate(n=Count("pk")).values_list("course", "n"))
    for course in cold:
        if counts.get(course.pk, 0) >= FEWEST:
            found = read_placement(learner_id=learner_id, course_slug=course.slug, now=now)
            if found is not None and not found.finished:
                return found
    return None


def read_placement(
    *, learner_id: int, course_slug: str, now: datetime, without: str = ""
) -> Placement | None:
    """Return her placement in a course, asking nothing `without` this item; None where she does not study that course.

    It rests on her first graded answer to each exercise of the course, whenever and from wherever she gave it: nothing is
    stored of it. What she has put off or knows, and what a teacher banned, is not asked.
    """
    enrolled = list_learner_courses([learner_id])[learner_id]
    course = Course.objects.filter(pk__in=enrolled, slug=course_slug).first()
    if course is None:
        return None
    rows = [
        row
        for row in catalogue_rows(course_ids=[course.pk])
        if row.published and row.kind in Item.GRADABLE
    ]
    location = dict(zip((row.id for row in rows), _locate(rows).tolist(), strict=True))
    first: dict[int, bool] = {}
    for answered, right in (
        Event.objects.filter(actor=learner_id, item__in=location, verb=Event.Verb.ANSWERED)
        .filter(graded=True, success__isnull=False)
        .order_by("occurred_at", "pk")
        .values_list("item", "success")
    ):
        first.setdefault(answered, bool(right))
    asked = np.array([location[item] for item in first])
    rights = np.array(list(first.values()), dtype=bool)
    known = estimate(asked, rights)
    if known.enough:
        return Placement(course, known, None)
    left_out = (
        list_hidden(learner_id=learner_id, now=now) | list_rules([learner_id])[learner_id].banned
    )
    open_ = [
        row for row in rows
        if row.id not in first and row.id not in left_out and row.slug != without
    ]  # fmt: skip
    place = choose_next(asked, rights, np.array([location[row.id] for row in open_]))
    item = None if place is None else Item.objects.get(pk=open_[place].id)
    return Placement(course, known, item)


def _locate(rows: Sequence[CatalogueRow]) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """[V] where these exercises lie: by what they build on, their author's word, and how often they were right."""
    concepts = {concept for row in rows for concept in row.concept_ids}
    before = prerequisite_map(concept_ids=concepts)
    depth = find_depths({concept: before.get(concept, set()) for concept in concepts})
    answers = _count_answers(rows[0].course_id) if rows else {}
    return place_items(
        np.array([max((depth[one] for one in row.concept_ids), default=0.5) for row in rows]),
        np.array([row.difficulty for row in rows]),
        np.array([answers.get(row.id, (0, 0))[0] for row in rows], dtype=np.int64),
        np.array([answers.get(row.id, (0, 0))[1] for row in rows], dtype=np.int64),
    )


def _count_answers(course_id: int) -> dict[int, tuple[int, int]]:
    """Right answers and answers of everybody, by item; as of an hour ago at most, as many may have answered."""

    def count() -> dict[int, tuple[int, int]]:
        rows = ItemProgress.objects.filter(item__course=course_id, attempts__gt=0).values("item")
        told = rows.annotate(rights=Sum("right"), answers=Sum("attempts")).order_by()
        return {row["item"]: (row["rights"], row["answers"]) for row in told}

    try:
        found = cache.get_or_set(f"placement:{course_id}", count, KEPT_SECONDS)
    except RedisError:
        found = None
    return count() if found is None else dict(found)
