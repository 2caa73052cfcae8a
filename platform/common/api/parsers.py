"""Bodies of requests: read up to a limit, whatever their declared length, and JSON without its dark corners."""

import json
import math
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser


class JSONParser(BaseParser):
    """JSON that PostgreSQL can store: finite numbers, bounded size and depth.

    Raises RequestDataTooBig (413) beyond DATA_UPLOAD_MAX_MEMORY_SIZE, which Django applies to forms only, and ParseError
    where the standard parser would fail with a RecursionError or let an infinity pass.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = _read(stream, limit)
        try:
            return json.loads(body, parse_float=_finite, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise ParseError(_("The body is not JSON: %(reason)s") % {"reason": reason}) from error


class RawJSONParser(BaseParser):
    """The bytes of a JSON body, for a view that parses them itself; `request.data` keeps them.

    Session authentication looks for a CSRF token in `request.POST`, which reads the body before the view does.
    """

    media_type = "application/json"

    def parse(  # type: ignore[override]
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        request = (parser_context or {}).get("request")
        if request is not None:
            _refuse_declared(request.META, limit)
        return _read(stream, limit)


def read_body(request: HttpRequest) -> bytes:
    """Return the raw body, also of a chunked request, which Django takes for empty. Raises RequestDataTooBig (413) beyond 2 MB."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    declared = _refuse_declared(request.META, limit)
    chunked = "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
    if chunked and not declared:
        return _read(request.META["wsgi.input"], limit)
    return _read(request, limit)


def _refuse_declared(meta: Mapping[str, Any], limit: int) -> str:
    declared = meta.get("CONTENT_LENGTH") or ""
    if declared.isdecimal() and int(declared) > limit:
        raise RequestDataTooBig
    return declared


def _read(stream: Any, limit: int) -> bytes:
    parts, left = [], limit + 1
    while left > 0 and (part := stream.read(min(left, 65_536))):
        parts.append(part)
        left -= len(part)
    if left <= 0:
        raise RequestDataTooBig
    return b"".join(parts)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:20]} is not a finite number")
    return value


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not a number")
