"""Everything stored of one person, across apps, as she takes it with her."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from common.privacy import registered_personal_data
from django.core.serializers.json import DjangoJSONEncoder


def write_export(*, user_id: int) -> Iterator[str]:
    """Yield one JSON document of all that is stored of a person, by app and section; a long history is never in memory
    at once."""
    encode = DjangoJSONEncoder(ensure_ascii=False).encode
    before = "{"
    for entry in registered_personal_data():
        yield f"{before}{json.dumps(entry.app)}: {{"
        before, inner = "}, ", ""
        for section, rows in entry.export(user_id):
            yield f"{inner}{json.dumps(section)}: "
            inner = ", "
            yield from _rows(rows, encode)
    yield "}}" if before != "{" else "{}"


def _rows(rows: Any, encode: Any) -> Iterator[str]:
    if isinstance(rows, dict | str) or not isinstance(rows, Iterable):
        yield encode(rows)
        return
    before = "["
    for row in rows:
        yield before + encode(row)
        before = ", "
    yield "[]" if before == "[" else "]"
