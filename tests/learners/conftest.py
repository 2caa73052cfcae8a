"""A small course that Alice studies in Bob's group, and one that she does not."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from content.models import Concept, Course, Item, Question
from learners.models import Group
from learners.services.groups import add_course, add_learner, create_group


def make_item(course: Course, slug: str, kind: str = "lesson", *concepts: Concept) -> Item:
    item = Item.objects.create(
        course=course, slug=slug, title=slug.title(), kind=kind, position=course.items.count()
    )
    item.concepts.set(concepts)
    if kind == "exercise":
        Question.objects.create(
            item=item,
            answer_type="choice",
            key={
                "options": [
                    {"text": "four", "correct": True},
                    {"text": "five", "feedback": "Count again."},
                ]
            },
            hints=["Use your fingers."],
            explanation="Two and two are *four*.",
        )
    return item


@pytest.fixture
def adding(db: None) -> Concept:
    return Concept.objects.create(slug="adding", title="Adding")


@pytest.fixture
def course(adding: Concept) -> Course:
    """Two lessons and two exercises on adding."""
    course = Course.objects.create(slug="numbers", title="Numbers")
    make_item(course, "counting", "lesson", adding)
    make_item(course, "two-and-two", "exercise", adding)
    make_item(course, "reading-on", "reading")
    make_item(course, "three-and-three", "exercise", adding)
    return course


@pytest.fixture
def secret_course(db: None) -> Course:
    """A published course in which nobody is enrolled."""
    course = Course.objects.create(slug="secrets", title="Secrets")
    make_item(course, "first-secret", "exercise", Concept.objects.create(slug="s", title="S"))
    return course


@pytest.fixture
def group(bob: Any, alice: Any, course: Course) -> Group:
    """Bob's group, in which Alice studies the course."""
    group = create_group(teacher=bob, name="Class 7b")
    add_learner(group=group, learner=alice)
    add_course(group=group, course=course)
    return group


@pytest.fixture
def event() -> Callable[..., dict[str, Any]]:
    """Make an event as a client sends it: `event("viewed", item="counting")`."""

    def make(verb: str = "viewed", *, item: str = "counting", **fields: Any) -> dict[str, Any]:
        return {
            "id": str(uuid.uuid4()),
            "verb": verb,
            "item": item,
            "occurred_at": datetime.now(UTC).isoformat(),
            **fields,
        }

    return make


@pytest.fixture
def dirt() -> Callable[[Any], int]:
    """How often a learner has been marked dirty."""
    from learners.models import LearnerState

    def read(person: Any) -> int:
        return sum(LearnerState.objects.filter(learner=person).values_list("dirty_seq", flat=True))

    return read


@pytest.fixture
def elsewhere() -> Iterator[Callable[..., "Future[Any]"]]:
    """Call a function on another connection."""
    with ThreadPoolExecutor(max_workers=8) as pool:

        def run(function: Callable[..., Any], *args: Any, **kwargs: Any) -> "Future[Any]":
            def call() -> Any:
                try:
                    return function(*args, **kwargs)
                finally:
                    connection.close()

            return pool.submit(call)

        yield run
