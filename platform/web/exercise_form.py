"""An exercise or quiz as a form: what a browser sends becomes a response for grading, and a grade goes back to its question."""

from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from content.grading import Grade, InvalidResponse, public_question
from content.markdown import render
from content.models import Item, Question
from web.views.parameters import read_count


@dataclass
class QuestionOnPage:
    """One question with what the learner gave and got; its fields are named by `index`."""

    index: int
    shown: dict[str, Any]
    right: frozenset[int] = frozenset()
    hints: list[SafeString] = field(default_factory=list)
    given: Any = None
    error: str = ""
    grade: Grade | None = None

    @property
    def has_more_hints(self) -> bool:
        return len(self.hints) < int(self.shown["hint_count"])

    @property
    def next_hint(self) -> int:
        return len(self.hints) + 1

    @property
    def chosen(self) -> list[int]:
        """Indices of the options that she chose."""
        given = self.given if isinstance(self.given, list) else [self.given]
        return [each for each in given if isinstance(each, int)]

    @property
    def chosen_right(self) -> frozenset[int]:
        """Those of her choices that are right; none before she is graded, so that trying out tells nothing."""
        return self.right.intersection(self.chosen) if self.grade else frozenset()

    @property
    def chosen_wrong(self) -> frozenset[int]:
        """Those of her choices that are wrong; none before she is graded."""
        return frozenset(self.chosen) - self.right if self.grade else frozenset()

    @property
    def typed(self) -> str:
        return self.given if isinstance(self.given, str) else ""


def read_questions(item: Item, data: QueryDict) -> list[QuestionOnPage]:
    """Return the item's questions with as many hints as `data` says have been asked for (`hints-0=2`)."""
    return [
        QuestionOnPage(
            index,
            public_question(question),
            right=_right_options(question),
            hints=_read_hints(question, index, data),
        )
        for index, question in enumerate(item.questions.all())
    ]


def read_answers(questions: list[QuestionOnPage], data: QueryDict) -> bool:
    """Put what was sent into each question; False, with an error at its place, where an answer is missing."""
    for question in questions:
        question.given = _read_answer(question, data)
        if question.given in (None, "", []):
            question.error = (
                _("Choose an answer first.")
                if question.shown["options"]
                else _("Write your answer first.")
            )
    return not any(question.error for question in questions)


def make_response(item: Item, questions: list[QuestionOnPage]) -> Any:
    """The response in the shape that grading reads."""
    given = [question.given for question in questions]
    return given[0] if item.kind == Item.Kind.EXERCISE and given else given


def place_grade(questions: list[QuestionOnPage], grade: Grade) -> None:
    """Give each question its own grade."""
    for question, part in zip(questions, grade.parts or (grade,), strict=False):
        question.grade = part


def place_error(questions: list[QuestionOnPage], error: InvalidResponse) -> None:
    """Show what could not be graded at the question that it concerns."""
    _response, _dot, index = error.field.partition(".")
    questions[int(index or 0)].error = error.message


def _read_answer(question: QuestionOnPage, data: QueryDict) -> Any:
    name = f"answer-{question.index}"
    match question.shown["answer_type"]:
        case Question.AnswerType.CHOICE:
            return _read_index(data.get(name, ""))
        case Question.AnswerType.CHOICES:
            indices = [_read_index(value) for value in data.getlist(name)]
            return [index for index in indices if index is not None]
        case _other:
            return data.get(name, "").strip()


def _read_index(value: str) -> int | None:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 4 else None


def _right_options(question: Question) -> frozenset[int]:
    key = question.key if isinstance(question.key, dict) else {}
    options = key.get("options") or []
    return frozenset(index for index, option in enumerate(options) if option.get("correct"))


def _read_hints(question: Question, index: int, data: QueryDict) -> list[SafeString]:
    count = read_count(data.get(f"hints-{index}"), most=len(question.hints))
    return [render(hint) for hint in question.hints[:count]]
