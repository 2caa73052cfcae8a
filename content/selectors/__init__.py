"""Reads of the catalogue, for every app above."""

from content.selectors.catalogue import (
    CatalogueRow,
    Outline,
    OutlineSection,
    catalogue_rows,
    get_outline,
    get_syllabus,
    list_items,
    read_revision,
)
from content.selectors.concepts import find_courses_teaching, find_cycle, prerequisite_map
from content.selectors.text import (
    MissingVector,
    count_vectors,
    item_text,
    list_missing_vectors,
    load_vectors,
    read_texts,
)

__all__ = [
    "CatalogueRow",
    "MissingVector",
    "Outline",
    "OutlineSection",
    "catalogue_rows",
    "count_vectors",
    "find_courses_teaching",
    "find_cycle",
    "get_outline",
    "get_syllabus",
    "item_text",
    "list_items",
    "list_missing_vectors",
    "load_vectors",
    "prerequisite_map",
    "read_revision",
    "read_texts",
]
