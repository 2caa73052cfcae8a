"""The catalogue of a data set: one course that holds its items, marked synthetic."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.api.errors import Refused
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from content.models import Concept, Course, Item
from content.text import is_storable

_SLUG_LENGTH = 100
_TITLE_LENGTH = 120
_BATCH = 1_000


@dataclass(frozen=True)
class DatasetItem:
    """One item of a data set, under the key that the set gives it."""

    key: str
    text: str = ""
    concepts: tuple[str, ...] = ()


def make_dataset_slug(course: str, key: str) -> str:
    """Return the slug under which `key` is kept: readable where the key allows, else a hash of it; never another key's."""
    slug = f"{course}-{key}"
    if re.fullmatch(r"[A-Za-z0-9_]+", key) and len(slug) <= _SLUG_LENGTH:
        return slug
    digest = hashlib.sha256(key.encode()).hexdigest()[:20]
    name = slugify(key)[: _SLUG_LENGTH - len(course) - 24]
    return f"{course}-{name}--{digest}"


@transaction.atomic
def import_dataset_course(
    *, slug: str, title: str, kind: str, items: Sequence[DatasetItem]
) -> tuple[int, dict[str, int]]:
    """Create or update the synthetic course `slug` with its items and concepts; return its id and item ids by key.

    Doing it again changes what differs and keeps every id. Texts and hashes are as usual: see `compute_text_hashes`.
    Raises Refused where a course of people has that slug, another course an item's, or a text cannot be stored.
    """
    if len(slug) > _SLUG_LENGTH // 2 or slugify(slug) != slug:
        raise Refused(_("%(slug)s: not a short slug.") % {"slug": slug})
    for item in items:
        if not all(map(is_storable, (item.key, item.text, *item.concepts))):
            raise Refused(_("Item %(key)s: the text holds a NUL.") % {"key": repr(item.key)})
    course, created = Course.objects.select_for_update().get_or_create(
        slug=slug, defaults={"title": title, "synthetic": True}
    )
    if not created and not course.synthetic:
        raise Refused(_("%(slug)s is a course of people, not of a data set.") % {"slug": slug})
    rows = []
    for position, item in enumerate(items):
        heading, body = _split_text(item)
        rows.append(
            Item(
                course=course,
                slug=make_dataset_slug(slug, item.key),
                title=heading,
                body=body,
                kind=kind,
                position=position,
            )
        )
    slugs = [row.slug for row in rows]
    if taken := Item.objects.filter(slug__in=slugs).exclude(course=course).first():
        raise Refused(_("%(slug)s is an item of another course.") % {"slug": taken.slug})
    Item.objects.bulk_create(
        rows,
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=["slug"],
        update_fields=["title", "body", "kind", "position"],
    )
    ids = dict(Item.objects.filter(course=course).values_list("slug", "pk"))
    found = {item.key: ids[row.slug] for item, row in zip(items, rows, strict=True)}
    _link_concepts(slug, items, found)
    return course.pk, found


def _link_concepts(slug: str, items: Sequence[DatasetItem], ids: Mapping[str, int]) -> None:
    names = dict.fromkeys(name for item in items for name in item.concepts)
    Concept.objects.bulk_create(
        [Concept(slug=make_dataset_slug(slug, name), title=name[:200]) for name in names],
        ignore_conflicts=True,
        batch_size=_BATCH,
    )
    slugs = {make_dataset_slug(slug, name): name for name in names}
    concepts = {
        slugs[found]: pk
        for found, pk in Concept.objects.filter(slug__in=list(slugs)).values_list("slug", "pk")
    }
    link = Item.concepts.through
    link.objects.bulk_create(
        [
            link(item_id=ids[item.key], concept_id=concepts[name])
            for item in items
            for name in dict.fromkeys(item.concepts)
        ],
        ignore_conflicts=True,
        batch_size=5_000,
    )


def _split_text(item: DatasetItem) -> tuple[str, str]:
    """Title and body: the first sentence names the item, the rest describes it."""
    text = " ".join(item.text.split())
    first, stop, rest = text.partition(". ")
    if stop and len(first) <= _TITLE_LENGTH:
        return first or item.key[:_TITLE_LENGTH], rest
    if len(text) <= _TITLE_LENGTH:
        return text or item.key[:_TITLE_LENGTH], ""
    return f"{text[: _TITLE_LENGTH - 1]}…", text
