"""What can be wrong between files, or between files and the database, though each file is right."""

from collections.abc import Iterable, Iterator

from django.utils.translation import gettext as _

from content.importers.drafts import ConceptDraft, Parsed, Problem, Where
from content.models import Concept, Course, Item, Prerequisite
from content.selectors import find_cycle


def check_drafts(parsed: Parsed) -> list[Problem]:
    """Return what forbids writing the drafts: slugs used twice, names nobody has, a cycle of prerequisites."""
    courses = parsed.courses
    concepts = [concept for course in courses for concept in course.concepts]
    items = [item for course in courses for item in course.items]
    problems = [
        *_duplicates((course.slug, course.where) for course in courses),
        *_duplicates((concept.slug, concept.where) for concept in concepts),
        *_duplicates((item.slug, item.where) for item in items),
    ]
    for course in courses:
        problems += _duplicates((section.slug, section.where) for section in course.sections)
    # A file that could not be read may hold what others name: only its own flaw is reported then.
    if not parsed.problems:
        problems += _unknown_names(parsed, concepts)
    problems += _foreign_items(parsed)
    problems += _cycle(concepts)
    return problems


def _duplicates(entries: Iterable[tuple[str, Where]]) -> Iterator[Problem]:
    first: dict[str, Where] = {}
    for slug, where in entries:
        if slug in first:
            line = first[slug].find(("slug",))[1]
            message = _("“%(slug)s” is used already, in %(file)s:%(line)s") % {
                "slug": slug,
                "file": first[slug].file,
                "line": line,
            }
            yield where.problem(("slug",), message)
        else:
            first[slug] = where


def _unknown_names(parsed: Parsed, concepts: list[ConceptDraft]) -> Iterator[Problem]:
    named = {slug for concept in concepts for slug in concept.prerequisites}
    named |= {slug for course in parsed.courses for item in course.items for slug in item.concepts}
    known = {concept.slug for concept in concepts}
    known |= set(Concept.objects.filter(slug__in=named - known).values_list("slug", flat=True))
    unknown = _("has an unknown concept: %s")
    for concept in concepts:
        for index, slug in enumerate(concept.prerequisites):
            if slug not in known:
                yield concept.where.problem(("prerequisites", index), unknown % slug)
    for course in parsed.courses:
        for item in course.items:
            for index, slug in enumerate(item.concepts):
                if slug not in known:
                    yield item.where.problem(("concepts", index), unknown % slug)
    course_slugs = {course.slug for course in parsed.courses}
    for course in parsed.courses:
        original = course.translation_of
        if original == course.slug:
            yield course.where.problem(("translation_of",), _("names the course itself"))
        elif (
            original
            and original not in course_slugs
            and not Course.objects.filter(slug=original).exists()
        ):
            yield course.where.problem(
                ("translation_of",), _("names an unknown course: %s") % original
            )


def _foreign_items(parsed: Parsed) -> Iterator[Problem]:
    """An item moves between courses that are imported together; others keep theirs."""
    drafts = {item.slug: item for course in parsed.courses for item in course.items}
    taken = (
        Item.objects.filter(slug__in=drafts)
        .exclude(course__slug__in=[course.slug for course in parsed.courses])
        .order_by("slug")
        .values_list("slug", "course__slug")
    )
    for slug, course_slug in taken:
        message = _("“%(slug)s” belongs to the course %(course)s") % {
            "slug": slug,
            "course": course_slug,
        }
        yield drafts[slug].where.problem(("slug",), message)


def _cycle(concepts: list[ConceptDraft]) -> Iterator[Problem]:
    graph: dict[str, list[str]] = {}
    stored = Prerequisite.objects.order_by("concept__slug", "prerequisite__slug")
    for concept, prerequisite in stored.values_list("concept__slug", "prerequisite__slug"):
        graph.setdefault(concept, []).append(prerequisite)
    drafts = {concept.slug: concept for concept in concepts}
    graph |= {slug: list(concept.prerequisites) for slug, concept in drafts.items()}
    cycle = find_cycle(graph)
    if cycle:
        # The database has no cycle, so at least one of them is in the files.
        written = next(drafts[slug] for slug in cycle if slug in drafts)
        message = _("form a circle: %s") % " → ".join(cycle)
        yield written.where.problem(("prerequisites",), message)
