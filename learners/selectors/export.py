"""Everything stored of one person, across apps, as she takes it with her."""

import json
import logging
from collections.abc import Iterable, Iterator
from typing import Any

from common.privacy import registered_personal_data
from django.core.serializers.json import DjangoJSONEncoder

from learners.models import User

logger = logging.getLogger(__name__)


def write_export(*, person: User) -> Iterator[str]:
    """Yield one JSON document of all that is stored of a person, by app and section, in bounded memory.

    The answer has begun before the last row is read. What fails on the way is logged and raised: the document is left
    without its end, which no reader takes for a whole one, and the server breaks the connection off.
    """
    try:
        yield from _document(person.pk)
    except Exception:
        logger.exception("export broken off", extra={"person": str(person.pseudonym)})
        raise


def _document(user_id: int) -> Iterator[str]:
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
