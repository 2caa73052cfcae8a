"""Rows of a catalogue that is small enough to be reckoned with by hand."""

from typing import Any, Final

from content.selectors import CatalogueRow

COURSE: Final = 7


def row(
    item: int,
    kind: str,
    *concepts: int,
    course: int = COURSE,
    published: bool = True,
    minutes: float = 5,
) -> CatalogueRow:
    """An item that stands in its course by its number."""
    known: dict[str, Any] = dict.fromkeys(CatalogueRow._fields)
    fields = {
        **{"id": item, "kind": kind, "course_id": course, "position": item},
        **{"published": published, "concept_ids": concepts, "minutes": minutes},
    }
    return CatalogueRow(**known | fields)
