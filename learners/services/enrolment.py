"""Who studies which course. A learner is in a course by herself or through groups, and leaves when the last is gone."""

from collections.abc import Collection, Iterable

from django.db import transaction

from content.models import Course
from learners.models import Enrolment, Group, LearnerState
from learners.services.freshness import mark_dirty


@transaction.atomic
def enrol_learners(
    *, learner_ids: Iterable[int], courses: Iterable[Course], group: Group | None = None
) -> int:
    """Enrol each learner in each course, through `group` or by herself. Returns how many enrolments are new."""
    ids = sorted(set(learner_ids))
    before = Enrolment.objects.filter(group=group).count() if ids else 0
    Enrolment.objects.bulk_create(
        [
            Enrolment(learner_id=learner, course=course, group=group)
            for learner in ids
            for course in courses
        ],
        ignore_conflicts=True,
        batch_size=2_000,
    )
    created = Enrolment.objects.filter(group=group).count() - before if ids else 0
    if created:
        mark_dirty(learner_ids=ids)
    return created


def mark_students(course_ids: Collection[int]) -> None:
    """Mark whoever studies one of these courses, whose content has changed, in the transaction that changes it.

    Who has never had a list gets her first when she asks, from what there is then: the learners of a data set stay
    unmarked.
    """
    students = LearnerState.objects.filter(
        dirty_seq__gt=0, learner__enrolments__course__in=course_ids
    )
    mark_dirty(learner_ids=students.values_list("learner", flat=True))


@transaction.atomic
def withdraw_learners(
    *,
    learner_ids: Iterable[int],
    courses: Iterable[Course] | None = None,
    group: Group | None = None,
) -> int:
    """End enrolments made through `group` (or by the learner herself): in these courses, or in all of its courses.

    Enrolments through other groups stay, and so do the learner's events. Returns how many ended.
    """
    ids = sorted(set(learner_ids))
    enrolments = Enrolment.objects.filter(learner__in=ids, group=group)
    if courses is not None:
        enrolments = enrolments.filter(course__in=list(courses))
    ended, _ = enrolments.delete()
    if ended:
        mark_dirty(learner_ids=ids)
    return ended
