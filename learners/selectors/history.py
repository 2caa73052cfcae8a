"""Events as columns for the recommender: the newest of some learners, or all of them in bounded memory."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import starmap
from typing import NamedTuple

from django.db import connection, transaction


class HistoryRow(NamedTuple):
    """One event as the recommender reads it. `duration` is seconds of attention."""

    learner_id: int
    event_id: int
    item_id: int
    verb: str
    success: bool | None
    score: float | None
    graded: bool
    duration: float | None
    occurred_at: datetime
    received_at: datetime


_COLUMNS = "actor_id, id, item_id, verb, success, score, graded, duration, occurred_at, received_at"


def read_history(learner_ids: Collection[int], limit: int) -> list[HistoryRow]:
    """Return each learner's newest `limit` events, sorted by learner, then oldest first by (occurred_at, id).

    Impressions (`shown`) are left out: they are what the platform did, not what she did.
    """
    with connection.cursor() as cursor:
        # LATERAL walks the history index once a learner and stops at the limit; a window would read them all.
        cursor.execute(
            f"""
            SELECT newest.* FROM unnest(%s::bigint[]) AS learner(id)
             CROSS JOIN LATERAL (
                SELECT {_COLUMNS} FROM learners_event
                 WHERE actor_id = learner.id AND verb <> 'shown'
                 ORDER BY occurred_at DESC, id DESC
                 LIMIT %s) AS newest
             ORDER BY newest.actor_id, newest.occurred_at, newest.id
            """,  # noqa: S608  the columns are constants
            [sorted(set(learner_ids)), limit],
        )
        return list(starmap(HistoryRow, cursor.fetchall()))


def group_history(learner_ids: Collection[int], limit: int) -> dict[int, list[HistoryRow]]:
    """The same by learner; one without events has an empty list when asked for."""
    found: dict[int, list[HistoryRow]] = defaultdict(list)
    for row in read_history(learner_ids, limit):
        found[row.learner_id].append(row)
    return found


def stream_events(
    *, page_size: int = 20_000, received_until: datetime | None = None
) -> Iterator[list[HistoryRow]]:
    """Yield all events but impressions, sorted by learner, then (occurred_at, id), in pages of `page_size` rows.

    Memory holds one page, whatever the number of events: a server-side cursor inside one transaction of its own,
    which PgBouncer in transaction mode allows. All pages show one moment. Must not be called inside a transaction
    that has to stay open for something else; closing the iterator early ends the cursor.
    """
    with transaction.atomic():
        connection.ensure_connection()
        with connection.cursor() as setting:
            # All rows will be read, so the plan must be the best for the last row and not for the first.
            setting.execute("SET LOCAL cursor_tuple_fraction = 1")
        with connection.connection.cursor(name="learners_stream_events") as cursor:
            cursor.itersize = page_size
            cursor.execute(
                f"""
                SELECT {_COLUMNS} FROM learners_event
                 WHERE verb <> 'shown' AND (%(until)s::timestamptz IS NULL OR received_at <= %(until)s)
                 ORDER BY actor_id, occurred_at, id
                """,  # noqa: S608  the columns are constants
                {"until": received_until},
            )
            while rows := cursor.fetchmany(page_size):
                yield list(starmap(HistoryRow, rows))
