"""The format `markdown`: a folder a course, a folder a section, a Markdown file an item (docs/content-format.md)."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from content.importers.drafts import (
    ConceptDraft,
    CourseDraft,
    ItemDraft,
    Parsed,
    Problem,
    SectionDraft,
    Where,
)
from content.importers.files import Unreadable, parse_yaml, read_text
from content.importers.items import check_schema, read_item
from content.importers.schemas import ConceptEntry, CourseFile, SectionFile

COURSE, CONCEPTS, SECTION = "course.yaml", "concepts.yaml", "section.yaml"
_NUMBERED = re.compile(r"(\d+)-(.+)")
_MAX_DEPTH = 4


class MarkdownFolder:
    """One course folder, or a folder of them."""

    name = "markdown"

    def detect(self, path: Path) -> bool:
        return bool(_course_folders(path))

    def read(self, path: Path, *, on_progress: Callable[[int, int], None]) -> Parsed:
        parsed = Parsed()
        folders = _course_folders(path)
        if not folders:
            parsed.problems.append(
                Problem(path.name, None, _("is no course folder: %s is missing") % COURSE)
            )
        # Files are named as seen from the folder that was asked for.
        root = path.parent if folders == [path] else path
        files = [_Reader(folder, root, parsed) for folder in folders]
        total = sum(reader.size() for reader in files)
        done = 0

        def advance() -> None:
            nonlocal done
            done += 1
            on_progress(done, total)

        for reader in files:
            reader.read(advance)
        return parsed


@dataclass
class _Reader:
    """Reads one course folder."""

    folder: Path
    root: Path
    parsed: Parsed
    sections: list[SectionDraft] = field(default_factory=list)
    items: list[ItemDraft] = field(default_factory=list)
    items_met: int = 0

    def size(self) -> int:
        return sum(path.is_file() for path in self.folder.rglob("*") if path.suffix == ".md") + 1

    def read(self, advance: Callable[[], None]) -> None:
        self.advance = advance
        data, where = self._yaml(self.folder / COURSE)
        course = check_schema(CourseFile, data, where, self.parsed) if data is not None else None
        concepts = list(self._concepts())
        advance()
        self._walk(self.folder, parent=None, depth=0)
        if not self.items_met:
            self._note(self.folder, _("has no items: they lie in folders such as 01-basics"))
        if course is None:
            return
        self.parsed.courses.append(
            CourseDraft(
                slug=course.slug,
                fields=course.model_dump(exclude={"translation_of"}),
                translation_of=course.translation_of,
                concepts=tuple(concepts),
                sections=tuple(self.sections),
                items=tuple(self.items),
                where=where,
            )
        )

    def _concepts(self) -> Iterator[ConceptDraft]:
        path = self.folder / CONCEPTS
        if not path.exists():
            return
        data, where = self._yaml(path)
        if data is None:
            return
        if not isinstance(data, list):
            self.parsed.problems.append(where.problem((), _("must be a list of concepts")))
            return
        for index, entry in enumerate(data):
            place = where.below(index)
            concept = check_schema(ConceptEntry, entry, place, self.parsed)
            if concept:
                yield ConceptDraft(
                    concept.slug,
                    concept.title,
                    concept.description.strip(),
                    tuple(dict.fromkeys(concept.prerequisites)),
                    place,
                )

    def _walk(self, folder: Path, *, parent: str | None, depth: int) -> None:
        for path in self._numbered(folder):
            if path.is_dir():
                if depth == _MAX_DEPTH:
                    self._note(path, _("is nested too deeply"))
                else:
                    self._walk(path, parent=self._section(path, parent), depth=depth + 1)
            elif path.suffix == ".md":
                self._item(path, parent)

    def _section(self, folder: Path, parent: str | None) -> str:
        match = _NUMBERED.fullmatch(folder.name)
        slug = match[2] if match else folder.name
        data, where = self._yaml(folder / SECTION)
        section = check_schema(SectionFile, data, where, self.parsed) if data is not None else None
        if section is None:
            return slug
        # A folder may be called anything; a slug may not.
        draft = SectionDraft(
            section.slug or slug,
            section.title,
            section.summary.strip(),
            len(self.sections),
            parent,
            where,
        )
        self.sections.append(draft)
        return draft.slug

    def _item(self, path: Path, section: str | None) -> None:
        position = self.items_met
        self.items_met += 1
        name = self._name(path)
        try:
            text = read_text(path, name)
        except Unreadable as error:
            self.parsed.problems.append(error.problem)
        else:
            item = read_item(text, name, position=position, section=section, parsed=self.parsed)
            if item:
                self.items.append(item)
        self.advance()

    def _numbered(self, folder: Path) -> list[Path]:
        """Return sections and items of a folder in the order of their numbers."""
        found: dict[int, Path] = {}
        for path in sorted(folder.iterdir(), key=lambda path: path.name):
            if path.name.startswith(".") or path.name in {COURSE, CONCEPTS, SECTION}:
                continue
            if not path.is_dir() and path.suffix != ".md":
                self._warn(path, _("is not read: only .md and .yaml files are"))
                continue
            match = _NUMBERED.fullmatch(path.stem if path.suffix == ".md" else path.name)
            if not match:
                self._note(path, _("must begin with a number and a hyphen, as in 010-name"))
            elif (number := int(match[1])) in found:
                other = found[number].name
                self._note(path, _("has the same number as %s") % other)
            else:
                found[number] = path
        return [found[number] for number in sorted(found)]

    def _yaml(self, path: Path) -> tuple[Any, Where]:
        name = self._name(path)
        if not path.exists():
            self.parsed.problems.append(Problem(name, None, _("is missing")))
            return None, Where(name)
        try:
            return parse_yaml(read_text(path, name), name)
        except Unreadable as error:
            self.parsed.problems.append(error.problem)
            return None, Where(name)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _note(self, path: Path, message: str) -> None:
        self.parsed.problems.append(Problem(self._name(path), None, message))

    def _warn(self, path: Path, message: str) -> None:
        self.parsed.warnings.append(Problem(self._name(path), None, message))


def _course_folders(path: Path) -> list[Path]:
    if (path / COURSE).is_file():
        return [path]
    if not path.is_dir():
        return []
    return sorted(each for each in path.iterdir() if (each / COURSE).is_file())
