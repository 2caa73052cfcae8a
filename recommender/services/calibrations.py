"""Storing what was found of learners' attention, and deciding what becomes of repairs."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, cast

from django.db import connection, transaction
from django.db.models import Q

from recommender.core.repair_trial import judge
from recommender.models import ModelVersion
from recommender.models.calibrations import (
    WITHDRAWN_STATES,
    AttentionReading,
    RepairTrial,
    TrialOutcome,
)
from recommender.selectors.calibrations import RepairInForce

WINDOW: Final = timedelta(days=7)
"""In which the next attempt must come; none counts as one that failed, so that nobody drops out of her arm."""

# The first thing she tried after the refresh that found her, and how it went: 1 right or completed, 0 wrong or abandoned.
_SETTLE = """
UPDATE recommender_trialoutcome AS told SET outcome = found.outcome, settled_at = found.at
  FROM (SELECT waiting.id,
               CASE WHEN next.id IS NULL THEN 0.0
                    WHEN next.verb = 'completed' OR next.success THEN 1.0 ELSE 0.0 END AS outcome,
               coalesce(next.received_at, waiting.found_at + make_interval(days => %(days)s)) AS at
          FROM recommender_trialoutcome AS waiting
          LEFT JOIN LATERAL (
                SELECT id, verb, success, received_at FROM learners_event
                 WHERE actor_id = waiting.learner_id AND occurred_at > waiting.found_at
                   AND received_at > waiting.found_at AND occurred_at <= waiting.found_at + make_interval(days => %(days)s)
                   AND received_at <= %(now)s
                   AND (verb IN ('completed', 'abandoned')
                        OR verb = 'answered' AND graded AND success IS NOT NULL)
                 ORDER BY occurred_at, id LIMIT 1) AS next ON true
         WHERE waiting.outcome IS NULL AND waiting.found_at < %(now)s
           AND (next.id IS NOT NULL OR waiting.found_at + make_interval(days => %(days)s) < %(now)s)) AS found
 WHERE told.id = found.id AND told.outcome IS NULL
"""

# By hand: of one learner's refresh, the ORM's way to the same statement took a good part of what watching her costs.
_STORE = """
INSERT INTO recommender_attentionreading
       (learner_id, version_id, computed_at, statistics, score, anomalous, repaired, kind, events)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::bytea[], %s::float8[],
                     %s::boolean[], %s::boolean[], %s::text[], %s::smallint[])
    ON CONFLICT (learner_id) DO UPDATE
   SET (version_id, computed_at, statistics, score, anomalous, repaired, kind, events)
     = (excluded.version_id, excluded.computed_at, excluded.statistics, excluded.score,
        excluded.anomalous, excluded.repaired, excluded.kind, excluded.events)
"""


def store_readings(readings: Sequence[AttentionReading]) -> None:
    """Write these, each in place of its learner's earlier one.

    Call it in the transaction that marks their learners clean, which keeps other workers away from them.
    """
    if not readings:
        return
    columns = zip(
        *(
            (
                *(row.learner_id, row.version_id, row.computed_at, row.statistics, row.score),
                *(row.anomalous, row.repaired, row.kind, row.events),
            )
            for row in readings
        ),
        strict=True,
    )
    with connection.cursor() as cursor:
        cursor.execute(_STORE, [list(column) for column in columns])


def open_trial(*, repair: RepairInForce) -> int:
    """Return the key of a repair's trial, begun now where it is new.

    Not in the transaction that holds the learners' states: somebody who is making the same row waits for these.
    """
    if repair.trial_id is not None:
        return repair.trial_id
    trial, _made = RepairTrial.objects.get_or_create(
        version_id=repair.version_id, repair=repair.repair
    )
    return trial.pk


def enter_trial(readings: Collection[AttentionReading], *, trial_id: int) -> None:
    """Note the anomalous among these in the trial, unless they are in it already."""
    TrialOutcome.objects.bulk_create(
        (
            TrialOutcome(
                trial_id=trial_id,
                learner_id=one.learner_id,
                repaired=one.repaired,
                found_at=one.computed_at,
            )
            for one in readings
            if one.anomalous
        ),
        ignore_conflicts=True,
    )


def judge_trials(*, now: datetime) -> int:
    """Settle the outcomes that are known by now and decide the active version's trials; returns how many were withdrawn.

    A decision is final: a later run finds the trial decided and does not ask again.
    """
    withdrawn = 0
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_SETTLE, {"now": now, "days": WINDOW.days})
        trials = RepairTrial.objects.filter(
            state=RepairTrial.State.TRYING,
            version__in=ModelVersion.objects.filter(is_active=True),
        ).order_by("pk")
        for trial in trials.select_for_update(no_key=True):
            told = trial.outcomes.exclude(outcome=None).order_by("settled_at", "pk")
            outcomes = told.values_list("repaired", "outcome")
            verdict = judge(cast("Iterable[tuple[bool, float]]", outcomes))
            trial.state = verdict.state
            trial.effect = verdict.effect.value
            trial.low, trial.high = verdict.effect.low, verdict.effect.high
            trial.repaired, trial.unrepaired = verdict.repaired, verdict.unrepaired
            trial.judged_at = now
            if trial.state != RepairTrial.State.TRYING:
                trial.decided_at = now
            trial.save()
            withdrawn += trial.state in WITHDRAWN_STATES
    return withdrawn


def prune_calibrations(*, now: datetime, days: int) -> int:
    """Delete readings older than `days`, and outcomes of trials that were decided, or of versions retired, before then.

    Returns how many.
    """
    before = now - timedelta(days=days)
    readings, _of = AttentionReading.objects.filter(computed_at__lt=before).delete()
    decided = Q(trial__decided_at__lt=before)
    retired = Q(trial__version__is_active=False, settled_at__lt=before)
    outcomes, _of = TrialOutcome.objects.filter(decided | retired).delete()
    return readings + outcomes
