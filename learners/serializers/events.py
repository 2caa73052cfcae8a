"""Events as clients send them: checked in one pass of pydantic and one query, and turned into rows.

pydantic and not a DRF serializer: a thousand events are a common request (a client that was offline), and a
thousand nested DRF serializers take longer than everything else in it.

Keys that are not documented are refused: a misspelt one would otherwise lose what it says without a word.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from common.api.errors import TooLarge
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
)
from pydantic import ValidationError as ParsingError
from rest_framework.exceptions import ParseError, ValidationError

from learners.selectors import find_studied_items
from learners.services.events import NewEvent

MAX_EVENTS = 1_000
MAX_CONTEXT = 4_096
MAX_RESPONSE = 16_384
MAX_DURATION = 86_400
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(minutes=5)
_SHOWN_ERRORS = 100
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]")
_SLUG = re.compile(r"[-a-zA-Z0-9_]+")


def _refuse_numbers(value: Any) -> Any:
    # pydantic takes a number, also as text, for seconds since 1970: the documented format has no place for them.
    if not isinstance(value, str) or not _RFC3339.match(value):
        raise ValueError
    return value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class _Result(_Strict):
    success: bool | None = None
    score: Annotated[float, Field(ge=0, le=1)] | None = None
    duration: Annotated[float, Field(ge=0, le=MAX_DURATION)] | None = None
    response: JsonValue = None


class _Event(_Strict):
    id: UUID
    verb: Literal["viewed", "progressed", "completed", "answered", "rated", "abandoned", "shown"]
    item: Annotated[str, Field(min_length=1, max_length=100)]
    occurred_at: Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_refuse_numbers)]
    result: _Result | None = None
    context: dict[str, JsonValue] | None = None


_ONE = TypeAdapter(_Event)
_MANY = TypeAdapter(Annotated[list[_Event], Field(max_length=MAX_EVENTS)])
_NO_RESULT = _Result()
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

_CONTROLS = re.compile(r"[\x00-\x1f]")
_CONTROL = gettext_lazy("Contains a control character, which must not stand in JSON as it is.")

Errors = dict[str, Any]


def read_events(body: bytes, *, actor_id: int) -> list[NewEvent]:
    """Return the events in `body`, one object or a list of up to 1,000, ready to be stored.

    Raises TooLarge for a longer list, and ValidationError naming every wrong field by its path: "item" of a single
    event, "1.item" of the second of a list. An item that does not exist and one she does not study read the same.
    """
    many = body.lstrip()[:1] == b"["
    try:
        events = _MANY.validate_json(body) if many else [_ONE.validate_json(body)]
    except ParsingError as error:
        raise _explain(error, body) from None
    slugs = {event.item for event in events if _SLUG.fullmatch(event.item)}
    items = find_studied_items(learner_id=actor_id, slugs=slugs)
    latest = timezone.now() + AHEAD
    wrong: Errors = {}
    for index, event in enumerate(events):
        for field, message in _check(event, items, latest):
            wrong[f"{index}.{field}" if many else field] = [message]
        if len(wrong) >= _SHOWN_ERRORS:
            break
    if wrong:
        raise ValidationError(wrong)
    return [_to_row(event, items) for event in events]


def _check(event: _Event, items: Mapping[str, int], latest: datetime) -> Iterator[tuple[str, str]]:
    """What the types cannot say: the field and what is wrong with it."""
    if "\0" in event.item:
        yield "item", _("Null characters are not allowed.")
    elif event.item not in items:
        yield "item", _("There is no such item among those you study.")
    if event.occurred_at > latest:
        yield "occurred_at", _("This is more than 5 minutes ahead of the server's clock.")
    elif event.occurred_at < EARLIEST:
        yield "occurred_at", _("This is before the year 2000.")
    if event.context and (message := _check_json(event.context, MAX_CONTEXT)):
        yield "context", message
    response = event.result.response if event.result else None
    if response is not None and (message := _check_json(response, MAX_RESPONSE)):
        yield "result.response", message


def _check_json(value: Any, limit: int) -> str | None:
    try:
        text = _encode(value)
    except ValueError:
        return _("Numbers must be finite.")
    if len(text.encode()) > limit:
        return _("At most %(limit)s bytes.") % {"limit": limit}
    # The escape may also be a written backslash; only then is it worth a walk through the value.
    if "\\u0000" in text and _has_nul(value):
        return _("Null characters are not allowed.")
    return None


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_has_nul(part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(_has_nul(part) for part in value)


def _to_row(event: _Event, items: Mapping[str, int]) -> NewEvent:
    result = event.result or _NO_RESULT
    return NewEvent(
        event.id,
        event.verb,
        items[event.item],
        event.occurred_at,
        result.success,
        result.score,
        result.duration,
        result.response,
        event.context or {},
    )


def _explain(error: ParsingError, body: bytes) -> Exception:
    """The error that answers the request, in the reader's language."""
    fields: Errors = {}
    for entry in error.errors(include_url=False, include_input=False, include_context=True):
        kind, context = entry["type"], entry.get("ctx", {})
        if kind == "too_long" and not entry["loc"]:
            return TooLarge(_("At most %(limit)s events in one request.") % {"limit": MAX_EVENTS})
        if kind == "json_invalid" and (found := _find_control_characters(body)):
            return ValidationError({path: [_CONTROL] for path in found})
        if kind == "json_invalid":
            return ParseError(_("The body is not JSON: %(reason)s") % {"reason": context["error"]})
        # A key may be anything, and as long as the body.
        path = ".".join(str(part)[:100] for part in entry["loc"]) or "non_field_errors"
        fields.setdefault(path, [_describe(kind, context, entry["msg"])])
        if len(fields) >= _SHOWN_ERRORS:
            break
    return ValidationError(fields)


def _find_control_characters(body: bytes) -> list[str]:
    """The paths of the texts with a control character, for a body that is JSON but for those that stand there raw."""
    try:
        parsed = json.loads(body, strict=False)
    except (ValueError, RecursionError):
        return []
    found: dict[str, bool] = {}
    waiting: list[tuple[str, Any]] = [("", parsed)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str) and (raw := _CONTROLS.search(value)):
            found[path or "non_field_errors"] = "\0" in value or raw[0] not in "\t\n\r"
        parts: Iterable[tuple[Any, Any]] = ()
        if isinstance(value, dict):
            parts = value.items()
        elif isinstance(value, list):
            parts = enumerate(value)
        # Backwards, so that the first is looked at first.
        above = f"{path}." if path else ""
        # A key may hold half a surrogate pair, which no answer can carry.
        named = ((str(key)[:100].encode("utf-8", "replace").decode(), part) for key, part in parts)
        waiting += [(f"{above}{key}", part) for key, part in named][::-1]
    # A line break may have been escaped, as it should; nothing but a NUL or its like gives those away for sure.
    certain = [path for path, sure in found.items() if sure]
    return (certain or list(found))[:_SHOWN_ERRORS]


def _describe(kind: str, context: Mapping[str, Any], message: str) -> str:
    moment = _("Must be a date and time with a time zone, as in 2026-01-31T09:30:00Z.")
    messages = {
        "missing": _("This field is required."),
        "extra_forbidden": _("There is no such field."),
        "bool_type": _("Must be true or false."),
        "float_type": _("Must be a number."),
        "finite_number": _("Must be a finite number."),
        "string_type": _("Must be a text."),
        "string_too_short": _("This field may not be empty."),
        "string_too_long": _("At most %(max_length)s characters."),
        "model_type": _("Must be an object."),
        "dict_type": _("Must be an object."),
        "literal_error": _("Must be one of %(expected)s."),
        "greater_than_equal": _("Must be at least %(ge)s."),
        "less_than_equal": _("Must be at most %(le)s."),
        "uuid_type": _("Must be a UUID."),
        "uuid_parsing": _("Must be a UUID."),
        "timezone_aware": moment,
        "datetime_type": moment,
        "datetime_parsing": moment,
        "datetime_from_date_parsing": moment,
        "value_error": moment,
    }
    return messages[kind] % context if kind in messages else message
