"""What the Next page shows: the newest slate as cards, how much is due, and the courses to narrow it by."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.utils import timezone

from content.models import Course, Item
from learners.models import User
from learners.selectors import list_learner_courses
from recommender.selectors.placement import find_offer
from recommender.selectors.recommendations import RecommendedItem
from recommender.selectors.reviews import list_due_reviews
from recommender.services.recommendations import get_recommendations

CARDS: Final = 8
WHOLE_SLATE: Final = 100


@dataclass(frozen=True)
class Card:
    """One recommendation as it is shown; `position` is its rank on this page, `reasons` those that have room."""

    position: int
    recommendation: RecommendedItem
    course_title: str
    minutes: float
    reasons: list[dict[str, Any]]


@dataclass(frozen=True)
class NextPage:
    """Everything that `web/next.html` needs."""

    slate: UUID
    model_version: int | None
    computed_at: datetime
    stale: bool
    cards: list[Card]
    to_review: int
    assigned: int
    courses: list[Course]
    course: Course | None
    placement: Course | None = None
    """The course in which to offer her one."""


def read_next_page(*, learner: User, course_slug: str = "") -> NextPage | None:
    """Return the page of a learner, or None when she is enrolled in nothing (yet).

    An unknown course, or one that she isn't enrolled in, is ignored.
    """
    ids = list_learner_courses([learner.pk])[learner.pk]
    courses = list(Course.objects.filter(pk__in=ids).order_by("title"))
    if not courses:
        return None
    course = next((each for each in courses if each.slug == course_slug), None)
    found = get_recommendations(
        learner_id=learner.pk,
        course_slug=course.slug if course else None,
        limit=WHOLE_SLATE,
    )
    codes = [{reason["code"] for reason in item.reasons} for item in found.items]
    return NextPage(
        slate=found.slate,
        model_version=found.model_version,
        computed_at=found.computed_at,
        stale=found.stale,
        cards=_make_cards(found.items[:CARDS], courses),
        to_review=len(
            list_due_reviews(
                learner_id=learner.pk,
                now=timezone.now(),
                course_slug=course.slug if course else None,
            )
        ),
        assigned=sum(bool(each & {"assigned", "pinned"}) for each in codes),
        courses=courses,
        course=course,
        placement=find_offer(
            learner_id=learner.pk, courses=[course] if course else courses, now=timezone.now()
        ),
    )


def _make_cards(recommended: list[RecommendedItem], courses: list[Course]) -> list[Card]:
    titles = {course.slug: course.title for course in courses}
    minutes = dict(
        Item.objects.filter(slug__in=[item.slug for item in recommended]).values_list(
            "slug", "minutes"
        )
    )
    seen: set[str] = set()
    return [
        Card(
            position,
            item,
            titles.get(item.course, ""),
            minutes.get(item.slug, 5.0),
            _choose_reasons(item, seen, most=3 if position == 1 else 1),
        )
        for position, item in enumerate(recommended, start=1)
    ]


def _choose_reasons(item: RecommendedItem, seen: set[str], *, most: int) -> list[dict[str, Any]]:
    """The first reasons, but where only one is shown, rather one whose evidence no card above has named.

    The likelihood of a right answer has a bar of its own, so it counts as a reason only where it is the only one.
    """
    others = [each for each in item.reasons if each["code"] != "success"] or item.reasons
    chosen = others[:most]
    if most == 1:
        chosen = [each for each in others if not _grounds(each) <= seen][:1] or chosen
    for each in chosen:
        seen |= _grounds(each)
    return chosen


def _grounds(reason: dict[str, Any]) -> set[str]:
    """The items and concepts that a reason rests on; its sentence where it names none."""
    named = {f"{each['item']}/{each['concept']}" for each in reason["evidence"]}
    return named or {reason["text"]}
