"""Storing what the active version met in a day."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from recommender.models import HealthSummary


def store_summary(
    *,
    version_id: int,
    day: date,
    measured_at: datetime,
    read: int,
    anomalous: Mapping[str, int],
    repaired: int,
    measures: Mapping[str, Any],
) -> None:
    """Write the day's counts in place of those of an earlier hour."""
    HealthSummary.objects.bulk_create(
        [
            HealthSummary(
                version_id=version_id,
                day=day,
                measured_at=measured_at,
                read=read,
                anomalous=dict(anomalous),
                repaired=repaired,
                measures=dict(measures),
            )
        ],
        update_conflicts=True,
        unique_fields=["version", "day"],
        update_fields=["measured_at", "read", "anomalous", "repaired", "measures"],
    )


def prune_summaries(*, now: datetime, days: int) -> int:
    """Delete days that are older; returns how many."""
    pruned, _of = HealthSummary.objects.filter(day__lt=now.date() - timedelta(days=days)).delete()
    return pruned
