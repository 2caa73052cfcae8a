"""Formats that courses are imported from.

A format turns files into drafts (`content.importers.drafts`) and reports what it cannot read with file and
line; it knows nothing of the database. Another format plugs in with `register_format(MyFormat())`, called
when its app is ready.
"""

from content.importers.drafts import CourseDraft, Parsed, Problem, Where
from content.importers.markdown_folder import MarkdownFolder
from content.importers.registry import (
    Format,
    UnknownFormat,
    detect_format,
    format_names,
    get_format,
    register_format,
)

register_format(MarkdownFolder())

__all__ = [
    "CourseDraft",
    "Format",
    "Parsed",
    "Problem",
    "UnknownFormat",
    "Where",
    "detect_format",
    "format_names",
    "get_format",
    "register_format",
]
