"""Which experiment runs, who is in which arm of it, and what it has shown so far."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

from django.db.models import Case, Count, F, OuterRef, QuerySet, Subquery, TextField, Value, When
from django.db.models.functions import Coalesce

from recommender.core.holdout import MISMATCH, sample_ratio
from recommender.models.experiments import Experiment, ExperimentMember
from recommender.selectors.versions import HEAVY

SYLLABUS: Final = 0
"""Stands for the order of the courses where numbers of versions are compared."""
TRACED: Final = 24
"""Moments that a chart of the effect shows, at most."""


def find_running() -> Experiment | None:
    """Return the experiment that runs, if any."""
    return Experiment.objects.filter(running=True).first()


def select_arm(learner: str) -> Subquery:
    """The version that the running experiment gives the learner of this column, SYLLABUS for none; null where it says nothing.

    It says nothing of those who haven't joined, and of an arm whose version no worker can load.
    """
    version = Case(
        When(treated=True, then=F("experiment__treatment")), default=F("experiment__control")
    )
    problem = Case(
        When(treated=True, then=F("experiment__treatment__problem")),
        default=F("experiment__control__problem"),
    )
    members = ExperimentMember.objects.filter(learner=OuterRef(learner), experiment__running=True)
    usable = members.annotate(
        trouble=Coalesce(problem, Value(""), output_field=TextField())
    ).filter(trouble="")
    return Subquery(usable.annotate(arm=Coalesce(version, Value(SYLLABUS))).values("arm")[:1])


def read_members(*, experiment_id: int, learner_ids: Collection[int]) -> dict[int, bool]:
    """Return whether each of these learners who has joined is treated."""
    rows = ExperimentMember.objects.filter(experiment=experiment_id, learner__in=learner_ids)
    return dict(rows.values_list("learner_id", "treated"))


@dataclass(frozen=True)
class Arm:
    """How far the learners of an arm have come."""

    joined: int
    settled: int
    measured: int  # of the settled, those who made a first attempt


@dataclass(frozen=True)
class Progress:
    """An experiment's arms, and whether they are as large as they should be."""

    treatment: Arm
    control: Arm
    joined_p: float
    measured_p: float

    @property
    def mismatched(self) -> bool:
        """More learners in an arm than chance makes: something else decides who is in it."""
        return self.joined_p < MISMATCH

    @property
    def lost(self) -> bool:
        """The arms were as they should be, but from one of them fewer had an outcome: what they did may have decided it."""
        return not self.mismatched and self.measured_p < MISMATCH


def measure_progress(experiment: Experiment) -> Progress:
    """Count the arms; one query."""
    rows = (
        experiment.members.order_by()
        .values("treated")
        .annotate(joined=Count("pk"), settled=Count("settled_at"), measured=Count("outcome"))
    )
    arms = {
        treated: Arm(joined, settled, measured)
        for treated, joined, settled, measured in rows.values_list(
            "treated", "joined", "settled", "measured"
        )
    }
    treatment, control = (arms.get(treated, Arm(0, 0, 0)) for treated in (True, False))
    return Progress(
        treatment=treatment,
        control=control,
        joined_p=sample_ratio(treatment.joined, control.joined, experiment.share),
        measured_p=sample_ratio(treatment.measured, control.measured, experiment.share),
    )


class Effect(NamedTuple):
    """What was known of the effect after so many outcomes, in right answers an exercise."""

    outcomes: int
    at: datetime
    value: float
    low: float
    high: float


def trace_effect(experiment: Experiment, *, points: int = TRACED) -> list[Effect]:
    """Return how the effect went as outcomes came in, up to the answer: at most `points` moments, the last one included.

    The interval holds at all of them at once: it is that of `core.repair_trial.judge`, by which the answer was given. Moments
    before both arms have an outcome are left out.
    """
    from recommender.core.repair_trial import judge

    rows = experiment.members.exclude(outcome=None).order_by("settled_at", "pk")
    if experiment.decided_at is not None:
        rows = rows.filter(settled_at__lte=experiment.decided_at)
    told = cast(
        "list[tuple[bool, float, datetime]]",
        list(rows.values_list("treated", "outcome", "settled_at")[: experiment.horizon]),
    )
    counts = sorted({-(-len(told) * step // points) for step in range(1, points + 1)} - {0})
    found = []
    for count in counts:
        outcomes = [(arm, outcome) for arm, outcome, _at in told[:count]]
        if len({arm for arm, _outcome in outcomes}) < 2:
            continue
        effect = judge(outcomes, horizon=experiment.horizon).effect
        # Outcomes are halved differences to what is usual.
        found.append(
            Effect(count, told[count - 1][2], 2 * effect.value, 2 * effect.low, 2 * effect.high)
        )
    return found


def list_experiments() -> "QuerySet[Experiment]":
    """All experiments, newest first."""
    versions = ("treatment", "control")
    deferred = [f"{name}__{part}" for name in versions for part in HEAVY]
    return Experiment.objects.select_related(*versions, "started_by").defer(*deferred)


def export_experiments(*, learner_id: int) -> Iterator[dict[str, Any]]:
    """The experiments that she was part of, oldest first."""
    rows = ExperimentMember.objects.filter(learner=learner_id).select_related("experiment")
    for row in rows.order_by("joined_at", "pk"):
        yield {
            "experiment": row.experiment.name,
            "treated": row.treated,
            "joined_at": row.joined_at.isoformat(),
            "attempts": row.attempts,
            "outcome": row.outcome,
            "settled_at": row.settled_at.isoformat() if row.settled_at else None,
        }
