"""How the active version's attention, inputs and lists are, in sums over learners; and who is affected, without a name."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db.models import Count, F, Q, QuerySet, TextField, Value
from django.db.models.functions import MD5, Cast, Concat
from django.utils.crypto import salted_hmac

from learners.models import LearnerState
from recommender.core.drift import CHANGED, MUCH, chance, stability_index
from recommender.measures import MEASURES
from recommender.models import AttentionReading, HealthSummary, ModelVersion, RepairTrial, Slate
from recommender.selectors.versions import HEAVY

DAYS: Final = 7
"""Of the days whose counts are added up: what is newest, with every day of the week."""
SHOWN_DAYS: Final = 28
TRIALS: Final = 20
STABLE, WATCH, DRIFTED, UNSURE = "stable", "watch", "drifted", "unsure"


@dataclass(frozen=True)
class Drift:
    """One measure now beside the reference of the version."""

    name: str
    group: str
    now: Sequence[int]
    reference: Sequence[int]
    learners: int
    reference_learners: int
    index: float  # population stability index
    chance: float  # what it stays below in 99 of 100 cases where nothing has changed

    @property
    def level(self) -> str:
        """By the usual bounds, unless chance does as much."""
        if not math.isfinite(self.chance):
            return UNSURE
        if self.index <= max(CHANGED, self.chance):
            return STABLE
        return DRIFTED if self.index > MUCH else WATCH


@dataclass(frozen=True)
class Health:
    """What is known of the active version's last days."""

    version: ModelVersion
    days: Sequence[HealthSummary]  # oldest first
    drifts: Sequence[Drift]

    @property
    def unwatched(self) -> Mapping[str, Any] | None:
        """Why the version knows no healthy attention, as its training told; None where it knows it."""
        config = self.version.manifest.get("config")
        if not config or config.get("calibration"):
            return None
        told = self.version.manifest.get("chosen", {}).get("calibration")
        return told if isinstance(told, Mapping) else {}

    @property
    def measured_at(self) -> datetime | None:
        return self.days[-1].measured_at if self.days else None


@dataclass(frozen=True)
class Anomalies:
    """What a version's readings of a day found."""

    readings: Sequence[
        tuple[bytes | memoryview, int]
    ]  # statistics, and how many events were attended to
    read: int
    by_kind: Mapping[str, int]
    repaired: int


def read_health(*, today: date) -> Health | None:
    """Return the active version's days and drifts; None where no version is active. Three queries."""
    versions = ModelVersion.objects.defer(*(set(HEAVY) - {"manifest", "reference"}))
    version = versions.filter(is_active=True).first()
    if version is None:
        return None
    rows = HealthSummary.objects.filter(version=version, day__gt=today - timedelta(days=SHOWN_DAYS))
    days = list(rows.order_by("day"))
    recent = [row for row in days if row.day > today - timedelta(days=DAYS)]
    reference = version.reference.get("measures", {})
    return Health(version, days, list(_compare(recent, reference)))


def _compare(days: Sequence[HealthSummary], reference: Mapping[str, Any]) -> "list[Drift]":
    found = []
    for name, measure in MEASURES.items():
        rows = [row.measures[name] for row in days if name in row.measures]
        theirs = reference.get(name)
        if not rows or theirs is None or len(theirs["counts"]) != measure.bins:
            continue
        now = [sum(column) for column in zip(*(row["counts"] for row in rows), strict=True)]
        # A learner of several days is one learner.
        learners = max(row["learners"] for row in rows)
        found.append(
            Drift(
                name,
                measure.group,
                now,
                theirs["counts"],
                learners,
                theirs["learners"],
                stability_index(now, theirs["counts"]),
                chance(
                    theirs["factor"],
                    bins=measure.bins,
                    learners=(learners, theirs["learners"]),
                    cases=(sum(now), sum(theirs["counts"])),
                ),
            )
        )
    return found


def read_anomalies(*, version_id: int, since: datetime) -> Anomalies:
    """Return the readings of a version that are its learners' newest, since a moment, counted by kind."""
    rows = AttentionReading.objects.filter(version=version_id, computed_at__gte=since)
    by_kind = dict(rows.filter(anomalous=True).order_by().values_list("kind").annotate(Count("pk")))
    counts = rows.aggregate(read=Count("pk"), repaired=Count("pk", filter=Q(repaired=True)))
    told = rows.filter(events__gt=0).values_list("statistics", "events")
    return Anomalies(list(told), counts["read"], by_kind, counts["repaired"])


def read_day_slates(
    *, version_id: int, learner_ids: Collection[int], since: datetime
) -> list[list[dict[str, Any]]]:
    """Return the entries of each learner's newest slate of a version since a moment."""
    rows = Slate.objects.filter(
        learner__in=learner_ids,
        model_version=version_id,
        source=Slate.Source.MODEL,
        computed_at__gte=since,
    )
    newest = rows.order_by("learner", "-computed_at").distinct("learner")
    return list(newest.values_list("entries", flat=True))


def sample_learners(*, limit: int, active_since: datetime | None = None) -> list[int]:
    """Return at most `limit` learners of those who were active since then, drawn by a hash: others each day."""
    rows = LearnerState.objects.order_by()
    if active_since is not None:
        rows = rows.filter(active_at__gte=active_since)
    salt = Value(str(active_since), output_field=TextField())
    drawn = MD5(Concat(Cast("learner_id", TextField()), salt))
    return list(rows.order_by(drawn).values_list("learner_id", flat=True)[:limit])


def list_affected() -> QuerySet[AttentionReading]:
    """The active version's anomalous readings, the oddest first."""
    rows = AttentionReading.objects.filter(version__is_active=True, anomalous=True)
    return rows.order_by(F("score").desc(), "pk")


def list_trials() -> list[RepairTrial]:
    """Repairs on trial, in force and withdrawn, of the active version and of those before, newest first."""
    trials = RepairTrial.objects.select_related("version")
    trials = trials.defer(*(f"version__{name}" for name in HEAVY))
    return list(trials.order_by("-version", "pk")[:TRIALS])


def name_pseudonym(learner_id: int) -> str:
    """A short keyed hash instead of a learner: the same everywhere here, and nobody's name without the site's key."""
    return salted_hmac("recommender.health", str(learner_id)).hexdigest()[:10]


def find_affected(pseudonym: str) -> int | None:
    """Return the learner whom a pseudonym stands for, among those whose attention is out of range now."""
    learners = list_affected().values_list("learner_id", flat=True)
    return next((one for one in learners.iterator() if name_pseudonym(one) == pseudonym), None)


def measure_drift(*, now: datetime) -> tuple[list[Drift], float | None]:
    """Return the drift of each measure that can be told, and the seconds since anything was counted."""
    found = read_health(today=now.date())
    if found is None or found.measured_at is None:
        return [], None
    return list(found.drifts), (now - found.measured_at).total_seconds()
