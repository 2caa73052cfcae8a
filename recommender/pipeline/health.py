"""Counting what a version meets: once when it is trained, as its reference, and each day while it is active.

Both go through the same functions, and lists of the reference are made as refresh makes them, so that what differs is
what has changed. Only counts are stored. What is counted of events and lists is of a sample of the day's learners; of
attention, everything that was read.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from django.utils import timezone
from numpy.typing import NDArray

from learners.selectors import HistoryRow, group_history
from recommender.core.drift import split_factor
from recommender.measures import ACTIVITY, MEASURES, describe_attention
from recommender.pipeline.active import ActiveModel, get_active
from recommender.pipeline.artefacts import UnavailableArtefact
from recommender.pipeline.calibration import Calibrator
from recommender.pipeline.history import to_log
from recommender.pipeline.refresh import read_snapshot
from recommender.pipeline.slates import forget_bound, make_slates
from recommender.selectors.health import read_anomalies, read_day_slates, sample_learners
from recommender.selectors.situations import HISTORY
from recommender.selectors.versions import get_serving_version_id
from recommender.services.health import store_summary

if TYPE_CHECKING:
    from recommender.core.serving import Recommender

logger = logging.getLogger(__name__)

SAMPLE: Final = 500
"""Learners whose events and lists are looked at: for the reference, and for each day."""
FIRST: Final = 5
_CANDIDATE: Final = 0
"""What the version is called while it has no row."""

Counts = NDArray[np.int64]
Tables = Mapping[str, Counts]
"""By measure the counts [learners, bins] of each learner who has any."""


def measure_health(*, now: datetime) -> bool:
    """Count what the active version has met since midnight UTC and store it; False where there is nothing to count with."""
    try:
        model = get_active()
    except UnavailableArtefact as error:
        logger.error("health not measured", extra={"error": str(error)})
        return False
    if model is None or get_serving_version_id() != model.version_id:
        return False
    begin = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    learners = sample_learners(limit=SAMPLE, active_since=begin)
    anomalies = read_anomalies(version_id=model.version_id, since=begin)
    lists = read_day_slates(version_id=model.version_id, learner_ids=learners, since=begin)
    tables = {
        **count_attention(anomalies.readings),
        **count_inputs(
            group_history(learners, HISTORY), known=_known_rows(model.recommender), since=begin
        ),
        **count_lists(lists),
    }
    store_summary(
        version_id=model.version_id,
        day=begin.date(),
        measured_at=now,
        read=anomalies.read,
        anomalous=anomalies.by_kind,
        repaired=anomalies.repaired,
        measures={name: _sum_up(table) for name, table in tables.items()},
    )
    return True


def describe_training(folder: Path, *, device: str) -> dict[str, Any]:
    """What healthy attention, inputs and lists look like for the version in `folder`, on learners as they are now.

    For a sample of learners, whose lists are made and thrown away. Empty where nobody has done anything.
    """
    from recommender.core.serving import Recommender

    model = ActiveModel(_CANDIDATE, Recommender.load(folder, device=device))
    learners = sample_learners(limit=SAMPLE)
    seqs, reads, _attention = read_snapshot(learners)
    told = [read for read in reads.values() if read.history]
    if not told:
        return {}
    calibrator = Calibrator(model)
    # Another run's candidate may be bound under the same name.
    forget_bound()
    try:
        now = timezone.now()
        slates = make_slates(told, seqs=seqs, model=model, now=now, calibrator=calibrator)
        found = calibrator.read(now=now).rows
        healthy = [(row.statistics, row.events) for row in found if not row.anomalous]
    finally:
        forget_bound()
    histories = {read.situation.learner: read.history for read in told}
    tables = {
        **count_attention(healthy),
        **count_inputs(histories, known=_known_rows(model.recommender)),
        **count_lists(slate.entries for slate in slates),
    }
    return {
        "learners": len(told),
        "measures": {
            name: {**_sum_up(table), "factor": split_factor(table)}
            for name, table in tables.items()
        },
    }


def count_attention(readings: Sequence[tuple[bytes | memoryview, int]]) -> Tables:
    """One case a reading: its statistics as they are stored, and how many events were attended to."""
    if not readings:
        return {}
    packed, events = zip(*readings, strict=True)
    statistics = np.stack([np.frombuffer(bytes(one), dtype="<f2") for one in packed])
    found = describe_attention(statistics.astype(np.float64), np.array(events, dtype=np.int64))
    cases = np.arange(len(readings))
    return {name: _count(name, cases, values) for name, values in found.items()}


def count_inputs(
    histories: Mapping[int, Sequence[HistoryRow]],
    *,
    known: Mapping[int, int],
    since: datetime | None = None,
) -> Tables:
    """Events received from `since` on, and the length of each history that has any."""
    told = [rows for rows in histories.values() if rows]
    if not told:
        return {}
    log = to_log(told, known)
    who = log.learner_of_event()
    new = np.ones(len(log), dtype=bool)
    if since is not None:
        new = np.asarray(log.received) >= since.timestamp()
    gap = np.diff(np.asarray(log.time), prepend=np.nan)
    gap[log.offsets[:-1]] = np.nan
    timed, spaced = new & (np.asarray(log.attention) > 0), new & np.isfinite(gap)
    place = {name: number for number, name in enumerate(ACTIVITY)}
    activity = np.array([place[_name_activity(row)] for rows in told for row in rows])
    active = np.unique(who[new])
    return {
        "activity": _tabulate("activity", who[new], activity[new]),
        "known": _tabulate("known", who[new], (np.asarray(log.item)[new] == 0).astype(np.int64)),
        "gap": _count("gap", who[spaced], gap[spaced]),
        "seconds": _count("seconds", who[timed], np.asarray(log.attention)[timed]),
        "length": _count("length", active, np.diff(log.offsets)[active]),
    }


def count_lists(lists: Iterable[Sequence[Mapping[str, Any]]]) -> Tables:
    """The first entries of each list: affinity beside the best, and P(correct) of exercises."""
    affinity: list[tuple[int, float]] = []
    success: list[tuple[int, float]] = []
    for number, entries in enumerate(lists):
        affinity += [(number, entry["terms"].get("affinity", 0.0)) for entry in entries[:FIRST]]
        promised = [entry["success"] for entry in entries if entry["success"] is not None]
        success += [(number, value) for value in promised[:FIRST]]
    return {
        name: _count(name, *(np.array(column) for column in zip(*cases, strict=True)))
        for name, cases in (("affinity", affinity), ("success", success))
        if cases
    }


def _known_rows(recommender: "Recommender") -> dict[int, int]:
    return {int(key): row for row, key in enumerate(recommender.names.items, start=1)}


def _name_activity(row: HistoryRow) -> str:
    if row.verb == "answered" and row.graded and row.success is not None:
        return "right" if row.success else "wrong"
    return row.verb


def _count(name: str, who: NDArray[np.integer], values: NDArray[np.floating]) -> Counts:
    return _tabulate(name, who, MEASURES[name].place(values))


def _tabulate(name: str, who: NDArray[np.integer], where: NDArray[np.integer]) -> Counts:
    """Counts [learners, bins]; those without a case have no row."""
    bins = MEASURES[name].bins
    _learners, row = np.unique(who, return_inverse=True)
    rows = int(row.max(initial=-1)) + 1
    return np.bincount(row * bins + where, minlength=rows * bins).reshape(rows, bins)


def _sum_up(table: Counts) -> dict[str, Any]:
    return {"counts": table.sum(0).tolist(), "learners": len(table)}
