"""The people and events of a data set, brought in by COPY, a batch of learners in each transaction."""

import csv
import io
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from common.api.errors import Refused
from django.db import connection, transaction
from django.utils.translation import gettext as _

from learners.models import User


class DatasetEvent(NamedTuple):
    """One row of a data set; `uid` is the same whenever the row is imported."""

    username: str
    uid: uuid.UUID
    verb: str
    item_id: int
    occurred_at: datetime
    success: bool | None = None
    score: float | None = None


# Temporary tables live as long as the transaction, which is all that a pooled connection promises.
_STAGE = """
CREATE TEMPORARY TABLE dataset_people (place integer, username text) ON COMMIT DROP;
CREATE TEMPORARY TABLE dataset_events (
    place integer, username text, uid uuid, verb text, item_id bigint, occurred_at timestamptz,
    success boolean, score double precision
) ON COMMIT DROP;
"""
_PEOPLE = """
INSERT INTO learners_user (username, password, is_superuser, first_name, last_name, email, is_staff, is_active,
                           date_joined, role, pseudonym, language, synthetic)
SELECT username, '!' || md5(random()::text), false, '', '', '', false, true, now(), 'learner', gen_random_uuid(), '', true
  FROM dataset_people ORDER BY place
ON CONFLICT (username) DO NOTHING
"""
# Clean from the start: a data set's learners don't sign in, so nobody waits for thousands of slates.
_STATES = """
INSERT INTO learners_learnerstate (learner_id, dirty_seq, clean_seq, claimed_by)
SELECT person.id, 0, 0, '' FROM dataset_people AS given JOIN learners_user AS person USING (username) ORDER BY place
ON CONFLICT (learner_id) DO NOTHING
"""
_ENROL = """
INSERT INTO learners_enrolment (learner_id, course_id, group_id, created_at)
SELECT person.id, %s, NULL, now()
  FROM dataset_people AS given JOIN learners_user AS person USING (username) ORDER BY place
ON CONFLICT DO NOTHING
"""
# Ordered, because events of one moment are told apart by their id. Answers of a data set are believed.
_EVENTS = """
INSERT INTO learners_event (actor_id, uid, verb, item_id, occurred_at, received_at, success, score, context, graded)
SELECT person.id, uid, verb, item_id, occurred_at, now(), success, score, '{}', success IS NOT NULL
  FROM dataset_events AS given JOIN learners_user AS person USING (username) ORDER BY place
ON CONFLICT (actor_id, uid) DO NOTHING
"""
# A rating says that the item was studied, so it counts as completed, as the data set has no other word for it.
_PROGRESS = """
INSERT INTO learners_itemprogress
    (learner_id, item_id, first_at, last_at, completed_at, attempts, "right", last_right, wrong_streak, seconds)
SELECT actor_id, item_id, min(occurred_at), max(occurred_at),
       max(occurred_at) FILTER (WHERE verb <> 'answered' OR success),
       count(*) FILTER (WHERE verb = 'answered'),
       count(*) FILTER (WHERE success),
       (array_agg(success ORDER BY occurred_at DESC, id DESC) FILTER (WHERE verb = 'answered'))[1],
       count(*) FILTER (WHERE verb = 'answered' AND wrong_since),
       0
  FROM (SELECT *, NOT bool_or(coalesce(success, false)) OVER (
                    PARTITION BY actor_id, item_id ORDER BY occurred_at DESC, id DESC) AS wrong_since
          FROM learners_event
         WHERE actor_id IN (SELECT id FROM learners_user JOIN dataset_people USING (username))) AS event
 GROUP BY actor_id, item_id
ON CONFLICT (learner_id, item_id) DO UPDATE SET
    first_at = excluded.first_at, last_at = excluded.last_at, completed_at = excluded.completed_at,
    attempts = excluded.attempts, "right" = excluded."right", last_right = excluded.last_right,
    wrong_streak = excluded.wrong_streak
"""


def refuse_names_of_people(usernames: Sequence[str]) -> None:
    """Raise Refused where one of a data set's names belongs to a person: to be asked before anything is written."""
    if taken := User.objects.filter(username__in=usernames, synthetic=False).first():
        raise Refused(_("%(name)s is the name of a person.") % {"name": taken.username})


def import_dataset_learners(
    *, course_id: int, usernames: Sequence[str], events: Sequence[DatasetEvent]
) -> int:
    """Create the learners where they are missing, enrol them, store their events, and return how many events were new.

    One transaction: a batch is there as a whole or not at all, and importing it again changes nothing. Nobody is marked
    for a refresh, since a data set's learners don't sign in: a slate is computed when one is read. Raises Refused where
    one of the names belongs to a person.
    """
    refuse_names_of_people(usernames)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_STAGE)
        _copy(cursor, "dataset_people", enumerate_rows((name,) for name in usernames))
        _copy(cursor, "dataset_events", enumerate_rows(map(_plain, events)))
        cursor.execute(_PEOPLE)
        cursor.execute(_STATES)
        cursor.execute(_ENROL, [course_id])
        cursor.execute(_EVENTS)
        stored = int(cursor.rowcount)
        if stored:
            cursor.execute(_PROGRESS)
    return stored


def enumerate_rows(rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Put each row's place before it."""
    return ((place, *row) for place, row in enumerate(rows))


def _plain(event: DatasetEvent) -> tuple[Any, ...]:
    return (
        event.username,
        event.uid,
        event.verb,
        event.item_id,
        event.occurred_at.isoformat(),
        "" if event.success is None else event.success,
        "" if event.score is None else event.score,
    )


def _copy(cursor: Any, table: str, rows: Iterator[tuple[Any, ...]]) -> None:
    """COPY in CSV, in which an unquoted empty field is NULL."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    buffer.seek(0)
    cursor.copy_expert(f"COPY {table} FROM STDIN WITH (FORMAT csv)", buffer)
