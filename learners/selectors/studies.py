"""What a learner studies: courses she is enrolled in, and their items."""

from collections.abc import Collection, Iterable

from django.db.models import QuerySet

from content.models import Course, Item
from learners.models import Enrolment


def list_learner_courses(learner_ids: Collection[int]) -> dict[int, set[int]]:
    """Return the ids of the published courses that each learner is enrolled in; every learner has an entry."""
    courses: dict[int, set[int]] = {learner: set() for learner in learner_ids}
    rows = (
        Enrolment.objects.in_published()
        .filter(learner__in=list(courses))
        .values_list("learner_id", "course_id")
    )
    for learner, course in rows:
        courses[learner].add(course)
    return courses


def find_studied_items(*, learner_id: int, slugs: Iterable[str]) -> dict[str, int]:
    """Return slug → id of those items in courses that she is enrolled in, in one query.

    Unpublished ones are included: what she did before an item was taken back may arrive after it.
    """
    # EXISTS, because a learner may be in one course through several groups.
    enrolled = Enrolment.objects.filter(learner=learner_id).values("course")
    return dict(
        Item.objects.filter(slug__in=set(slugs), course__in=enrolled).values_list("slug", "pk")
    )


def get_studied_item(*, learner_id: int, slug: str) -> Item:
    """Return a published item of a published course that she is enrolled in. Raises Item.DoesNotExist."""
    enrolled = Enrolment.objects.filter(learner=learner_id).values("course")
    return Item.objects.get(slug=slug, published=True, course__published=True, course__in=enrolled)


def list_offered_courses() -> QuerySet[Course]:
    """Return the courses that a teacher may add to a group: the published ones."""
    return Course.objects.filter(published=True)
