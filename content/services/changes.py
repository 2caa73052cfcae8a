"""Notes of changes, which triggers write, are only ever deleted here."""

from datetime import datetime, timedelta
from typing import Final

from content.models import CatalogueChange

KEPT: Final = timedelta(hours=1)
"""Whoever keeps a copy compares its number with the present one; older notes tell nobody anything."""


def prune_changes(*, now: datetime) -> int:
    """Delete old notes but the newest, which keeps the numbers apart; return how many went."""
    newest = CatalogueChange.objects.order_by("-pk").values("pk")[:1]
    old = CatalogueChange.objects.filter(changed_at__lt=now - KEPT).exclude(pk__in=newest)
    return old.delete()[0]
