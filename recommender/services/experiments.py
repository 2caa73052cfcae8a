"""Starting and ending experiments, drawing arms, and judging what came of them."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, Final, cast

from common.api.errors import Refused
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from recommender.core.holdout import is_treated
from recommender.models import ModelVersion
from recommender.models.experiments import Experiment, ExperimentMember
from recommender.selectors.experiments import find_running, read_members

WINDOW: Final = timedelta(days=28)
"""A learner's outcome is what she answered within so long after she joined,"""
ATTEMPTS: Final = 10
"""or of so many exercises, whichever comes first."""
OVERLAP: Final = timedelta(minutes=10)
"""Who was active so shortly before the last judgement is looked at again: her events may have been on their way."""

# Her first answers ever to exercises since she joined, those with hints left out: right or not, less the share of right answers that
# everybody gives to that exercise, so that easy lists gain nothing. From 0 to 1; one half is as usual.
_SETTLE = """
WITH waiting AS (
    SELECT member.id, member.learner_id, member.joined_at,
           member.joined_at + make_interval(days => %(days)s) AS until
      FROM recommender_experimentmember AS member
      LEFT JOIN learners_learnerstate AS state ON state.learner_id = member.learner_id
     WHERE member.experiment_id = %(experiment)s AND member.settled_at IS NULL
       AND (member.joined_at + make_interval(days => %(days)s) <= %(now)s
            OR %(judged)s::timestamptz IS NULL OR state.active_at >= %(judged)s)),
tried AS (
    SELECT waiting.id, waiting.until, first.item_id, first.success, first.received_at
      FROM waiting
      LEFT JOIN LATERAL (
            SELECT answer.item_id, answer.success, answer.received_at
              FROM learners_event AS answer
             WHERE answer.actor_id = waiting.learner_id
               AND answer.occurred_at > waiting.joined_at AND answer.received_at > waiting.joined_at
               AND answer.occurred_at <= waiting.until AND answer.received_at <= %(now)s
               AND answer.verb = 'answered' AND answer.graded AND answer.success IS NOT NULL
               AND coalesce(answer.context->'hints', '0') = '0'
               AND NOT EXISTS (
                   SELECT FROM learners_event AS earlier
                    WHERE earlier.actor_id = answer.actor_id AND earlier.item_id = answer.item_id
                      AND earlier.verb = 'answered'
                      AND (earlier.occurred_at, earlier.id) < (answer.occurred_at, answer.id))
             ORDER BY answer.occurred_at, answer.id LIMIT %(attempts)s) AS first ON true),
usual AS (
    SELECT item_id, (sum("right") + 1.0) / (sum(attempts) + 2.0) AS share
      FROM learners_itemprogress
     WHERE item_id IN (SELECT item_id FROM tried) AND attempts > 0
     GROUP BY item_id),
done AS (
    SELECT tried.id, count(tried.item_id) AS attempts, max(tried.received_at) AS last, min(tried.until) AS until,
           avg((1 + tried.success::int - least(usual.share, 1)) / 2) AS outcome
      FROM tried LEFT JOIN usual USING (item_id)
     GROUP BY tried.id)
UPDATE recommender_experimentmember AS member
   SET attempts = done.attempts, outcome = done.outcome,
       settled_at = CASE WHEN done.attempts >= %(attempts)s THEN done.last ELSE done.until END
  FROM done
 WHERE member.id = done.id AND (done.attempts >= %(attempts)s OR done.until <= %(now)s)
"""


def start_experiment(
    *,
    name: str,
    treatment: ModelVersion | None,
    control: ModelVersion | None,
    share: float = 0.5,
    horizon: int = 2000,
    ends_at: datetime | None = None,
    by: Any = None,
) -> Experiment:
    """Begin to divide learners, each from her next list on. None is the order of the courses.

    Raises Refused as `check_experiment` does, and where somebody has just begun another one.
    """
    check_experiment(treatment=treatment, control=control, ends_at=ends_at)
    try:
        with transaction.atomic():
            return Experiment.objects.create(
                name=name,
                treatment=treatment,
                control=control,
                share=share,
                horizon=horizon,
                ends_at=ends_at,
                started_by=by,
            )
    except IntegrityError as error:
        raise Refused(_("Another experiment runs, or has this name.")) from error


def check_experiment(
    *, treatment: ModelVersion | None, control: ModelVersion | None, ends_at: datetime | None
) -> None:
    """Raise Refused where both arms are the same, a version cannot be loaded, the end is past, or another experiment runs."""
    if treatment == control:
        raise Refused(_("Treatment and control are the same."))
    for version in (treatment, control):
        if version is not None and version.problem:
            raise Refused(_("%(version)s cannot be loaded.") % {"version": version})
    if ends_at is not None and ends_at <= timezone.now():
        raise Refused(_("The end lies in the past."))
    if (running := find_running()) is not None:
        raise Refused(_("%(name)s still runs. End it first.") % {"name": running})


def end_experiment(*, experiment: Experiment, now: datetime | None = None) -> Experiment:
    """End it for good: everybody is served by the active version again. Ending it twice is no error."""
    at = now or timezone.now()
    Experiment.objects.filter(pk=experiment.pk, running=True).update(running=False, ended_at=at)
    experiment.refresh_from_db()
    return experiment


def join_experiment(
    experiment: Experiment, *, learner_ids: Collection[int], now: datetime
) -> dict[int, bool]:
    """Return whether each learner is treated; who comes for the first time joins."""
    known = read_members(experiment_id=experiment.pk, learner_ids=learner_ids)
    new = {
        learner: is_treated(str(experiment.salt), str(learner), experiment.share)
        for learner in learner_ids
        if learner not in known
    }
    if new:
        ExperimentMember.objects.bulk_create(
            (
                ExperimentMember(
                    experiment=experiment, learner_id=learner, treated=treated, joined_at=now
                )
                for learner, treated in sorted(new.items())
            ),
            ignore_conflicts=True,
        )
    return known | new


def judge_experiments(*, now: datetime) -> None:
    """End what is due, settle the outcomes that are known by now, and tell what the rule says.

    The rule is that of `core.repair_trial.judge`: its intervals hold however often one looks. An answer is final; learners go
    on being divided until somebody ends the experiment.
    """
    from recommender.core.repair_trial import judge

    with transaction.atomic():
        running = Experiment.objects.select_for_update(no_key=True).filter(running=True).first()
        if running is None:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                _SETTLE,
                {
                    "experiment": running.pk,
                    "now": now,
                    "days": WINDOW.days,
                    "attempts": ATTEMPTS,
                    "judged": running.judged_at and running.judged_at - OVERLAP,
                },
            )
        told = running.members.exclude(outcome=None).order_by("settled_at", "pk")
        outcomes = cast("Iterable[tuple[bool, float]]", told.values_list("treated", "outcome"))
        if running.state == Experiment.State.TRYING:
            verdict = judge(outcomes, horizon=running.horizon)
            running.state = verdict.state
            # Outcomes are halved differences to what is usual; the effect is told in right answers.
            running.effect = 2 * verdict.effect.value
            running.low, running.high = 2 * verdict.effect.low, 2 * verdict.effect.high
            if running.state != Experiment.State.TRYING:
                running.decided_at = now
        running.judged_at = now
        if running.ends_at is not None and running.ends_at <= now:
            running.running, running.ended_at = False, running.ends_at
        running.save()
