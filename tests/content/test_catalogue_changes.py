"""Every way to change the catalogue is noticed by whoever keeps a copy of it, once it is committed and not before."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from content import services
from content.models import CatalogueChange, Concept, Course, Item, Prerequisite
from content.selectors import read_revision
from content.services.changes import KEPT


def _publish_in_bulk(item: Item) -> None:
    Item.objects.filter(pk=item.pk).update(published=False)


def _write_by_hand(item: Item) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE content_course SET published = false")


def _teach(item: Item) -> None:
    item.concepts.add(Concept.objects.create(slug="new", title="New"))


def _require(item: Item) -> None:
    first, second = (Concept.objects.create(slug=slug, title=slug) for slug in ("a", "b"))
    Prerequisite.objects.create(concept=first, prerequisite=second)


def _empty(item: Item) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what is pending forbids it
        cursor.execute("TRUNCATE content_item CASCADE")


@pytest.mark.parametrize(
    "change",
    [_publish_in_bulk, _write_by_hand, _teach, _require, _empty, Item.delete, Course.delete],
)
def test_every_change_is_noticed(exercise: Item, change: Callable[[Any], Any]) -> None:
    before = read_revision()
    assert read_revision() == before
    change(exercise.course if change is Course.delete else exercise)
    assert read_revision() != before


def test_what_is_taken_back_is_no_change(exercise: Item) -> None:
    before = read_revision()
    with transaction.atomic():
        services.set_published(Item.objects.filter(pk=exercise.pk), published=False)
        transaction.set_rollback(True)
    assert read_revision() == before


def test_old_notes_go_and_one_says_so(exercise: Item) -> None:
    CatalogueChange.objects.update(changed_at=timezone.now() - 2 * KEPT)
    assert services.prune_changes(now=timezone.now()) > 0
    (left,) = CatalogueChange.objects.all()
    assert left.pruned
    # Where nothing was deleted, nobody has to read the catalogue again.
    before = read_revision()
    assert services.prune_changes(now=timezone.now() + 2 * KEPT) == 0
    assert read_revision() == before
    services.set_published(Item.objects.filter(pk=exercise.pk), published=False)
    assert services.prune_changes(now=timezone.now() + timedelta(minutes=1)) == 0
    assert CatalogueChange.objects.count() == 2


@pytest.mark.parametrize("hours", [0.0, 2.0])
def test_a_note_that_is_deleted_before_anybody_saw_it_is_noticed(
    exercise: Item, hours: float
) -> None:
    """An import of hours: its note has the time of its beginning, and a lower number than what others committed since."""
    CatalogueChange.objects.update(changed_at=timezone.now() - 30 * KEPT)
    of_the_import = CatalogueChange.objects.create().pk
    CatalogueChange.objects.filter(pk=of_the_import).delete()
    CatalogueChange.objects.create()
    services.prune_changes(now=timezone.now())
    seen = read_revision()
    CatalogueChange.objects.filter(pruned=False).update(
        changed_at=timezone.now() - timedelta(hours=hours)
    )
    assert read_revision() == seen
    CatalogueChange.objects.create(pk=of_the_import, changed_at=timezone.now() - timedelta(hours=3))
    services.prune_changes(now=timezone.now())
    assert not CatalogueChange.objects.filter(pk=of_the_import).exists()
    assert read_revision() != seen
