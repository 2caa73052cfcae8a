"""What learners have mastered: one learner's concepts with their history, and a whole group's in one query."""

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import F

from content.models import Concept, Item
from learners.mastery import MASTERED, find_level
from learners.models import ConceptMastery, Group, MasteryDay, MemoryCard
from learners.models.people import join_names
from learners.selectors.memory_fits import read_fits

_GROUP = """
WITH taught AS (
    SELECT DISTINCT link.concept_id
      FROM content_item_concepts AS link
      JOIN content_item AS item ON item.id = link.item_id
      JOIN learners_group_courses AS studied ON studied.course_id = item.course_id
     WHERE studied.group_id = %(group)s AND item.published AND item.kind = ANY(%(gradable)s)),
known AS (
    SELECT mastery.*, person.username, person.first_name, person.last_name
      FROM learners_membership AS membership
      JOIN learners_user AS person ON person.id = membership.learner_id
      JOIN learners_conceptmastery AS mastery ON mastery.learner_id = membership.learner_id
     WHERE membership.group_id = %(group)s)
SELECT concept.id, concept.slug, concept.title,
       COUNT(*) FILTER (WHERE known.low >= %(least)s),
       COUNT(*) FILTER (WHERE known.low < %(least)s AND known.high >= %(least)s),
       COUNT(*) FILTER (WHERE known.high < %(least)s),
       (SELECT COUNT(*) FROM learners_membership WHERE group_id = %(group)s) - COUNT(known.id),
       COALESCE(jsonb_agg(jsonb_build_array(known.learner_id, known.username, known.first_name, known.last_name,
                                            known.mean, known.low, known.high, known.answers)
                          ORDER BY known.mean, known.username)
                FILTER (WHERE known.high < %(least)s), '[]')
  FROM taught
  JOIN content_concept AS concept ON concept.id = taught.concept_id
  LEFT JOIN known ON known.concept_id = concept.id
 GROUP BY concept.id
 ORDER BY 6 DESC, 5 DESC, concept.title, concept.id
"""


class DayRow(NamedTuple):
    """An estimate as it was at the end of a day."""

    day: date
    mean: float
    low: float
    high: float


def list_mastery(
    *, learner_id: int, course_ids: Collection[int], now: datetime
) -> list[dict[str, Any]]:
    """Return how well a learner knows the concepts of these courses that she has answered on; three queries.

    Weakest first, as `id, slug, title, mean, low, high, level, answers, retrievability, updated_at`: probabilities of a right
    answer, and `retrievability` the mean of what is left, by memory, of the concept's exercises in these courses, None where
    she has answered none of them.
    """
    taught = Concept.objects.filter(items__course__in=course_ids, items__published=True)
    rows = (
        ConceptMastery.objects.filter(learner=learner_id, concept__in=taught)
        .select_related("concept")
        .order_by("mean", "concept__title", "pk")
    )
    left = _recall_by_concept(learner_id, course_ids, now)
    return [
        {
            "id": row.concept_id,
            "slug": row.concept.slug,
            "title": row.concept.title,
            "mean": row.mean,
            "low": row.low,
            "high": row.high,
            "level": find_level(low=row.low, high=row.high),
            "answers": row.answers,
            "retrievability": left.get(row.concept_id),
            "updated_at": row.updated_at,
        }
        for row in rows
    ]


def read_mastery_days(
    *, learner_id: int, concept_ids: Collection[int]
) -> dict[int, Sequence[DayRow]]:
    """Return how these concepts went, oldest first, by concept: a row for each day on which an estimate changed."""
    days: dict[int, list[DayRow]] = defaultdict(list)
    rows = MasteryDay.objects.filter(learner=learner_id, concept__in=concept_ids)
    for concept, *row in rows.order_by("day").values_list("concept_id", *DayRow._fields):
        days[concept].append(DayRow(*row))
    return dict(days)


def overview_mastery(group: Group) -> list[dict[str, Any]]:
    """Return what a group has mastered of the concepts that its courses ask about; one query, whatever its size.

    Most learners who haven't first, as `id, slug, title, mastered, unsure, not_yet, unknown` (numbers of learners; unknown
    are those who have answered nothing on it) and `learners`, those who have not mastered it for sure, weakest first:
    `id, username, name, mean, low, high, answers`.
    """
    values: dict[str, Any] = {
        "group": group.pk,
        "least": MASTERED,
        "gradable": sorted(Item.GRADABLE),
    }
    with connection.cursor() as cursor:
        cursor.execute(_GROUP, values)
        rows = cursor.fetchall()
    return [
        {
            **dict(zip(_COUNTED, counted, strict=True)),
            "learners": [_describe(*learner) for learner in json.loads(learners)],
        }
        for *counted, learners in rows
    ]


_COUNTED = ("id", "slug", "title", "mastered", "unsure", "not_yet", "unknown")


def _describe(  # noqa: PLR0917 - the columns of the query
    pk: int,
    username: str,
    first: str,
    last: str,
    mean: float,
    low: float,
    high: float,
    answers: int,
) -> dict[str, Any]:
    return {
        "id": pk,
        "username": username,
        "name": join_names(first, last) or username,
        "mean": mean,
        "low": low,
        "high": high,
        "answers": answers,
    }


def _recall_by_concept(
    learner_id: int, course_ids: Collection[int], now: datetime
) -> dict[int, float]:
    cards = MemoryCard.objects.filter(
        learner=learner_id, item__course__in=course_ids, item__concepts__isnull=False
    )
    fit = read_fits([learner_id])[learner_id]
    left: dict[int, list[float]] = defaultdict(list)
    for card in cards.annotate(concept=F("item__concepts")):
        left[card.concept].append(card.as_memory(fit).recall(now))
    return {concept: round(sum(each) / len(each), 4) for concept, each in left.items()}
