"""Where a newcomer stands in a course, from her first answers, and which exercise would tell most about it."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

import numpy as np
from django.core.cache import cache
from django.db.models import Count, Exists, F, Max, OuterRef, Q, Sum
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

T = TypeVar("T")


@dataclass(frozen=True)
class Placement:
    """How far a learner's placement in a course is; `item` is what to ask next, None once there is nothing to ask."""

    course: Course
    known: Estimate
    item: Item | None

    @property
    def finished(self) -> bool:
        return self.item is None


def find_offer(*, learner_id: int, courses: Sequence[Course], now: datetime) -> Course | None:
    """Return the first of these courses in which she has answered little and whose placement has something to ask.

    Little is fewer than MOST exercises, and not all there are. One query for who has answered MOST in each course, two
    for who has answered all where there are fewer, six else. The catalogue isn't read but for an hourly look at where a
    course's exercises lie, by which to tell whether a placement that was begun is at its end.
    """
    given = ItemProgress.objects.filter(learner=learner_id, attempts__gt=0)
    asking = Item.objects.filter(published=True, kind__in=Item.GRADABLE)
    told = given.filter(
        item__course__in=courses, item__published=True, item__kind__in=Item.GRADABLE
    )
    answered = dict(
        told.values("item__course").annotate(n=Count("pk")).values_list("item__course", "n")
    )
    few = [course for course in courses if answered.get(course.pk, 0) < MOST]
    if not few:
        return None
    sizes = asking.filter(course__in=few).values("course").annotate(n=Count("pk"), last=Max("pk"))
    stamps = {row["course"]: (row["n"], row["last"]) for row in sizes if row["n"] >= FEWEST}
    cold = [
        each for each in few if each.pk in stamps and answered.get(each.pk, 0) < stamps[each.pk][0]
    ]
    if not cold:
        return None
    unanswered = asking.filter(course__in=cold).exclude(
        Exists(given.filter(item=OuterRef("pk"))) | Q(pk__in=_list_left_out(learner_id, now))
    )
    open_ = set(unanswered.order_by().values_list("course", flat=True).distinct())
    begun = [each.pk for each in cold if each.pk in open_ and each.pk in answered]
    first = _list_first_answers(learner_id, begun) if begun else {}
    for course in cold:
        if course.pk in open_ and not (
            course.pk in first and _is_placed(course.pk, stamps[course.pk], first[course.pk])
        ):
            return course
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
    rows = _list_asked(course.pk)
    location = _locate(rows)
    given = _list_first_answers(learner_id, [course.pk]).get(course.pk, {})
    first = {item: right for item, right in given.items() if item in location}
    asked = np.array([location[item] for item in first])
    rights = np.array(list(first.values()), dtype=bool)
    known = estimate(asked, rights)
    if known.enough:
        return Placement(course, known, None)
    left_out = _list_left_out(learner_id, now)
    open_ = [
        row for row in rows
        if row.id not in first and row.id not in left_out and row.slug != without
    ]  # fmt: skip
    place = choose_next(asked, rights, np.array([location[row.id] for row in open_]))
    item = None if place is None else Item.objects.get(pk=open_[place].id)
    return Placement(course, known, item)


def _list_left_out(learner_id: int, now: datetime) -> set[int]:
    """What she has put off or knows, and what a teacher banned; two queries."""
    banned = list_rules([learner_id])[learner_id].banned
    return list_hidden(learner_id=learner_id, now=now) | banned


def _list_first_answers(learner_id: int, course_ids: Collection[int]) -> dict[int, dict[int, bool]]:
    """Whether her first graded answer was right, by course and item."""
    rows = (
        Event.objects.filter(actor=learner_id, item__course__in=course_ids)
        .filter(verb=Event.Verb.ANSWERED, graded=True, success__isnull=False)
        .order_by("occurred_at", "pk")
        .values_list("item__course", "item", "success")
    )
    first: dict[int, dict[int, bool]] = defaultdict(dict)
    for course, item, success in rows:
        first[course].setdefault(item, bool(success))
    return first


def _is_placed(course_id: int, stamp: tuple[int, int], first: Mapping[int, bool]) -> bool:
    """Whether these answers tell enough; `stamp` is another one once the course has other exercises."""
    location = _keep(
        f"placement-locations:{course_id}:{stamp[0]}:{stamp[1]}",
        lambda: _locate(_list_asked(course_id)),
    )
    seen = [item for item in first if item in location]
    return estimate(
        np.array([location[item] for item in seen]), np.array([first[item] for item in seen], bool)
    ).enough


def _list_asked(course_id: int) -> list[CatalogueRow]:
    rows = catalogue_rows(course_ids=[course_id])
    return [row for row in rows if row.published and row.kind in Item.GRADABLE]


def _locate(rows: Sequence[CatalogueRow]) -> dict[int, float]:
    """Where these exercises lie, by item: by what they build on, their author's word, and who had them right."""
    concepts = {concept for row in rows for concept in row.concept_ids}
    before = prerequisite_map(concept_ids=concepts)
    depth = find_depths({concept: before.get(concept, set()) for concept in concepts})
    answers = _count_answers(rows[0].course_id) if rows else {}
    placed = place_items(
        np.array([max((depth[one] for one in row.concept_ids), default=0.5) for row in rows]),
        np.array([row.difficulty for row in rows]),
        np.array([answers.get(row.id, (0.0, 0))[0] for row in rows], dtype=np.float64),
        np.array([answers.get(row.id, (0.0, 0))[1] for row in rows], dtype=np.int64),
    )
    return dict(zip((row.id for row in rows), placed.tolist(), strict=True))


def _count_answers(course_id: int) -> dict[int, tuple[float, int]]:
    """How many learners answered each item, and how many of them right; as of an hour ago at most.

    Each counts once, by the share of her answers to it that was right, so that who repeats it weighs no more than others.
    Her first answer alone would have to be looked for among all events of the course.
    """

    def count() -> dict[int, tuple[float, int]]:
        rows = ItemProgress.objects.filter(item__course=course_id, attempts__gt=0).values("item")
        told = rows.annotate(rights=Sum(F("right") * 1.0 / F("attempts")), learners=Count("pk"))
        return {row["item"]: (row["rights"], row["learners"]) for row in told.order_by()}

    return _keep(f"placement-learners:{course_id}", count)


def _keep(key: str, find: Callable[[], T]) -> T:
    """What was found within the last hour, by whoever; found anew where nothing is kept, or the cache is away."""
    try:
        found: T | None = cache.get(key)
    except RedisError:
        return find()
    if found is None:
        found = find()
        with suppress(RedisError):
            cache.set(key, found, KEPT_SECONDS)
    return found
