"""Questions of items, with keys that can be graded by."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from django.db import transaction
from django.utils.translation import gettext as _
from pydantic import Field, ValidationError

from content.keys import InvalidKey, validate_key
from content.models import Item, Question
from content.validation import Path, Strict, Text, Words, describe_errors, dotted

FIELDS = ("prompt", "answer_type", "key", "hints", "explanation")
MAX_QUESTIONS = 50


class InvalidQuestions(ValueError):
    """Questions that cannot be stored; `.errors` holds (path, message), a path beginning with an index."""

    def __init__(self, errors: list[tuple[Path, str]]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{dotted(path)} {message}" for path, message in errors))


class QuestionData(Strict):
    """One question as it is written by an author, before its key is looked at."""

    prompt: Text = ""
    answer_type: Literal["choice", "choices", "number", "text"]
    key: dict[str, Any]
    hints: Annotated[list[Words], Field(max_length=20)] = []
    explanation: Text = ""


def clean_questions(kind: str, questions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the questions as they are stored. Raises InvalidQuestions naming every flaw.

    An exercise has one question, a quiz one or more, each with a prompt; other kinds have none.
    """
    cleaned: list[dict[str, Any]] = []
    errors = _count_errors(kind, len(questions))
    for index, question in enumerate(questions):
        try:
            data = QuestionData.model_validate(dict(question)).model_dump()
            data["key"] = validate_key(data["answer_type"], data["key"])
        except ValidationError as error:
            errors += [((index, *path), text) for path, text in describe_errors(error.errors())]
            continue
        except InvalidKey as error:
            errors += [((index, "key", *path), text) for path, text in error.errors]
            continue
        if kind == Item.Kind.QUIZ and not data["prompt"].strip():
            errors.append(((index, "prompt"), _("is empty")))
        cleaned.append(data)
    if errors:
        raise InvalidQuestions(errors)
    return cleaned


def set_questions(*, item: Item, questions: Sequence[Mapping[str, Any]]) -> bool:
    """Make `questions` those of `item` in this order, and tell whether that changed anything.

    Questions keep their row by position. Raises InvalidQuestions and changes nothing then. The caller
    sees to the item's text hash.
    """
    cleaned = clean_questions(item.kind, questions)
    present = {question.position: question for question in item.questions.all()}
    changed = len(present) > len(cleaned)
    with transaction.atomic():
        for position, data in enumerate(cleaned):
            question = present.get(position)
            if question is not None and all(
                getattr(question, name) == data[name] for name in FIELDS
            ):
                continue
            changed = True
            Question.objects.update_or_create(item=item, position=position, defaults=data)
        if len(present) > len(cleaned):
            item.questions.filter(position__gte=len(cleaned)).delete()
    return changed


def _count_errors(kind: str, count: int) -> list[tuple[Path, str]]:
    if kind not in Item.GRADABLE:
        return [((), _("are only for exercises and quizzes"))] if count else []
    if not count:
        return [((), _("are missing: an exercise has one, a quiz one or more"))]
    if kind == Item.Kind.EXERCISE and count > 1:
        return [((), _("are several: an exercise has one; make it a quiz"))]
    if count > MAX_QUESTIONS:
        return [((), _("may be at most %s") % MAX_QUESTIONS)]
    return []
