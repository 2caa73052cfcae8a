"""What a format reads: a course as plain data, each part knowing the file and lines it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from content.validation import Path, dotted


@dataclass(frozen=True)
class Problem:
    """Something wrong, or odd, in a file; `line` counts from 1 and is None where it is the file as a whole."""

    file: str
    line: int | None
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.message}"


@dataclass(frozen=True)
class Where:
    """Where a part was written: its file and the line of each of its fields by path."""

    file: str
    lines: Mapping[Path, int] = field(default_factory=dict)
    first_line: int = 1

    def find(self, path: Path) -> tuple[Path, int]:
        """Return the longest part of `path` that the file has, and its line.

        Elements that the file lacks are skipped: names of schemas that a validator puts into its paths.
        """
        found: Path = ()
        for part in path:
            if (*found, part) in self.lines:
                found = (*found, part)
        return found, self.lines.get(found, self.first_line)

    def problem(self, path: Path, message: str) -> Problem:
        """Return a problem with one field; the message continues a sentence that begins with the field."""
        name, line = self.find(path)[0], self.find(path)[1]
        if path and path[-1] not in name and isinstance(path[-1], str):
            name = (*name, path[-1])
        return Problem(self.file, line, f"{dotted(name)} {message}".strip())

    def below(self, *prefix: str | int) -> "Where":
        """Return the place of a part of this part."""
        size = len(prefix)
        lines = {path[size:]: line for path, line in self.lines.items() if path[:size] == prefix}
        return Where(self.file, lines, lines.get((), self.first_line))


@dataclass(frozen=True)
class ConceptDraft:
    slug: str
    title: str
    description: str
    prerequisites: tuple[str, ...]
    where: Where


@dataclass(frozen=True)
class SectionDraft:
    slug: str
    title: str
    summary: str
    position: int
    parent: str | None
    where: Where


@dataclass(frozen=True)
class ItemDraft:
    """`fields` are those of `services.ITEM_FIELDS` apart from course and section; `questions` as its service takes them."""

    slug: str
    fields: Mapping[str, Any]
    section: str | None
    concepts: tuple[str, ...]
    questions: tuple[Mapping[str, Any], ...]
    where: Where


@dataclass(frozen=True)
class CourseDraft:
    """`fields` are those of `services.COURSE_FIELDS` apart from `translation_of`, which is a slug here."""

    slug: str
    fields: Mapping[str, Any]
    translation_of: str | None
    concepts: tuple[ConceptDraft, ...]
    sections: tuple[SectionDraft, ...]
    items: tuple[ItemDraft, ...]
    where: Where


@dataclass
class Parsed:
    """Everything that was read. With any problem, the courses are incomplete and must not be written."""

    courses: list[CourseDraft] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
