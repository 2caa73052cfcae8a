"""How far a learner has come: items done by course, answers by concept, what she did lately."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Count, F, Q, QuerySet, Sum

from content.models import Course
from learners.models import Event, ItemProgress

# A concept is a struggle where fewer than half of her latest answers on it were right. Five answers forget a bad
# start after a few right ones, three are the least that tell a pattern from a slip, and what is older than three
# months says little of today.
_LATEST, _LEAST, _DAYS = 5, 3, 90


def sql_of_struggles(learners: str) -> str:
    """Return the query of what `list_struggles` finds for `learners`, an SQL array; it takes `%(courses)s`.

    Columns: `actor_id, id, slug, title, answers, "right"`.
    """
    return f"""
    SELECT actor_id, concept.id, concept.slug, concept.title,
           COUNT(*) AS answers, COUNT(*) FILTER (WHERE success) AS "right"
      FROM (
        SELECT event.actor_id, taught.concept_id, event.success,
               row_number() OVER (PARTITION BY event.actor_id, taught.concept_id
                                  ORDER BY event.occurred_at DESC, event.id DESC) AS nth
          FROM learners_event AS event
          JOIN content_item AS item ON item.id = event.item_id
          JOIN content_item_concepts AS taught ON taught.item_id = item.id
         WHERE event.actor_id = ANY({learners}) AND item.course_id = ANY(%(courses)s)
           AND event.verb = 'answered' AND event.graded
           AND event.occurred_at > now() - interval '{_DAYS} days') AS answer
      JOIN content_concept AS concept ON concept.id = answer.concept_id
     WHERE nth <= {_LATEST}
     GROUP BY actor_id, concept.id
    HAVING COUNT(*) >= {_LEAST} AND 2 * COUNT(*) FILTER (WHERE success) < COUNT(*)
    """  # noqa: S608  callers give SQL of their own, never what somebody typed


class ProgressRow(NamedTuple):
    """What a learner's events on one item add up to."""

    learner_id: int
    item_id: int
    first_at: datetime
    last_at: datetime
    completed_at: datetime | None
    attempts: int
    right: int
    last_right: bool | None
    wrong_streak: int
    seconds: float  # of attention, in all


class Struggle(NamedTuple):
    """A concept that a learner fails at: the latest answers on it and how many of them were right."""

    id: int
    slug: str
    title: str
    answers: int
    right: int


def read_progress(learner_ids: Collection[int]) -> list[ProgressRow]:
    """Return the progress of these learners on every item they met, sorted by learner and item."""
    rows = (
        ItemProgress.objects.filter(learner__in=list(learner_ids))
        .order_by("learner_id", "item_id")
        .values_list(*ProgressRow._fields)
    )
    return [ProgressRow(*row) for row in rows]


def list_struggles(
    *, learner_ids: Collection[int], course_ids: Collection[int]
) -> dict[int, list[Struggle]]:
    """Return, for each learner, the concepts of these courses that she fails at, worst first.

    That is: of her latest five graded answers of the last 90 days on items that teach it there are at least three,
    and fewer than half were right.
    """
    struggles: dict[int, list[Struggle]] = {learner: [] for learner in learner_ids}
    query = sql_of_struggles("%(learners)s")
    with connection.cursor() as cursor:
        cursor.execute(
            f"{query} ORDER BY actor_id, COUNT(*) FILTER (WHERE success)::float / COUNT(*), title",
            {"learners": list(struggles), "courses": list(course_ids)},
        )
        for learner, *concept in cursor.fetchall():
            struggles[learner].append(Struggle(*concept))
    return struggles


def summarise_progress(*, learner_id: int, course_ids: Collection[int]) -> dict[str, Any]:
    """Return `{"courses", "concepts", "struggling"}` of one learner over these courses, in four queries.

    courses: `id, slug, title, done, total, seconds`, counting published items; concepts that she has answered on:
    `id, slug, title, right, attempts`; struggling: as `list_struggles`.
    """
    courses = (
        Course.objects.filter(pk__in=course_ids)
        .annotate(total=Count("items", filter=Q(items__published=True)))
        .order_by("title", "pk")
        .values("id", "slug", "title", "total")
    )
    # From her own rows: joined to the courses, those of everybody who studies them would be read.
    mine = (
        ItemProgress.objects.filter(
            learner=learner_id, item__course__in=course_ids, item__published=True
        )
        .values("item__course")
        .annotate(done=Count("completed_at"), seconds=Sum("seconds"))
    )
    work: dict[int, dict[str, Any]] = {
        course: {"done": done, "seconds": round(seconds, 1)}
        for course, done, seconds in mine.values_list("item__course", "done", "seconds")
    }
    concept = ("item__concepts", "item__concepts__slug", "item__concepts__title")
    answered = (
        ItemProgress.objects.filter(
            learner=learner_id,
            item__course__in=course_ids,
            item__concepts__isnull=False,
            attempts__gt=0,
        )
        .values(*concept)
        .annotate(right=Sum("right"), attempts=Sum("attempts"))
        .order_by("item__concepts__title", "item__concepts")
        .values_list(*concept, "right", "attempts")
    )
    struggles = list_struggles(learner_ids=[learner_id], course_ids=course_ids)
    return {
        "courses": [
            {**course, **work.get(course["id"], {"done": 0, "seconds": 0.0})} for course in courses
        ],
        "concepts": [
            dict(zip(("id", "slug", "title", "right", "attempts"), row, strict=True))
            for row in answered
        ],
        "struggling": [struggle._asdict() for struggle in struggles[learner_id]],
    }


def read_activity(
    *, learner_id: int, course_ids: Collection[int], limit: int = 20
) -> QuerySet[Event, Any]:
    """Return her newest events in these courses but impressions: `id, verb, occurred_at, success, item, title`.

    `success` is the server's own grading, null where a client merely claims it.
    """
    return (
        Event.objects.filter(actor=learner_id, item__course__in=course_ids)
        .exclude(verb=Event.Verb.SHOWN)
        .order_by("-occurred_at", "-pk")
        .values(
            "id",
            "verb",
            "occurred_at",
            "success",
            "graded",
            slug=F("item__slug"),
            title=F("item__title"),
        )
    )[:limit]
