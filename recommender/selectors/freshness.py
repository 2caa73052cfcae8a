"""Which slates are behind: counts of changes, and versions."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final, cast

from django.db import connection
from django.db.models import F, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from learners.models import LearnerState
from recommender.models import Activation, Slate
from recommender.selectors.experiments import select_arm
from recommender.selectors.versions import get_serving_version_id

RECENT: Final = timedelta(days=14)
"""After an activation these are refreshed by the sweeper, the others at their next read."""


REMEMBERED: Final = timedelta(minutes=1)
_none_outdated: dict[tuple[int, int | None], datetime] = {}


def read_clock() -> datetime:
    """Return the database's time: a learner's newest slate is told by it, whichever machines computed her slates."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    return cast(datetime, now)


def read_counts(*, learner_ids: Collection[int]) -> dict[int, tuple[int, int]]:
    """Return (dirty_seq, clean_seq) of those learners who have a state row."""
    rows = LearnerState.objects.filter(learner__in=learner_ids)
    return {
        learner: (dirty, clean)
        for learner, dirty, clean in rows.values_list("learner_id", "dirty_seq", "clean_seq")
    }


def read_clock_and_counts(*, learner_id: int) -> tuple[datetime, int, int]:
    """Return `read_clock`, dirty_seq and clean_seq (0 where she has no state row yet) in one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT clock_timestamp(), coalesce(max(dirty_seq), 0), coalesce(max(clean_seq), 0)
              FROM learners_learnerstate WHERE learner_id = %s
            """,
            [learner_id],
        )
        now, dirty, clean = cursor.fetchone()
    return cast(datetime, now), int(dirty), int(clean)


def list_outdated(*, version_id: int, now: datetime, limit: int) -> list[int]:
    """Return learners, latest active first, whose newest slate is not of `version_id`, active in the last 14 days.

    Of who takes part in the experiment that runs, the version is that of her arm.
    """
    newest = (
        Slate.objects.filter(learner=OuterRef("learner_id"))
        .order_by("-computed_at")
        .annotate(version=Coalesce("model_version", 0))
        .values("version")[:1]
    )
    return list(
        LearnerState.objects.filter(active_at__gt=now - RECENT)
        .annotate(
            version=Coalesce(Subquery(newest), -1),
            wanted=Coalesce(select_arm("learner_id"), Value(version_id)),
        )
        .exclude(version=F("wanted"))
        .order_by("-active_at")
        .values_list("learner_id", flat=True)[:limit]
    )


def measure_lag() -> tuple[int, float]:
    """Return how many learners wait for a newer slate, and the seconds since the change that waits longest."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(dirty_at)), 0)
              FROM learners_learnerstate WHERE dirty_seq > clean_seq
            """
        )
        waiting, seconds = cursor.fetchone()
    return int(waiting), max(float(seconds), 0.0)


def list_orphans(*, limit: int) -> set[int]:
    """Return stale learners whose claim ran out before a slate was written: their worker is likely to have died."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT learner_id FROM learners_learnerstate
             WHERE dirty_seq > clean_seq AND claimed_until < clock_timestamp()
             ORDER BY dirty_at LIMIT %s
            """,
            [limit],
        )
        return {row[0] for row in cursor.fetchall()}


def count_waiting(*, limit: int) -> int:
    """Return how many stale learners nobody works on, at most `limit`."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FROM (
                SELECT FROM learners_learnerstate
                 WHERE dirty_seq > clean_seq
                   AND (claimed_until IS NULL OR claimed_until < clock_timestamp())
                 LIMIT %s) AS waiting
            """,
            [limit],
        )
        (waiting,) = cursor.fetchone()
    return int(waiting)


def find_outdated(*, now: datetime) -> bool:
    """Tell whether a recently active learner has a slate of another version than the one that serves.

    It compares one slate of each, so a no is remembered for a minute by this process, until the next activation.
    """
    version = get_serving_version_id()
    if version is None:
        return False
    activation = Activation.objects.order_by("-pk").values_list("pk", flat=True).first()
    if _none_outdated.get((version, activation), now - REMEMBERED) > now - REMEMBERED:
        return False
    found = bool(list_outdated(version_id=version, now=now, limit=1))
    _none_outdated.clear()
    if not found:
        _none_outdated[version, activation] = now
    return found


def forget_outdated() -> None:
    """Drop what this process remembers, as a fresh process would start."""
    _none_outdated.clear()
