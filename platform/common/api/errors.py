"""The one shape of every error: `{"error": {"code", "message", "fields"?: {"path": ["…"]}}}`."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

API_ROOT = "/api/"


class Refused(exceptions.APIException):
    """A request that is well formed and yet cannot be carried out; raised by services."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "refused"


class TooLarge(exceptions.APIException):
    """A body or list beyond its documented limit."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


def handle_exception(error: Exception, context: dict[str, Any]) -> Response | None:
    """Render what Django REST framework would answer in Attune's envelope; unknown errors stay a 500."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, RequestDataTooBig):
        error = TooLarge(_("The body is larger than 2 MB."))
    if not isinstance(error, exceptions.APIException):
        return None
    set_rollback()
    headers = {}
    if header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    return Response({"error": describe(error)}, status=error.status_code, headers=headers)


def describe(error: exceptions.APIException) -> dict[str, Any]:
    """Return code, message and, for a validation error, the messages of each field by dotted path."""
    if isinstance(error, exceptions.ValidationError):
        fields: dict[str, list[str]] = {}
        for path, message in _walk(error.detail, ()):
            fields.setdefault(path, []).append(message)
        return {"code": "invalid", "message": _("The request has errors."), "fields": fields}
    detail = error.detail
    code = getattr(detail, "code", error.default_code)
    return {"code": str(code), "message": str(detail)}


def _walk(detail: Any, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(detail, dict):
        for key, value in detail.items():
            yield from _walk(value, (*path, str(key)))
    elif isinstance(detail, list):
        for index, value in enumerate(detail):
            nested = isinstance(value, dict | list)
            yield from _walk(value, (*path, str(index)) if nested else path)
    else:
        yield ".".join(path) or "non_field_errors", str(detail)


def answer_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that does not exist: below the API in its envelope, elsewhere with the page."""
    if request.path.startswith(API_ROOT):
        return JsonResponse({"error": describe(exceptions.NotFound())}, status=404)
    return defaults.page_not_found(request, exception)


def answer_failure(request: HttpRequest) -> HttpResponse:
    """Answer a request that failed for reasons of ours: below the API in its envelope, elsewhere with the page."""
    if request.path.startswith(API_ROOT):
        return JsonResponse({"error": describe(exceptions.APIException())}, status=500)
    return defaults.server_error(request)
