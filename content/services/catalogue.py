"""Writes to courses, sections, items and concepts.

Every `create_…` and `update_…` validates what it writes and raises Django's ValidationError, its messages
by field; InvalidQuestions and PrerequisiteCycle come from their own services. An update tells whether it
changed anything, and writes nothing where it did not. Whatever changes the text of items has it encoded
again after commit; whatever changes which items may be listed, or in which order, is told to who studies them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from common.audience import changing_courses
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, Model, QuerySet
from django.utils.translation import gettext as _

from content.models import Concept, Course, Item, Section
from content.services.concepts import set_prerequisites
from content.services.questions import set_questions
from content.services.vectors import compute_text_hashes
from content.text import is_storable

COURSE_FIELDS = frozenset(
    {
        *("slug", "title", "language", "summary", "description", "subject", "audience"),
        *("licence", "authors", "translation_of", "published", "synthetic"),
    }
)
SECTION_FIELDS = frozenset({"slug", "title", "summary", "parent", "position"})
LISTED_FIELDS = frozenset({"course", "section", "kind", "position", "published", "concepts"})
"""Those of an item that decide where it is listed, for whom and after what."""
CONCEPT_FIELDS = frozenset({"slug", "title", "description"})
ITEM_FIELDS = frozenset(
    {
        *("course", "section", "slug", "title", "kind", "position", "body", "file"),
        *("minutes", "difficulty", "published"),
    }
)


@transaction.atomic
def create_course(*, sections: Sequence[Mapping[str, Any]] = (), **fields: Any) -> Course:
    """Create a course from COURSE_FIELDS, `slug` and `title` at least, with its sections."""
    course = Course()
    _write(course, fields, COURSE_FIELDS)
    set_sections(course=course, sections=sections)
    return course


def update_course(
    *, course: Course, sections: Sequence[Mapping[str, Any]] | None = None, **fields: Any
) -> bool:
    """Change COURSE_FIELDS of a course and, where given, all of its sections."""
    was_published = course.published
    with changing_courses() as courses:
        changed = _write(course, fields, COURSE_FIELDS)
        if sections is not None:
            changed |= set_sections(course=course, sections=sections)
        if course.published != was_published:
            courses.add(course.pk)
    return changed


def set_courses_published(courses: QuerySet[Course], *, published: bool) -> int:
    """Publish or withdraw courses, and return how many changed. Nothing that people did in them is lost."""
    with changing_courses() as changed:
        ids = set(courses.exclude(published=published).values_list("pk", flat=True))
        changed.update(ids)
        return Course.objects.filter(pk__in=ids).update(published=published)


def set_sections(*, course: Course, sections: Sequence[Mapping[str, Any]]) -> bool:
    """Make `sections` those of `course`, in this order, and tell whether that changed anything.

    Each has `slug` and `title`, and may have `summary` and `parent`, the slug of a section before it.
    Rows are recognised by slug; a section that is not named is deleted, its items stay in the course.
    """
    with changing_courses() as courses:
        changed = _set_sections(course, sections)
        if changed and course.published:
            courses.add(course.pk)
    return changed


def _set_sections(course: Course, sections: Sequence[Mapping[str, Any]]) -> bool:
    rows = {section.slug: section for section in course.sections.all()}
    placed: dict[str, Section] = {}
    changed = False
    for position, data in enumerate(sections):
        slug, above = data["slug"], data.get("parent")
        if slug in placed:
            raise ValidationError({"sections": _("“%s” occurs twice.") % slug})
        if above is not None and above not in placed:
            raise ValidationError({"sections": _("“%s” is no section before this one.") % above})
        fields = {
            "title": data["title"],
            "summary": data.get("summary", ""),
            "parent": placed[above] if above is not None else None,
            "position": position,
        }
        if slug in rows:
            changed |= update_section(section=rows[slug], **fields)
            placed[slug] = rows[slug]
        else:
            placed[slug] = create_section(course=course, slug=slug, **fields)
            changed = True
    gone = course.sections.exclude(slug__in=placed)
    # Children that stay were given another parent above, so none is deleted along.
    return bool(gone.delete()[0]) or changed


def create_section(*, course: Course, **fields: Any) -> Section:
    """Create a section of `course` from SECTION_FIELDS; `slug` and `title` at least."""
    section = Section(course=course)
    _write(section, fields, SECTION_FIELDS)
    return section


def update_section(*, section: Section, **fields: Any) -> bool:
    """Change SECTION_FIELDS of a section."""
    with changing_courses() as courses:
        changed = _write(section, fields, SECTION_FIELDS)
        if changed and section.course.published:
            courses.add(section.course_id)
    return changed


@transaction.atomic
def create_concept(*, prerequisites: Iterable[Concept] = (), **fields: Any) -> Concept:
    """Create a concept from CONCEPT_FIELDS; `slug` and `title` at least."""
    concept = Concept()
    _write(concept, fields, CONCEPT_FIELDS)
    set_prerequisites(concept=concept, prerequisites=prerequisites)
    return concept


@transaction.atomic
def update_concept(
    *,
    concept: Concept,
    prerequisites: Iterable[Concept] | None = None,
    **fields: Any,
) -> bool:
    """Change CONCEPT_FIELDS of a concept and, where given, its prerequisites."""
    retitled = "title" in fields and fields["title"] != concept.title
    changed = _write(concept, fields, CONCEPT_FIELDS)
    if prerequisites is not None:
        changed |= set_prerequisites(concept=concept, prerequisites=prerequisites)
    if retitled:
        compute_text_hashes(concept.items.values_list("pk", flat=True))
    return changed


def create_item(
    *,
    course: Course,
    concepts: Iterable[Concept] = (),
    questions: Sequence[Mapping[str, Any]] = (),
    **fields: Any,
) -> Item:
    """Create an item of `course` from ITEM_FIELDS; `slug`, `title` and `kind` at least.

    Without a position it is the last of its course. Questions have the shape of
    `services.questions.QuestionData`.
    """
    if "position" not in fields:
        last = course.items.aggregate(last=Max("position"))["last"]
        fields["position"] = 0 if last is None else last + 1
    item = Item()
    with changing_courses() as courses:
        _write(item, {**fields, "course": course}, ITEM_FIELDS)
        item.concepts.set(concepts)
        set_questions(item=item, questions=questions)
        refresh_text_hash(item)
        courses.update(list_showing(item))
    return item


def update_item(
    *,
    item: Item,
    concepts: Iterable[Concept] | None = None,
    questions: Sequence[Mapping[str, Any]] | None = None,
    **fields: Any,
) -> bool:
    """Change ITEM_FIELDS of an item and, where given, all of its concepts or all of its questions."""
    before = list_showing(item)
    listed = any(getattr(item, name) != fields[name] for name in LISTED_FIELDS & fields.keys())
    with changing_courses() as courses:
        changed = _update_item(item, fields, questions)
        if concepts is not None:
            wanted = list(concepts)
            if {one.pk for one in wanted} != {one.pk for one in item.concepts.all()}:
                item.concepts.set(wanted)
                changed = listed = True
        if changed:
            refresh_text_hash(item)
        if listed:
            courses.update(before | list_showing(item))
    return changed


def list_showing(item: Item) -> set[int]:
    """The course whose learners may have the item on their lists; none where it or the course is a draft."""
    return {item.course_id} if item.published and item.course.published else set()


def _update_item(
    item: Item, fields: Mapping[str, Any], questions: Sequence[Mapping[str, Any]] | None
) -> bool:
    was_kind = item.kind
    changed = _write(item, fields, ITEM_FIELDS)
    if questions is None and item.kind != was_kind:
        # A kind without questions, or with another number of them, must not slip through.
        questions = [
            {
                "prompt": question.prompt,
                "answer_type": question.answer_type,
                "key": question.key,
                "hints": question.hints,
                "explanation": question.explanation,
            }
            for question in item.questions.all()
        ]
    if questions is not None:
        changed |= set_questions(item=item, questions=questions)
    return changed


def set_published(items: QuerySet[Item], *, published: bool) -> int:
    """Publish or withdraw items, and return how many changed. Nothing that people did on them is lost."""
    with changing_courses() as courses:
        changed = set(items.exclude(published=published).values_list("pk", flat=True))
        shown = Item.objects.filter(pk__in=changed, course__published=True)
        courses.update(shown.values_list("course", flat=True).distinct())
        return Item.objects.filter(pk__in=changed).update(published=published)


def refresh_text_hash(item: Item) -> None:
    """Bring the hash of one item up to date, on the object as well."""
    compute_text_hashes([item.pk])
    item.refresh_from_db(fields=["text_hash"])


def _write(row: Model, fields: Mapping[str, Any], allowed: frozenset[str]) -> bool:
    if unknown := sorted(set(fields) - allowed):
        raise TypeError(f"unknown fields of {row._meta.label}: {', '.join(unknown)}")
    changed = [name for name, value in fields.items() if getattr(row, name, None) != value]
    for name in changed:
        setattr(row, name, fields[name])
    if row.pk and not changed:
        return False
    _refuse_unstorable(fields)
    _refuse_foreign_section(row)
    row.full_clean()
    row.save()
    return True


def _refuse_unstorable(fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        texts = value if isinstance(value, list) else [value]
        if not all(is_storable(text) for text in texts if isinstance(text, str)):
            raise ValidationError({name: _("Contains a character that cannot be stored (NUL).")})


def _refuse_foreign_section(row: Model) -> None:
    if isinstance(row, Item) and row.section and row.section.course_id != row.course_id:
        raise ValidationError({"section": _("Belongs to another course.")})
    if isinstance(row, Section) and row.parent:
        if row.parent.course_id != row.course_id:
            raise ValidationError({"parent": _("Belongs to another course.")})
        above: Section | None = row.parent
        while above is not None:
            if above == row:
                raise ValidationError({"parent": _("Lies in this very section.")})
            above = above.parent
