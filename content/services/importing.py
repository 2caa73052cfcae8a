"""Import of courses: everything that was read is written, or nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from common.audience import changing_courses
from django.core.exceptions import ValidationError
from django.db import transaction

from content import importers
from content.importers.drafts import ConceptDraft, CourseDraft, ItemDraft, Parsed, Problem, Where
from content.models import Concept, Course, Item, Section
from content.services import catalogue
from content.services.concepts import PrerequisiteCycle, lock_prerequisites, replace_prerequisites
from content.services.import_checks import check_drafts
from content.services.questions import InvalidQuestions

Outcome = Literal["created", "updated", "unchanged", "unpublished"]
OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Change:
    """What became of one part of a course."""

    outcome: Outcome
    kind: Literal["course", "concept", "section", "item"]
    slug: str
    file: str
    line: int | None


@dataclass
class ImportReport:
    """What an import did, or would do (`dry_run`). With anything refused, nothing was written."""

    format: str
    dry_run: bool
    changes: list[Change] = field(default_factory=list)
    refused: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return not self.refused

    def count(self, outcome: Outcome) -> int:
        return sum(change.outcome == outcome for change in self.changes)


class _Refused(Exception):
    """Rolls the transaction back; what was refused is in the report."""


def import_content(
    *,
    path: Path,
    format: str = "auto",
    dry_run: bool = False,
    on_progress: OnProgress = lambda phase, done, total: None,
) -> ImportReport:
    """Write the courses of `path` and return what became of each part.

    Idempotent: rows are recognised by their slugs, keep their ids, and are not written where nothing
    changed. Items that have gone from a course's files are unpublished, never deleted: people have
    studied them. A dry run writes everything and rolls it back, so that it meets every constraint.
    `on_progress(phase, done, total)` is told "read" and "write". Raises importers.UnknownFormat.
    """
    reader = importers.detect_format(path) if format == "auto" else importers.get_format(format)
    parsed = reader.read(path, on_progress=lambda done, total: on_progress("read", done, total))
    report = ImportReport(reader.name, dry_run, refused=parsed.problems, warnings=parsed.warnings)
    try:
        with transaction.atomic():
            with changing_courses():
                # Nobody else may close a cycle between the check and the write.
                lock_prerequisites()
                report.refused += check_drafts(parsed)
                if report.refused:
                    raise _Refused
                _Writer(report, on_progress).write(parsed)
                if report.refused:
                    raise _Refused
            transaction.set_rollback(dry_run)
    except _Refused:
        report.changes.clear()
    report.refused.sort(key=lambda problem: (problem.file, problem.line or 0))
    return report


class _Writer:
    """Writes drafts that belong together, within the caller's transaction."""

    def __init__(self, report: ImportReport, on_progress: OnProgress) -> None:
        self.report = report
        self.on_progress = on_progress
        self.done = self.total = 0

    def write(self, parsed: Parsed) -> None:
        courses = parsed.courses
        self.total = sum(
            1 + len(course.concepts) + len(course.sections) + len(course.items)
            for course in courses
        )
        rows = {course.slug: self._course(course) for course in courses}
        self._translations(courses)
        self._concepts([concept for course in courses for concept in course.concepts])
        if self.report.refused:
            return
        names = {slug for course in courses for item in course.items for slug in item.concepts}
        self.concepts = {each.slug: each for each in Concept.objects.filter(slug__in=names)}
        slugs = [item.slug for course in courses for item in course.items]
        self.items = {
            item.slug: item
            for item in Item.objects.filter(slug__in=slugs).select_related("section").with_text()
        }
        for course in courses:
            row = rows[course.slug]
            if row is not None:
                self._items(course, row, self._sections(course, row))
        for course in courses:
            self._withdraw(course, rows[course.slug])

    def _course(self, draft: CourseDraft) -> Course | None:
        course = Course.objects.filter(slug=draft.slug).first()
        fields = dict(draft.fields)
        with self._refusing(draft.where):
            if course is None:
                course = catalogue.create_course(**fields)
                self._note("created", "course", draft.slug, draft.where)
            else:
                changed = catalogue.update_course(course=course, **fields)
                self._note("updated" if changed else "unchanged", "course", draft.slug, draft.where)
        return course

    def _translations(self, drafts: Iterable[CourseDraft]) -> None:
        """Only now are all courses there that may be translations of each other."""
        for draft in drafts:
            original = (
                Course.objects.get(slug=draft.translation_of) if draft.translation_of else None
            )
            course = Course.objects.get(slug=draft.slug)
            if catalogue.update_course(course=course, translation_of=original):
                self._mark_updated("course", draft.slug)

    def _concepts(self, drafts: list[ConceptDraft]) -> None:
        rows = {
            concept.slug: concept
            for concept in Concept.objects.filter(slug__in=[draft.slug for draft in drafts])
        }
        for draft in drafts:
            fields: dict[str, Any] = {"title": draft.title, "description": draft.description}
            with self._refusing(draft.where):
                if draft.slug in rows:
                    changed = catalogue.update_concept(concept=rows[draft.slug], **fields)
                    outcome: Outcome = "updated" if changed else "unchanged"
                else:
                    rows[draft.slug] = catalogue.create_concept(slug=draft.slug, **fields)
                    outcome = "created"
                self._note(outcome, "concept", draft.slug, draft.where)
        if self.report.refused:
            return
        named = {slug for draft in drafts for slug in draft.prerequisites} - set(rows)
        ids = {concept.slug: concept.pk for concept in Concept.objects.filter(slug__in=named)}
        ids |= {slug: concept.pk for slug, concept in rows.items()}
        changed_ids = replace_prerequisites(
            {ids[draft.slug]: {ids[slug] for slug in draft.prerequisites} for draft in drafts}
        )
        for draft in drafts:
            if ids[draft.slug] in changed_ids:
                self._mark_updated("concept", draft.slug)

    def _sections(self, draft: CourseDraft, course: Course) -> dict[str | None, Section | None]:
        rows: dict[str | None, Section | None] = {None: None}
        rows |= {section.slug: section for section in course.sections.all()}
        for each in draft.sections:
            fields = {
                "title": each.title,
                "summary": each.summary,
                "position": each.position,
                "parent": rows.get(each.parent),
            }
            with self._refusing(each.where):
                section = rows.get(each.slug)
                if section is None:
                    section = catalogue.create_section(course=course, slug=each.slug, **fields)
                    outcome: Outcome = "created"
                else:
                    changed = catalogue.update_section(section=section, **fields)
                    outcome = "updated" if changed else "unchanged"
                rows[each.slug] = section
                self._note(outcome, "section", each.slug, each.where)
        return rows

    def _items(
        self, draft: CourseDraft, course: Course, sections: dict[str | None, Section | None]
    ) -> None:
        for each in draft.items:
            with self._refusing(each.where):
                self._item(each, course, sections.get(each.section))

    def _item(self, draft: ItemDraft, course: Course, section: Section | None) -> None:
        concepts = [self.concepts[slug] for slug in draft.concepts]
        fields = {**draft.fields, "section": section, "course": course}
        item = self.items.get(draft.slug)
        if item is None:
            catalogue.create_item(concepts=concepts, questions=draft.questions, **fields)
            outcome: Outcome = "created"
        else:
            changed = catalogue.update_item(
                item=item,
                concepts=concepts,
                questions=draft.questions,
                **fields,
            )
            outcome = "updated" if changed else "unchanged"
        self._note(outcome, "item", draft.slug, draft.where)

    def _withdraw(self, draft: CourseDraft, course: Course | None) -> None:
        if course is None:
            return
        gone = course.items.filter(published=True).exclude(
            slug__in=[item.slug for item in draft.items]
        )
        folder = draft.where.file.rpartition("/")[0]
        rows = list(gone.order_by("position", "pk").values_list("pk", "slug"))
        self.report.changes += [
            Change("unpublished", "item", slug, folder, None) for _, slug in rows
        ]
        if rows:
            catalogue.set_published(
                Item.objects.filter(pk__in=[pk for pk, _ in rows]), published=False
            )

    def _note(
        self,
        outcome: Outcome,
        kind: Literal["course", "concept", "section", "item"],
        slug: str,
        where: Where,
    ) -> None:
        self.report.changes.append(Change(outcome, kind, slug, where.file, where.first_line))
        self.done += 1
        self.on_progress("write", self.done, self.total)

    def _mark_updated(self, kind: str, slug: str) -> None:
        for index, change in enumerate(self.report.changes):
            if (change.kind, change.slug, change.outcome) == (kind, slug, "unchanged"):
                self.report.changes[index] = Change(
                    "updated", change.kind, slug, change.file, change.line
                )

    def _refusing(self, where: Where) -> "_Refusing":
        return _Refusing(self.report, where)


class _Refusing:
    """Turns what a service refuses into a problem of the file, and goes on with the next part."""

    def __init__(self, report: ImportReport, where: Where) -> None:
        self.report, self.where = report, where

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        match error:
            case ValidationError():
                for name, messages in error.message_dict.items():
                    for message in messages:
                        self.report.refused.append(self.where.problem((name,), message))
            case InvalidQuestions():
                for path, message in error.errors:
                    self.report.refused.append(self.where.problem(("questions", *path), message))
            case PrerequisiteCycle():
                self.report.refused.append(self.where.problem((), str(error)))
            case _:
                return False
        return True
