"""Algebra in three steps, each built on the one before: letters, equations, graphs."""

from itertools import pairwise
from types import SimpleNamespace

from content.models import Concept, Course, Item, Prerequisite, Question

STEPS = ("letters", "equations", "graphs")


def make_course() -> SimpleNamespace:
    """A lesson and two exercises (whose answer is 4) for each step.

    `course`, `items["letters-lesson"]`, `items["letters-one"]`, `items["letters-two"]`, …, `concepts["letters"]`, ….
    """
    course = Course.objects.create(slug="algebra", title="Algebra")
    concepts = {name: Concept.objects.create(slug=name, title=name.capitalize()) for name in STEPS}
    for before, after in pairwise(STEPS):
        Prerequisite.objects.create(concept=concepts[after], prerequisite=concepts[before])
    items = {}
    for name in STEPS:
        for part, kind in (("lesson", "lesson"), ("one", "exercise"), ("two", "exercise")):
            slug = f"{name}-{part}"
            items[slug] = _make_item(course, slug, kind, concepts[name])
    return SimpleNamespace(course=course, concepts=concepts, items=items)


def _make_item(course: Course, slug: str, kind: str, concept: Concept) -> Item:
    item = Item.objects.create(
        course=course,
        slug=slug,
        title=slug.replace("-", " ").capitalize(),
        kind=kind,
        position=course.items.count(),
    )
    item.concepts.add(concept)
    if kind == "exercise":
        Question.objects.create(
            item=item,
            answer_type="number",
            key={"value": 4, "tolerance": 0},
            hints=["Use your fingers."],
            explanation="It is four.",
        )
    return item
