"""Writing what workers observed, and counting what is usual for items."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import connection

from recommender.models.observations import MOST, Observation

_PROFILES = """
INSERT INTO recommender_attentionprofile (learner_id, revision, limits, paused, state, folded_revision)
SELECT person.id, 0, '{}', false, '{}', 0 FROM learners_user AS person
 WHERE person.id = ANY(%s) ORDER BY person.id
ON CONFLICT (learner_id) DO NOTHING
"""

_PRUNE = """
DELETE FROM recommender_observation WHERE id IN (
    SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY learner_id
                                                      ORDER BY received_at DESC, event DESC, respect DESC) AS age
                      FROM recommender_observation WHERE learner_id = ANY(%s)) AS aged
     WHERE age > %s)
"""

# A median per item needs its times sorted, which is once a training run and in one pass over the table.
_NORMS = """
INSERT INTO recommender_itemnorm (item_id, finished, abandoned, ratings, rating_sum, timed, seconds)
SELECT item_id,
       count(*) FILTER (WHERE verb = 'completed'),
       count(*) FILTER (WHERE verb = 'abandoned'),
       count(score) FILTER (WHERE verb = 'rated'),
       coalesce(sum(score) FILTER (WHERE verb = 'rated'), 0),
       count(*) FILTER (WHERE verb = 'completed' AND duration > 0),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY duration) FILTER (WHERE verb = 'completed' AND duration > 0)
  FROM learners_event
 WHERE received_at <= %s AND verb IN ('completed', 'abandoned', 'rated')
 GROUP BY item_id
ON CONFLICT (item_id) DO UPDATE SET
    finished = excluded.finished, abandoned = excluded.abandoned, ratings = excluded.ratings,
    rating_sum = excluded.rating_sum, timed = excluded.timed, seconds = excluded.seconds
"""


def make_profiles(*, learner_ids: Collection[int]) -> None:
    """Make attention profiles for those who have none.

    Not in the transaction that holds the learners' states: somebody who is making the same row waits for these.
    """
    if learner_ids:
        with connection.cursor() as cursor:
            cursor.execute(_PROFILES, [sorted(learner_ids)])


def store_observations(observations: Sequence[Observation]) -> None:
    """Write these, each in place of the earlier one in the same respect, and drop each learner's beyond the newest 100.

    Call it in the transaction that marks their learners clean, which keeps other workers away from them.
    """
    if not observations:
        return
    Observation.objects.bulk_create(
        observations,
        update_conflicts=True,
        unique_fields=["learner", "item", "respect"],
        update_fields=[
            *("signal", "surprise", "event", "received_at"),
            *("slate_uid", "features", "contributions"),
        ],
    )
    with connection.cursor() as cursor:
        cursor.execute(_PRUNE, [sorted({row.learner_id for row in observations}), MOST])


def count_norms(*, until: datetime) -> None:
    """Count what is usual for each item from the events received up to `until`."""
    with connection.cursor() as cursor:
        cursor.execute(_NORMS, [until])
