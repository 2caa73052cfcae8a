"""The OpenAPI schema of a request to events/, from the same limits that the reader checks."""

from typing import Any

from learners.models import Event
from learners.serializers.events import MAX_CONTEXT, MAX_DURATION, MAX_EVENTS, MAX_RESPONSE

_RESULT: dict[str, Any] = {
    "type": "object",
    "nullable": True,
    "additionalProperties": False,
    "properties": {
        "success": {"type": "boolean", "nullable": True},
        "score": {"type": "number", "minimum": 0, "maximum": 1, "nullable": True},
        "duration": {
            "type": "number",
            "minimum": 0,
            "maximum": MAX_DURATION,
            "nullable": True,
            "description": "Seconds of attention.",
        },
        "response": {
            "nullable": True,
            "description": f"Any JSON up to {MAX_RESPONSE} bytes, without null characters.",
        },
    },
}

_EVENT: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id", "verb", "item", "occurred_at"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "verb": {"type": "string", "enum": list(Event.Verb.values)},
        "item": {
            "type": "string",
            "minLength": 1,
            "maxLength": 100,
            "pattern": "^[-a-zA-Z0-9_]+$",
            "description": "Slug of an item in a course that she is enrolled in.",
        },
        "occurred_at": {
            "type": "string",
            "format": "date-time",
            "description": "With a time zone; from the year 2000 to five minutes ahead.",
        },
        "result": _RESULT,
        "context": {
            "type": "object",
            "nullable": True,
            "additionalProperties": True,
            "description": f"Up to {MAX_CONTEXT} bytes, without null characters.",
        },
    },
}

EVENTS: dict[str, Any] = {
    "oneOf": [_EVENT, {"type": "array", "items": _EVENT, "maxItems": MAX_EVENTS}]
}
