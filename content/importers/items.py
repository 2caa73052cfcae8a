"""One item file: YAML front matter between `---` lines, then a Markdown body."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.utils.translation import gettext as _
from pydantic import ValidationError

from content.importers.drafts import ItemDraft, Parsed, Problem, Where
from content.importers.files import Unreadable, parse_yaml
from content.importers.schemas import ItemFront
from content.keys import InvalidKey, validate_key
from content.markdown import find_unreadable_formulas
from content.validation import MAX_TEXT, Path, Strict, describe_errors

_FENCE = "---"
_OF_KIND: dict[str, frozenset[str]] = {
    "exercise": frozenset({"answer", "hints", "explanation"}),
    "quiz": frozenset({"questions"}),
    "video": frozenset({"file"}),
}
_TIED_TO_KIND = frozenset[str]().union(*_OF_KIND.values())

S = TypeVar("S", bound=Strict)


def check_schema(schema: type[S], data: Any, where: Where, parsed: Parsed) -> S | None:
    """Return `data` as `schema`, or None after noting what is wrong with it."""
    try:
        return schema.model_validate(data)
    except ValidationError as error:
        parsed.problems += [
            where.problem(path, message) for path, message in describe_errors(error.errors())
        ]
        return None


def read_item(
    text: str, name: str, *, position: int, section: str | None, parsed: Parsed
) -> ItemDraft | None:
    """Return the draft of an item, or None after noting what is wrong with the file."""
    try:
        front_text, body, body_line = split_front_matter(text, name)
        data, where = parse_yaml(front_text, name, line_offset=1)
    except Unreadable as error:
        parsed.problems.append(error.problem)
        return None
    front = check_schema(ItemFront, data, where, parsed)
    if front is None:
        return None
    before = len(parsed.problems)
    _check_kind(front, data, where, parsed)
    questions = _read_questions(front, where, parsed)
    if len(body) > MAX_TEXT:
        message = _("the body is longer than %s characters") % MAX_TEXT
        parsed.problems.append(Problem(name, body_line, message))
    elif not body and front.kind != "quiz":
        parsed.problems.append(Problem(name, body_line, _("the body is empty")))
    if len(parsed.problems) > before:
        return None
    _warn_of_formulas(text, name, [body, *_markdown_of(questions)], parsed)
    return ItemDraft(
        slug=front.slug,
        fields={
            **front.model_dump(include={"slug", "title", "kind", "minutes", "difficulty"}),
            **{"published": front.published, "file": front.file},
            **{"body": body, "position": position},
        },
        section=section,
        concepts=tuple(dict.fromkeys(front.concepts)),
        questions=tuple(questions),
        where=where,
    )


def split_front_matter(text: str, name: str) -> tuple[str, str, int]:
    """Return front matter, body without white space around it, and the line after the front matter."""
    lines = text.split("\n")
    if lines[0].rstrip() != _FENCE:
        raise Unreadable(Problem(name, 1, _("must begin with front matter: a line “---”")))
    for index, line in enumerate(lines[1:], start=1):
        if line.rstrip() == _FENCE:
            return "\n".join(lines[1:index]), "\n".join(lines[index + 1 :]).strip(), index + 2
    raise Unreadable(Problem(name, 1, _("has front matter that no second line “---” ends")))


def _check_kind(front: ItemFront, data: Mapping[str, Any], where: Where, parsed: Parsed) -> None:
    for field in sorted(_TIED_TO_KIND - _OF_KIND.get(front.kind, frozenset())):
        if field in data:
            message = _("is not for the kind %s") % front.kind
            parsed.problems.append(where.problem((field,), message))
    if front.kind == "exercise":
        if front.answer is None:
            parsed.problems.append(where.problem(("answer",), _("is missing")))
        if not front.hints:
            parsed.problems.append(where.problem(("hints",), _("is missing: give at least one")))
        if not front.explanation:
            parsed.warnings.append(where.problem(("explanation",), _("is missing")))
    if front.kind == "quiz" and not front.questions:
        parsed.problems.append(where.problem(("questions",), _("is missing")))


def _read_questions(front: ItemFront, where: Where, parsed: Parsed) -> list[dict[str, Any]]:
    def read(answer: dict[str, Any], path: Path, **rest: Any) -> None:
        answer_type, key = _read_key(answer, path, where, parsed.problems.append)
        questions.append({"answer_type": answer_type, "key": key, **rest})

    questions: list[dict[str, Any]] = []
    if front.kind == "exercise" and front.answer is not None:
        read(
            front.answer,
            ("answer",),
            prompt="",
            hints=front.hints or [],
            explanation=(front.explanation or "").strip(),
        )
    for index, question in enumerate(front.questions or []):
        read(
            question.answer,
            ("questions", index, "answer"),
            prompt=question.prompt.strip(),
            hints=question.hints,
            explanation=question.explanation.strip(),
        )
    return questions


def _read_key(
    answer: dict[str, Any], path: Path, where: Where, note: Callable[[Problem], None]
) -> tuple[str, dict[str, Any]]:
    key = dict(answer)
    answer_type = key.pop("type", None)
    if not isinstance(answer_type, str):
        note(where.problem((*path, "type"), _("is missing")))
        return "", {}
    try:
        return answer_type, validate_key(answer_type, key)
    except InvalidKey as error:
        for below, message in error.errors:
            note(where.problem((*path, *below), message))
        return answer_type, {}


def _markdown_of(questions: list[dict[str, Any]]) -> list[str]:
    texts = []
    for question in questions:
        texts += [question["prompt"], question["explanation"], *question["hints"]]
        for option in question["key"].get("options", ()):
            texts += [option["text"], option["feedback"]]
    return texts


def _warn_of_formulas(text: str, name: str, sources: list[str], parsed: Parsed) -> None:
    for source in sources:
        for formula in find_unreadable_formulas(source):
            place = text.find(formula.split("\n")[0])
            line = text.count("\n", 0, place) + 1 if place >= 0 else None
            message = _("this formula cannot be read and is shown as code: %s") % formula
            parsed.warnings.append(Problem(name, line, message))
