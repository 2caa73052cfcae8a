"""What a learner should go over again now, by her memory of it; without numpy or torch."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef

from content.models import Item
from learners.memory import Fit
from learners.models import ItemProgress, MemoryCard
from learners.selectors import list_learner_courses, list_rules, read_fits
from recommender.selectors.ledger import list_hidden
from recommender.selectors.recommendations import REST


@dataclass(frozen=True)
class DueReview:
    """One exercise that is due again; `retrievability` is the probability that she still knows it, now."""

    slug: str
    title: str
    kind: str
    minutes: float
    course: str
    course_title: str
    retrievability: float
    due_at: datetime


def list_due_reviews(
    *, learner_id: int, now: datetime, course_slug: str | None = None
) -> list[DueReview]:
    """Return the exercises due again at `now`, the least remembered first, of one course or of all; five queries.

    As slates have it: what she got right once, more than a day ago, in courses that she is enrolled in, and neither knows
    for good, has put off nor was banned from by a teacher. What she has answered since her memory was last worked out is
    left out: a session goes on without waiting for the refresh.
    """
    answered = ItemProgress.objects.filter(
        learner=OuterRef("learner"), item=OuterRef("item"), attempts=OuterRef("attempts")
    )
    cards = MemoryCard.objects.filter(
        Exists(answered.filter(completed_at__lte=now - REST)),
        learner=learner_id,
        due_at__lte=now,
        item__published=True,
        item__kind__in=Item.GRADABLE,
        item__course__in=list_learner_courses([learner_id])[learner_id],
    )
    if course_slug is not None:
        cards = cards.filter(item__course__slug=course_slug)
    left_out = (
        list_hidden(learner_id=learner_id, now=now) | list_rules([learner_id])[learner_id].banned
    )
    fit = read_fits([learner_id])[learner_id]
    due = [
        _describe(card, fit, now)
        for card in cards.select_related("item__course")
        if card.item_id not in left_out
    ]
    return sorted(due, key=lambda each: (each.retrievability, each.due_at, each.slug))


def _describe(card: MemoryCard, fit: Fit, now: datetime) -> DueReview:
    item = card.item
    return DueReview(
        slug=item.slug,
        title=item.title,
        kind=item.kind,
        minutes=item.minutes,
        course=item.course.slug,
        course_title=item.course.title,
        retrievability=card.as_memory(fit).recall(now),
        due_at=card.due_at,
    )
