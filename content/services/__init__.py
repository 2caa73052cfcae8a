"""Writes to the catalogue, for every app above, the API, the admin and commands."""

from content.services.catalogue import (
    LISTED_FIELDS,
    create_concept,
    create_course,
    create_item,
    create_section,
    list_showing,
    set_courses_published,
    set_published,
    update_concept,
    update_course,
    update_item,
    update_section,
)
from content.services.changes import prune_changes
from content.services.concepts import PrerequisiteCycle, set_prerequisites
from content.services.importing import ImportReport, import_content
from content.services.questions import InvalidQuestions, set_questions
from content.services.vectors import compute_text_hashes, store_vectors

__all__ = [
    "LISTED_FIELDS",
    "ImportReport",
    "InvalidQuestions",
    "PrerequisiteCycle",
    "compute_text_hashes",
    "create_concept",
    "create_course",
    "create_item",
    "create_section",
    "import_content",
    "list_showing",
    "prune_changes",
    "set_courses_published",
    "set_prerequisites",
    "set_published",
    "set_questions",
    "store_vectors",
    "update_concept",
    "update_course",
    "update_item",
    "update_section",
]
