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


def test_old_notes_go_and_the_newest_stays(exercise: Item) -> None:
    CatalogueChange.objects.update(changed_at=timezone.now() - 2 * KEPT)
    newest = CatalogueChange.objects.order_by("-pk")[0]
    assert services.prune_changes(now=timezone.now()) > 0
    assert list(CatalogueChange.objects.all()) == [newest]
    services.set_published(Item.objects.filter(pk=exercise.pk), published=False)
    assert services.prune_changes(now=timezone.now() + timedelta(minutes=1)) == 1
    assert CatalogueChange.objects.exists()
