"""How anomalies of attention are to be treated now, and what is stored of one person."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Count, Q

from recommender.core.attention_names import count_heads, names
from recommender.models.calibrations import (
    WITHDRAWN_STATES,
    AttentionReading,
    RepairTrial,
    TrialOutcome,
)


@dataclass(frozen=True)
class RepairInForce:
    """The repair that a version's anomalous learners get."""

    version_id: int
    repair: str
    proven: bool  # nobody is left unrepaired any more
    trial_id: int | None = None  # where it has begun

    @property
    def salt(self) -> str:
        """What names the trial in the drawing of its arms."""
        return f"{self.version_id}:{self.repair}"


def find_repair(*, version_id: int) -> RepairInForce | None:
    """Return the first repair of a version that was not withdrawn; None where all were."""
    found = RepairTrial.objects.filter(version=version_id)
    rows = found.values_list("repair", "state", "pk")
    trials = {repair: (state, key) for repair, state, key in rows}
    for repair in RepairTrial.Repair.values:
        state, key = trials.get(repair, ("", None))
        if state not in WITHDRAWN_STATES:
            return RepairInForce(version_id, repair, state == RepairTrial.State.STAYS, key)
    return None


def measure_attention() -> tuple[dict[str, int], dict[str, bool]]:
    """Return learners by what the active version found of them, and which of its repairs on trial are withdrawn."""
    counts = AttentionReading.objects.filter(version__is_active=True).aggregate(
        read=Count("pk"),
        anomalous=Count("pk", filter=Q(anomalous=True)),
        repaired=Count("pk", filter=Q(repaired=True)),
    )
    trials = RepairTrial.objects.filter(version__is_active=True)
    states = trials.order_by("repair").values_list("repair", "state")
    return counts, {repair: state in WITHDRAWN_STATES for repair, state in states}


def read_statistics(reading: AttentionReading) -> dict[str, float]:
    """Return the statistics of a reading by their names in `core.attention_names`."""
    values = np.frombuffer(bytes(reading.statistics), dtype="<f2").astype(float)
    return dict(zip(names(count_heads(len(values))), values.round(4).tolist(), strict=True))


def export_readings(*, learner_id: int) -> Iterator[dict[str, Any]]:
    """What the last refresh found of her attention."""
    for row in AttentionReading.objects.filter(learner=learner_id):
        yield {
            "model_version": row.version_id,
            "computed_at": row.computed_at.isoformat(),
            "statistics": read_statistics(row),
            "score": round(row.score, 4),
            "anomalous": row.anomalous,
            "repaired": row.repaired,
            "kind": row.kind,
            "events": row.events,
        }


def export_trials(*, learner_id: int) -> Iterator[dict[str, Any]]:
    """The trials of repairs that she was part of, oldest first."""
    rows = TrialOutcome.objects.filter(learner=learner_id).select_related("trial")
    for row in rows.order_by("found_at", "pk"):
        yield {
            "model_version": row.trial.version_id,
            "repair": row.trial.repair,
            "repaired": row.repaired,
            "found_at": row.found_at.isoformat(),
            "outcome": row.outcome,
            "settled_at": row.settled_at.isoformat() if row.settled_at else None,
        }
