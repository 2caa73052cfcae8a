"""The catalogue as rows for the worker and as a tree for pages."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, F, Max, Q, QuerySet, Value

from content.models import CatalogueChange, Item, Section


class CatalogueRow(NamedTuple):
    """What the recommender knows of one item, apart from its vector."""

    id: int
    slug: str
    kind: str
    course_id: int
    position: int
    minutes: float
    difficulty: float
    text_hash: str
    published: bool
    """Of the item and of its course."""
    concept_ids: tuple[int, ...]
    """In ascending order."""


_STORED = ("id", "slug", "kind", "course_id", "position", "minutes", "difficulty", "text_hash")


def get_syllabus(course_ids: Iterable[int]) -> list[int]:
    """Return the ids of the published items of the courses in tree order, courses in the order given."""
    wanted = list(dict.fromkeys(course_ids))
    order = {course_id: place for place, course_id in enumerate(wanted)}
    rows = (
        Item.objects.published()
        .of_courses(wanted)
        .in_tree_order()
        .values_list("course_id", "position", "pk")
    )
    return [pk for *_, pk in sorted(rows, key=lambda row: (order[row[0]], row[1], row[2]))]


def catalogue_rows(*, course_ids: Collection[int] | None = None) -> list[CatalogueRow]:
    """Return every item there is, or those of some courses, unpublished ones too, by ascending id; one query."""
    items = Item.objects.all() if course_ids is None else Item.objects.of_courses(course_ids)
    rows = (
        items.annotate(
            concept_ids=ArrayAgg(
                "concepts", filter=Q(concepts__isnull=False), order_by="concepts", default=Value([])
            ),
            course_published=F("course__published"),
        )
        .order_by("pk")
        .values(*_STORED, "published", "course_published", "concept_ids")
    )
    return [
        CatalogueRow(
            **{name: row[name] for name in _STORED},
            published=row["published"] and row["course_published"],
            concept_ids=tuple(row["concept_ids"]),
        )
        for row in rows.iterator(chunk_size=5_000)
    ]


def read_revision() -> str:
    """Return a value that is another one after every committed change of what `catalogue_rows` and `prerequisite_map` read.

    One small query. Read it before the rows: then what is kept beside it is as new as it says, or newer.
    """
    # Transactions commit in another order than their statements ran, so the highest number could miss one. But notes
    # only become more until some are deleted, and each deletion leaves a note with a higher number than the last did.
    found = CatalogueChange.objects.aggregate(
        count=Count("pk"), deletion=Max("pk", filter=Q(pruned=True))
    )
    return f"{found['deletion'] or 0}:{found['count']}"


def list_items(ids: Iterable[int]) -> QuerySet[Item]:
    """Return the items with their course and concepts at hand, in no certain order."""
    return (
        Item.objects.filter(pk__in=list(ids))
        .select_related("course", "section")
        .prefetch_related("concepts")
    )


@dataclass
class OutlineSection:
    """A section with what lies in it, in order. `section` is None for items outside any section."""

    section: Section | None
    items: list[Item] = field(default_factory=list)
    children: list["OutlineSection"] = field(default_factory=list)


@dataclass
class Outline:
    """A course's tree."""

    course_id: int
    sections: list[OutlineSection]


def get_outline(course_id: int) -> Outline:
    """Return the course's sections and published items as a tree; empty sections are left out. Three queries."""
    sections = list(Section.objects.filter(course_id=course_id).order_by("position", "pk"))
    nodes = {section.pk: OutlineSection(section) for section in sections}
    loose = OutlineSection(None)
    items = Item.objects.published().of_courses([course_id]).in_tree_order()
    for item in items.prefetch_related("concepts"):
        nodes.get(item.section_id or 0, loose).items.append(item)
    roots: list[OutlineSection] = []
    for section in sections:
        parent = nodes.get(section.parent_id or 0)
        (parent.children if parent else roots).append(nodes[section.pk])
    return Outline(course_id, _prune([*roots, loose]))


def _prune(nodes: list[OutlineSection]) -> list[OutlineSection]:
    for node in nodes:
        node.children = _prune(node.children)
    return [node for node in nodes if node.items or node.children]
