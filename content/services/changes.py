"""Notes of changes, which triggers write, are only ever deleted here."""

from datetime import datetime, timedelta
from typing import Final

from common.turns import take_turn
from django.db import transaction

from content.models import CatalogueChange

KEPT: Final = timedelta(hours=1)
"""Deleting a note makes every worker read the catalogue once more; notes of the last hour would bring that on for little."""


@transaction.atomic
def prune_changes(*, now: datetime) -> int:
    """Delete old notes and leave one that says so; return how many went.

    A note may be deleted before anybody has seen it: an import of hours writes its notes at its beginning and commits
    them at its end. Nothing is lost by that, since whoever keeps a copy of the catalogue sees the note that is left
    here, which is newer than all that it can have seen (`content.selectors.read_revision`).
    """
    # Two at once could leave their notes in another order than they delete.
    take_turn("attune catalogue changes")
    left = CatalogueChange.objects.filter(pruned=True).order_by("-pk").values("pk")[:1]
    old = CatalogueChange.objects.filter(changed_at__lt=now - KEPT).exclude(pk__in=left)
    gone: int = old.delete()[0]
    if gone:
        CatalogueChange.objects.create(pruned=True)
    return gone
