"""What learners said of items in numbers, for the fit of re-weighting: ratings, and whether something helped."""

from datetime import datetime
from typing import NamedTuple

from django.db import connection

_HELPFUL = """
SELECT learner_id, item_id, extract(epoch FROM received_at), (signal = 'helpful')::int::float8
  FROM (SELECT learner_id, item_id, received_at, signal,
               row_number() OVER (PARTITION BY learner_id, item_id ORDER BY received_at DESC, id DESC) AS age
          FROM recommender_feedback
         WHERE withdrawn_at IS NULL AND received_at <= %(until)s AND signal IN ('helpful', 'not_helpful')) AS said
 WHERE age = 1
"""
_RATED = """
SELECT actor_id, item_id, extract(epoch FROM occurred_at), score
  FROM (SELECT actor_id, item_id, occurred_at, score,
               row_number() OVER (PARTITION BY actor_id, item_id ORDER BY occurred_at DESC, id DESC) AS age
          FROM learners_event
         WHERE verb = 'rated' AND score IS NOT NULL AND received_at <= %(until)s) AS rated
 WHERE age = 1
"""


class Opinion(NamedTuple):
    """One learner's last word on an item, from 0 to 1; `at` in unix seconds."""

    learner_id: int
    item_id: int
    at: float
    value: float


def read_opinions(*, until: datetime) -> list[Opinion]:
    """Return what was received up to `until` and is in force, of each learner and item a rating and a word at most."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_HELPFUL} UNION ALL {_RATED}", {"until": until})
        return [Opinion(one, item, float(at), float(value)) for one, item, at, value in cursor]
