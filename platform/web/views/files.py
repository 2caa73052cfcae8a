"""Videos of items: for those who may see the item, in pieces, so that a player can seek."""

import mimetypes
import re
from collections.abc import Iterator
from typing import IO, Any, Final

from common.access import visible
from django.contrib.auth.decorators import login_required
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from content.models import Item
from web.requests import PersonRequest

_CHUNK: Final = 256 * 1024
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


@login_required
@require_safe
def send_file(request: PersonRequest, slug: str) -> HttpResponseBase:
    item = get_object_or_404(visible(Item.objects.exclude(file=""), request.user), slug=slug)
    try:
        size = default_storage.size(item.file)
        opened = default_storage.open(item.file)
    except (OSError, SuspiciousFileOperation) as error:
        raise Http404 from error
    kind = mimetypes.guess_type(item.file)[0] or "application/octet-stream"
    asked = _RANGE.fullmatch(request.headers.get("Range", ""))
    response: HttpResponseBase
    if asked is None or asked.groups() == ("", ""):
        response = FileResponse(opened, content_type=kind)
    else:
        first, last = _bounds(asked[1], asked[2], size)
        if first > last:
            opened.close()
            return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
        response = StreamingHttpResponse(
            _read_piece(opened, first, last - first + 1), status=206, content_type=kind
        )
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
        response["Content-Length"] = str(last - first + 1)
    response["Accept-Ranges"] = "bytes"
    return response


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    """First and last byte of RFC 9110's `first-last`, `first-` or `-length`."""
    if not first:
        return max(size - int(last), 0), size - 1
    return int(first), min(int(last), size - 1) if last else size - 1


def _read_piece(opened: IO[Any], start: int, length: int) -> Iterator[bytes]:
    with opened:
        opened.seek(start)
        while length > 0 and (chunk := opened.read(min(_CHUNK, length))):
            length -= len(chunk)
            yield chunk
