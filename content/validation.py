"""What pydantic says of wrong data, in our own translatable words and with plain paths."""

from typing import Annotated, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic_core import ErrorDetails, PydanticCustomError

from content.text import is_storable

Path = tuple[str | int, ...]

MAX_LINE = 2_000
MAX_TEXT = 100_000


def custom_error(code: str, message: str) -> PydanticCustomError:
    """Return an error whose translated `message` reaches the reader as it is."""
    # Pydantic takes braces for fields of its own.
    return PydanticCustomError(code, "{text}", {"text": message})


def _require_storable(value: str) -> str:
    if not is_storable(value):
        raise custom_error("not_storable", _("contains a character that cannot be stored (NUL)"))
    return value


def _require_words(value: str) -> str:
    if not value.strip():
        raise custom_error("blank", _("is empty"))
    return value


Text = Annotated[str, AfterValidator(_require_storable), StringConstraints(max_length=MAX_TEXT)]
Line = Annotated[
    str,
    StringConstraints(max_length=MAX_LINE, strip_whitespace=True),
    AfterValidator(_require_storable),
]
Words = Annotated[Line, AfterValidator(_require_words)]


class Strict(BaseModel):
    """Data from outside: an unknown field is an error (it is a mistyped one), numbers are finite."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


def describe_errors(errors: list[ErrorDetails]) -> list[tuple[Path, str]]:
    """Return (path, message) of each error; the message continues a sentence that begins with the field."""
    return [(tuple(error["loc"]), _explain(error)) for error in errors]


def dotted(path: Path) -> str:
    return ".".join(str(part) for part in path)


def _explain(error: ErrorDetails) -> str:
    limits: dict[str, Any] = error.get("ctx") or {}
    kind = error["type"]
    if kind in _MESSAGES:
        return _(_MESSAGES[kind]) % limits
    return error["msg"]


_MESSAGES = {
    "missing": gettext_noop("is missing"),
    "extra_forbidden": gettext_noop("is not a known field"),
    "string_type": gettext_noop("must be text"),
    "list_type": gettext_noop("must be a list"),
    "dict_type": gettext_noop("must be a group of fields"),
    "model_type": gettext_noop("must be a group of fields"),
    "model_attributes_type": gettext_noop("must be a group of fields"),
    "float_type": gettext_noop("must be a number"),
    "float_parsing": gettext_noop("must be a number"),
    "finite_number": gettext_noop("must be a finite number"),
    "int_type": gettext_noop("must be a whole number"),
    "int_parsing": gettext_noop("must be a whole number"),
    "bool_type": gettext_noop("must be true or false"),
    "bool_parsing": gettext_noop("must be true or false"),
    "string_too_long": gettext_noop("is longer than %(max_length)s characters"),
    "too_short": gettext_noop("needs at least %(min_length)s, has %(actual_length)s"),
    "too_long": gettext_noop("may have at most %(max_length)s"),
    "greater_than_equal": gettext_noop("must be at least %(ge)s"),
    "greater_than": gettext_noop("must be more than %(gt)s"),
    "less_than_equal": gettext_noop("must be at most %(le)s"),
    "literal_error": gettext_noop("must be one of %(expected)s"),
    "union_tag_invalid": gettext_noop("must be one of %(expected_tags)s"),
    "union_tag_not_found": gettext_noop("is missing its type"),
    "string_pattern_mismatch": gettext_noop(
        "may hold letters, digits, hyphens and underscores only"
    ),
}
