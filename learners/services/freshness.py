"""How fresh a learner's slate is: counted by whoever changes something, claimed and cleared by refresh.

`dirty_seq` counts the changes, `clean_seq` is the count that the newest slate has seen. Nobody ever sets a flag
back, so a change in the middle of a refresh cannot be lost: it leaves dirty_seq above clean_seq.

Leases are judged by the database's clock alone, so that workers on machines whose clocks differ agree.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from common.queue import REFRESH_LEARNERS, enqueue_on_commit
from django.db import connection, transaction

# Ascending order, so that two transactions that mark the same group wait for each other instead of deadlocking.
# The moment of the first change that waits is kept: else whoever acts most often would always be last in the queue.
_MARK = """
INSERT INTO learners_learnerstate
    (learner_id, dirty_seq, clean_seq, dirty_at, active_at, claimed_by)
SELECT id, 1, 0, at, CASE WHEN %(active)s THEN at END, ''
  FROM unnest(%(ids)s::bigint[]) AS id CROSS JOIN (SELECT clock_timestamp() AS at) AS moment ORDER BY id
ON CONFLICT (learner_id) DO UPDATE SET
    dirty_seq = learners_learnerstate.dirty_seq + 1,
    dirty_at = CASE WHEN learners_learnerstate.dirty_seq > learners_learnerstate.clean_seq
                    THEN learners_learnerstate.dirty_at ELSE excluded.dirty_at END,
    active_at = COALESCE(excluded.active_at, learners_learnerstate.active_at)
"""

_FREE = "(claimed_until IS NULL OR claimed_until < clock_timestamp())"

_CLAIM = """
UPDATE learners_learnerstate
   SET claimed_by = %(worker)s,
       claimed_until = clock_timestamp() + make_interval(secs => %(lease)s)
 WHERE learner_id IN (
    SELECT learner_id FROM learners_learnerstate
     WHERE {which} AND {free}
     ORDER BY dirty_at NULLS LAST, learner_id
     LIMIT %(limit)s
       FOR UPDATE SKIP LOCKED)
RETURNING learner_id
"""
_CLAIM_STALE = _CLAIM.format(which="dirty_seq > clean_seq", free=_FREE)
_CLAIM_EXTRA = _CLAIM.format(which="learner_id = ANY(%(ids)s)", free=_FREE)

_CLEAN = """
UPDATE learners_learnerstate AS state
   SET clean_seq = GREATEST(state.clean_seq, seen.seq), claimed_by = '', claimed_until = NULL,
       dirty_at = CASE WHEN state.dirty_seq > seen.seq THEN clock_timestamp() ELSE state.dirty_at END
  FROM (SELECT held.learner_id, given.seq
          FROM unnest(%(ids)s::bigint[], %(seqs)s::bigint[]) AS given(learner_id, seq)
          JOIN learners_learnerstate AS held USING (learner_id)
         WHERE held.claimed_by = %(worker)s
         ORDER BY held.learner_id
           FOR UPDATE OF held) AS seen
 WHERE state.learner_id = seen.learner_id
RETURNING state.learner_id
"""


def mark_dirty(*, learner_ids: Iterable[int], active: bool = False) -> None:
    """Count one change for each learner, and nudge the workers once the transaction has committed.

    Call it last in the transaction that made the change: it locks the learners' state rows until commit.
    `active` says that she acted herself; the sweeper refreshes the recently active after an activation.
    """
    ids = sorted(set(learner_ids))
    if not ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(_MARK, {"ids": ids, "active": active})
    enqueue_on_commit(REFRESH_LEARNERS)


def claim_stale(
    *, worker: str, limit: int, lease_seconds: float, extra_ids: Iterable[int] = ()
) -> list[int]:
    """Claim up to `limit` learners for `worker` and return their ids, ascending.

    Taken are stale learners, longest waiting first, then those of `extra_ids` (whose slate is of another version,
    whatever their counts), except where another worker's lease still runs. Rows that somebody is writing just now
    are skipped, not waited for. The lease ends after `lease_seconds` unless renewed.
    """
    values: dict[str, Any] = {"worker": worker, "lease": lease_seconds, "limit": limit}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_CLAIM_STALE, values)
        claimed = [row[0] for row in cursor.fetchall()]
        extra = sorted(set(extra_ids) - set(claimed))
        if extra and len(claimed) < limit:
            _create_states(extra)
            cursor.execute(_CLAIM_EXTRA, {**values, "limit": limit - len(claimed), "ids": extra})
            claimed += [row[0] for row in cursor.fetchall()]
    return sorted(claimed)


def renew_claims(*, worker: str, learner_ids: Iterable[int], lease_seconds: float) -> set[int]:
    """Extend the lease of those that `worker` still holds, and return them; the others belong to somebody else."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE learners_learnerstate
               SET claimed_until = clock_timestamp() + make_interval(secs => %s)
             WHERE learner_id IN (SELECT learner_id FROM learners_learnerstate
                                   WHERE learner_id = ANY(%s) AND claimed_by = %s
                                   ORDER BY learner_id FOR UPDATE)
            RETURNING learner_id
            """,
            [lease_seconds, sorted(set(learner_ids)), worker],
        )
        return {row[0] for row in cursor.fetchall()}


def release_claims(*, worker: str, learner_ids: Iterable[int] | None = None) -> int:
    """Give back what `worker` holds (all of it, or these learners), as stale as it was. Returns how many."""
    ids = None if learner_ids is None else sorted(set(learner_ids))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE learners_learnerstate SET claimed_by = '', claimed_until = NULL
             WHERE learner_id IN (SELECT learner_id FROM learners_learnerstate
                                   WHERE claimed_by = %(worker)s
                                     AND (%(ids)s::bigint[] IS NULL OR learner_id = ANY(%(ids)s))
                                   ORDER BY learner_id FOR UPDATE)
            """,
            {"worker": worker, "ids": ids},
        )
        return int(cursor.rowcount)


def mark_clean_batch(*, worker: str, seqs: Mapping[int, int]) -> set[int]:
    """Record for each learner the dirty_seq that was read with her history, and end the lease.

    Returns those whose lease `worker` still held: only their slates may be written, in this same transaction (the
    row stays locked until it commits). A learner who was claimed by somebody else meanwhile is left alone.

    The transaction must be READ COMMITTED, not the REPEATABLE READ snapshot that the history was read in: there,
    any change since then would end it with a serialisation failure.
    """
    if not seqs:
        return set()
    ids = sorted(seqs)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            _CLEAN, {"ids": ids, "seqs": [seqs[learner] for learner in ids], "worker": worker}
        )
        return {row[0] for row in cursor.fetchall()}


def mark_clean(*, learner_id: int, worker: str, seq: int) -> bool:
    """`mark_clean_batch` for one learner; False when the lease was lost, and then nothing may be written."""
    return learner_id in mark_clean_batch(worker=worker, seqs={learner_id: seq})


def _create_states(learner_ids: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO learners_learnerstate (learner_id, dirty_seq, clean_seq, claimed_by)
            SELECT person.id, 0, 0, '' FROM learners_user AS person
             WHERE person.id = ANY(%s) ORDER BY person.id
            ON CONFLICT (learner_id) DO NOTHING
            """,
            [learner_ids],
        )
