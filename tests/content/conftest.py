"""A small course, in the database and as a folder."""

from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from content_samples import CHOICE, CHOICES, COURSE_FILES, NUMBER, TEXT

from content import services
from content.models import Concept, Course, Item
from learners.models import Enrolment


@pytest.fixture
def course(db: None) -> Course:
    return services.create_course(slug="france", title="France")


@pytest.fixture
def enrolled(alice: Any, course: Course) -> Any:
    """Alice, enrolled in the course."""
    Enrolment.objects.create(learner=alice, course=course)
    return alice


@pytest.fixture
def concept(db: None) -> Concept:
    return services.create_concept(slug="capitals", title="Capitals")


@pytest.fixture
def exercise(course: Course, concept: Concept) -> Item:
    """One choice: the right option is the second."""
    return services.create_item(
        course=course,
        slug="capital",
        title="The capital",
        kind="exercise",
        body="What is the **capital** of France?",
        concepts=[concept],
        questions=[CHOICE],
    )


@pytest.fixture
def quiz(course: Course, concept: Concept) -> Item:
    """Several choices, a number, a text."""
    return services.create_item(
        course=course,
        slug="mixed",
        title="A mixed quiz",
        kind="quiz",
        concepts=[concept],
        questions=[CHOICES, NUMBER, TEXT],
    )


@pytest.fixture
def lesson(course: Course, concept: Concept) -> Item:
    return services.create_item(
        course=course, slug="towns", title="Towns", kind="lesson", body="Read.", concepts=[concept]
    )


@pytest.fixture
def write_course(tmp_path: Path) -> Callable[..., Path]:
    """Write the sample course, with files replaced, added (text or bytes) or left out (None)."""

    def write(
        changes: Mapping[str, str | bytes | None] | None = None, *, folder: str = "france"
    ) -> Path:
        root = tmp_path / "courses" / folder
        for name, content in {**COURSE_FILES, **(changes or {})}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return root

    return write


@pytest.fixture
def run_import(db: None) -> Callable[..., tuple[int, str]]:
    """Run the command; returns its exit status and what it printed."""
    from django.core.management import CommandError, call_command

    def run(path: Path, *options: str, **named: Any) -> tuple[int, str]:
        out = StringIO()
        try:
            call_command("import_content", str(path), *options, stdout=out, no_color=True, **named)
        except CommandError as error:
            return error.returncode, f"{out.getvalue()}{error}\n"
        return 0, out.getvalue()

    return run
