"""The only reader of keys: grades responses, and says what of a question its solver may see.

Shapes of a response: `choice` the index of an option (from 0, in stored order), `choices` a list of
indices, `number` a number or numeric text, `text` a string, a quiz a list of one response a question.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NoReturn

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from content import answers, keys
from content.markdown import render, render_inline
from content.models import Item, Question
from content.text import is_storable

MAX_TEXT_RESPONSE = 1_000


class InvalidResponse(ValueError):
    """A response that cannot be graded; nothing is known of the learner from it.

    `field` is "response", or "response.2" for the third answer of a quiz.
    """

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        self.message = message
        super().__init__(f"{field}: {message}")


@dataclass(frozen=True)
class Grade:
    """The outcome of one response.

    `score` is the share that is right, from 0 to 1; `correct` only where all of it is. `feedback` and
    `explanation` are Markdown as the author wrote it, `…_html` the same rendered. `parts` holds one grade a
    question for a quiz and is empty otherwise.
    """

    correct: bool
    score: float
    feedback: str
    explanation: str
    parts: tuple["Grade", ...] = ()

    @property
    def feedback_html(self) -> SafeString:
        return render(self.feedback)

    @property
    def explanation_html(self) -> SafeString:
        return render(self.explanation)


def grade(item: Item, response: Any) -> Grade:
    """Grade `response` to `item`. Raises InvalidResponse, and nothing else, whatever JSON it is."""
    questions = list(item.questions.all()) if item.is_gradable else []
    if not questions:
        raise InvalidResponse("response", _("This item asks nothing."))
    if item.kind == Item.Kind.EXERCISE:
        return grade_question(questions[0], response)
    if not isinstance(response, list) or len(response) != len(questions):
        raise InvalidResponse(
            "response", _("Give a list of %s answers, one a question.") % len(questions)
        )
    parts = tuple(
        grade_question(question, answer, field=f"response.{index}")
        for index, (question, answer) in enumerate(zip(questions, response, strict=True))
    )
    right = sum(part.correct for part in parts)
    return Grade(
        correct=right == len(parts),
        score=sum(part.score for part in parts) / len(parts),
        feedback=_("%(right)s of %(all)s right.") % {"right": right, "all": len(parts)},
        # Numbered, because a quiz shows them in one place.
        explanation="\n\n".join(
            f"**{number}.** {part.explanation}"
            for number, part in enumerate(parts, start=1)
            if part.explanation
        ),
        parts=parts,
    )


def grade_question(question: Question, response: Any, *, field: str = "response") -> Grade:
    """Grade the response to one question. Raises InvalidResponse, its field being `field`."""
    try:
        key = keys.parse_key(question.answer_type, question.key)
    except keys.InvalidKey as error:
        raise InvalidResponse(field, _("This question cannot be graded yet.")) from error
    match key:
        case keys.ChoicesKey():
            score, said = _grade_choices(key.options, response, field)
        case keys.ChoiceKey():
            score, said = _grade_choice(key.options, response, field)
        case keys.NumberKey():
            score, said = _grade_number(key, response, field)
        case keys.TextKey():
            score, said = _grade_text(key, response, field)
        case _:
            raise TypeError(key)
    correct = score == 1
    return Grade(correct, score, said or _general_feedback(correct), question.explanation)


def public_question(question: Question) -> dict[str, Any]:
    """Return what a solver may see of a question, with nothing of its key but what she chooses from.

    `{"position", "prompt", "prompt_html", "answer_type", "unit", "options": [{"index", "text", "html"}],
    "hint_count"}`; options in stored order, their index being the response.
    """
    key = question.key if isinstance(question.key, dict) else {}
    options = key.get("options") if question.answer_type in {"choice", "choices"} else None
    return {
        "position": question.position,
        "prompt": question.prompt,
        "prompt_html": render(question.prompt),
        "answer_type": question.answer_type,
        "unit": str(key.get("unit", "")) if question.answer_type == "number" else "",
        "options": [
            {"index": index, "text": option["text"], "html": render_inline(option["text"])}
            for index, option in enumerate(options or [])
        ],
        "hint_count": len(question.hints),
    }


def _general_feedback(correct: bool) -> str:
    return _("Right.") if correct else _("Not yet.")


def _grade_choice(options: Sequence[keys.Option], response: Any, field: str) -> tuple[float, str]:
    chosen = options[_option_index(options, response, field)]
    return float(chosen.correct), chosen.feedback


def _grade_choices(options: Sequence[keys.Option], response: Any, field: str) -> tuple[float, str]:
    """Each right choice earns its share and each wrong one costs as much, so ticking all earns little."""
    if not isinstance(response, list) or not response:
        raise InvalidResponse(field, _("Choose at least one option."))
    chosen = {_option_index(options, index, field) for index in response}
    right = {index for index, option in enumerate(options) if option.correct}
    score = max(0, len(chosen & right) - len(chosen - right)) / len(right)
    said = [options[index].feedback for index in sorted(chosen - right)]
    if not said and right - chosen:
        said = [_("Right so far, but something is missing.")]
    return score, "\n\n".join(filter(None, said))


def _grade_number(key: keys.NumberKey, response: Any, field: str) -> tuple[float, str]:
    value, tolerance = answers.to_fraction(key.value), answers.to_fraction(key.tolerance)
    readings = _number_readings(response, key.unit, field)
    if any(abs(reading - value) <= tolerance for reading in readings):
        return 1.0, ""
    if value and any(abs(reading + value) <= tolerance for reading in readings):
        return 0.0, _("Not yet: check the sign.")
    return 0.0, ""


def _grade_text(key: keys.TextKey, response: Any, field: str) -> tuple[float, str]:
    typed = _require_text(response, field)
    right = any(
        answers.matches(typed, accepted, case_sensitive=key.case_sensitive)
        for accepted in key.accepted
    )
    return float(right), ""


def _option_index(options: Sequence[keys.Option], response: Any, field: str) -> int:
    # A JSON true is an int to Python, but no index.
    if not isinstance(response, int) or isinstance(response, bool):
        raise InvalidResponse(field, _("Give the number of an option, from 0."))
    if not 0 <= response < len(options):
        raise InvalidResponse(field, _("There is no such option."))
    return response


def _number_readings(response: Any, unit: str, field: str) -> list[Fraction]:
    def refuse() -> NoReturn:
        raise InvalidResponse(field, _("Give a number, such as 3.5."))

    if isinstance(response, int | float) and not isinstance(response, bool):
        try:
            return [answers.to_fraction(response)]
        except ValueError:  # also an integer of more digits than Python writes out
            refuse()
    readings = answers.read_number(_require_text(response, field), unit=unit)
    return readings or refuse()


def _require_text(response: Any, field: str) -> str:
    if not isinstance(response, str):
        raise InvalidResponse(field, _("Give text."))
    if len(response) > MAX_TEXT_RESPONSE:
        raise InvalidResponse(
            field, _("The answer is longer than %s characters.") % MAX_TEXT_RESPONSE
        )
    if not is_storable(response):
        raise InvalidResponse(field, _("The answer contains a character that cannot be stored."))
    if not response.strip():
        raise InvalidResponse(field, _("The answer is empty."))
    return response
