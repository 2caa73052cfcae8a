"""What learners answers for the apps below it: who may see which content, whom its changes reach, one person's data."""

from typing import Any

from common.access import Person, register_visibility
from common.audience import register_course_listener
from common.privacy import PersonalData, register_personal_data
from django.db.models import Q, QuerySet

from learners import personal_data
from learners.models import User
from learners.services.enrolment import mark_students


def register() -> None:
    """Called once, when the app is ready."""
    register_visibility("content.Course", see_courses)
    register_visibility("content.Section", see_sections)
    register_visibility("content.Item", see_items)
    register_visibility("content.Concept", see_concepts)
    register_course_listener(mark_students)
    # The account goes last: the other apps' rows point to it.
    register_personal_data(
        PersonalData("learners", personal_data.export, personal_data.erase, order=0)
    )


def see_courses(courses: QuerySet[Any], person: Person) -> QuerySet[Any]:
    """Learners: published courses they are enrolled in. Teachers: also their groups'. Authors, operators: all."""
    if not isinstance(person, User):
        return courses.none()
    if person.is_author or person.is_operator:
        return courses
    # IN rather than a join: a learner may be in one course through several groups.
    known = Q(pk__in=person.enrolments.values("course"))
    if person.is_teacher:
        known |= Q(pk__in=person.taught_groups.values("courses"))
    return courses.filter(known, published=True)


def see_sections(sections: QuerySet[Any], person: Person) -> QuerySet[Any]:
    """Those of the courses that the person may see."""
    return _of_courses(sections, person, "course")


def see_items(items: QuerySet[Any], person: Person) -> QuerySet[Any]:
    """Published items of the courses that the person may see; authors and operators: all."""
    seen = _of_courses(items, person, "course")
    return seen if _sees_drafts(person) else seen.filter(published=True)


def see_concepts(concepts: QuerySet[Any], person: Person) -> QuerySet[Any]:
    """What the person's items teach, and the prerequisites of that; authors and operators: all."""
    if _sees_drafts(person):
        return concepts
    from content.models import Concept, Item

    taught = Concept.objects.filter(items__in=see_items(Item.objects.all(), person))
    return concepts.filter(Q(pk__in=taught.values("pk")) | Q(pk__in=taught.values("prerequisites")))


def _sees_drafts(person: Person) -> bool:
    return isinstance(person, User) and (person.is_author or person.is_operator)


def _of_courses(queryset: QuerySet[Any], person: Person, path: str) -> QuerySet[Any]:
    if _sees_drafts(person):
        return queryset
    from content.models import Course

    return queryset.filter(**{f"{path}__in": see_courses(Course.objects.all(), person)})
