"""Reading many rows in bounded memory.

A queryset's own `iterator()` loads everything where server-side cursors are off, as they must be behind PgBouncer: the
database's client library holds the whole answer before the first row is seen.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from django.db.models import Q, QuerySet

PAGE_SIZE = 200


def read_pages(
    rows: QuerySet[Any, Any], *fields: str, key: Sequence[str] = ("pk",), size: int = PAGE_SIZE
) -> Iterator[list[dict[str, Any]]]:
    """Yield `fields` of the rows in pages of up to `size`, sorted by `key`: one page is in memory at a time.

    `key` is one or two columns that are never null and together tell rows apart; each page begins behind the key of
    the one before, so an index on it makes all pages equally cheap. What is written meanwhile may or may not be seen.
    """
    wanted = list(dict.fromkeys([*fields, *key]))
    behind = Q()
    while page := list(rows.filter(behind).order_by(*key).values(*wanted)[:size]):
        behind = _behind(key, page[-1])
        full = len(page) == size
        yield [{name: row[name] for name in fields} for row in page]
        if not full:
            return


def read_rows(
    rows: QuerySet[Any, Any], *fields: str, key: Sequence[str] = ("pk",), size: int = PAGE_SIZE
) -> Iterator[dict[str, Any]]:
    """Yield what `read_pages` yields, row by row."""
    return chain.from_iterable(read_pages(rows, *fields, key=key, size=size))


def _behind(key: Sequence[str], last: dict[str, Any]) -> Q:
    first, *rest = key
    if not rest:
        return Q((f"{first}__gt", last[first]))
    (second,) = rest
    # Written as a bound on the first column, which an index can begin at; a plain OR could not use it.
    return Q((f"{first}__gte", last[first])) & (
        Q((f"{first}__gt", last[first])) | Q((f"{second}__gt", last[second]))
    )
