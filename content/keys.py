"""The keys of questions: one schema for importer, API and admin, so that no unusable key is ever stored."""

from collections.abc import Mapping
from typing import Annotated, Any

from django.utils.translation import gettext as _
from pydantic import Field, ValidationError, field_validator, model_validator

from content.validation import Line, Path, Strict, Words, custom_error, describe_errors, dotted


class InvalidKey(ValueError):
    """A key that no response could be graded by; `.errors` holds (path, message) of each flaw."""

    def __init__(self, errors: list[tuple[Path, str]]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{dotted(path)} {message}" for path, message in errors))


class Option(Strict):
    text: Words
    correct: bool = False
    feedback: Line = ""


class ChoiceKey(Strict):
    """One right option among several."""

    options: Annotated[list[Option], Field(min_length=2, max_length=12)]

    @field_validator("options")
    @classmethod
    def _differ(cls, options: list[Option]) -> list[Option]:
        texts = [option.text for option in options]
        for index, text in enumerate(texts):
            if text in texts[:index]:
                raise custom_error("same", _("has the same option twice: %s") % text)
        return options

    @model_validator(mode="after")
    def _has_right_option(self) -> "ChoiceKey":
        right = sum(option.correct for option in self.options)
        if not right:
            raise custom_error("no_right_option", _("has no right option"))
        if right > 1 and type(self) is ChoiceKey:
            raise custom_error(
                "many_right_options",
                _('has %s right options where one is wanted; use the type "choices"') % right,
            )
        return self


class ChoicesKey(ChoiceKey):
    """Several right options: all of them and only those make a right answer."""


class NumberKey(Strict):
    """Right within `tolerance` on either side of `value`, both ends included."""

    value: float
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    unit: Line = ""


class TextKey(Strict):
    accepted: Annotated[list[Words], Field(min_length=1, max_length=100)]
    case_sensitive: bool = False


KEY_SCHEMAS: dict[str, type[Strict]] = {
    "choice": ChoiceKey,
    "choices": ChoicesKey,
    "number": NumberKey,
    "text": TextKey,
}


def parse_key(answer_type: str, key: Any) -> Strict:
    """Return the key of a question of `answer_type` as its schema. Raises InvalidKey."""
    schema = KEY_SCHEMAS.get(answer_type)
    if schema is None:
        raise InvalidKey([((), _("has an unknown answer type: %s") % answer_type)])
    if not isinstance(key, Mapping):
        raise InvalidKey([((), _("must be a group of fields"))])
    try:
        return schema.model_validate(dict(key))
    except ValidationError as error:
        raise InvalidKey(describe_errors(error.errors())) from error


def validate_key(answer_type: str, key: Any) -> dict[str, Any]:
    """Return `key` in its stored form, with every field of its schema. Raises InvalidKey."""
    return parse_key(answer_type, key).model_dump()


def key_json_schema() -> dict[str, Any]:
    """Return the JSON schema of all keys with nothing referred to, as OpenAPI wants a part of it."""

    def inline(node: Any, definitions: Mapping[str, Any]) -> Any:
        if isinstance(node, list):
            return [inline(each, definitions) for each in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return inline(definitions[node["$ref"].rpartition("/")[2]], definitions)
        return {name: inline(each, definitions) for name, each in node.items() if name != "$defs"}

    schemas = [schema.model_json_schema() for schema in (ChoiceKey, NumberKey, TextKey)]
    return {
        "type": "object",
        "anyOf": [inline(schema, schema.get("$defs", {})) for schema in schemas],
    }
