"""What may stand in the files of a Markdown course folder (docs/content-format.md)."""

from typing import Annotated, Any, Literal

from django.utils.translation import gettext as _
from pydantic import AfterValidator, Field, StringConstraints

from content.validation import Strict, Text, Words, custom_error

Slug = Annotated[str, StringConstraints(pattern=r"^[-a-zA-Z0-9_]+$", min_length=1, max_length=100)]
Title = Annotated[Words, StringConstraints(max_length=200)]
Name = Annotated[str, StringConstraints(max_length=100)]


def _inside(path: str) -> str:
    parts = path.split("/")
    if path.startswith("/") or "\\" in path or ".." in parts or ":" in parts[0]:
        raise custom_error("outside", _("must be a path inside the media folder"))
    return path


class CourseFile(Strict):
    slug: Slug
    title: Title
    language: Annotated[str, StringConstraints(pattern=r"^[-a-zA-Z0-9_]+$", max_length=12)] = "en"
    summary: Text = ""
    description: Text = ""
    subject: Annotated[Text, StringConstraints(max_length=100)] = ""
    audience: Annotated[Text, StringConstraints(max_length=200)] = ""
    licence: Annotated[Text, StringConstraints(max_length=60)] = ""
    authors: list[Words] = []
    translation_of: Slug | None = None
    published: bool = True


class ConceptEntry(Strict):
    slug: Slug
    title: Title
    description: Text = ""
    prerequisites: list[Slug] = []


class SectionFile(Strict):
    slug: Slug | None = None
    title: Title
    summary: Text = ""


class QuizQuestion(Strict):
    prompt: Annotated[Text, StringConstraints(min_length=1)]
    answer: dict[str, Any]
    hints: list[Words] = []
    explanation: Text = ""


class ItemFront(Strict):
    """The front matter of an item; which of the last five belong to which kind is checked by the reader."""

    slug: Slug
    title: Title
    kind: Literal["lesson", "exercise", "quiz", "video", "reading"]
    concepts: Annotated[list[Slug], Field(min_length=1)]
    minutes: Annotated[float, Field(gt=0, le=600)] = 5.0
    difficulty: Annotated[float, Field(ge=0, le=1)] = 0.5
    published: bool = True
    answer: dict[str, Any] | None = None
    hints: list[Words] | None = None
    explanation: Text | None = None
    questions: Annotated[list[QuizQuestion], Field(min_length=1, max_length=50)] | None = None
    file: Annotated[Text, StringConstraints(max_length=300), AfterValidator(_inside)] = ""
