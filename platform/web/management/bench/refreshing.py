"""Refreshing a batch of learners, beside the bare forward pass over the same batch; and where the time goes."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any, Final

from learners.services.freshness import mark_dirty
from recommender.core.calibration import Calibration, Watcher
from recommender.core.serving import BoundRecommender, Scores
from recommender.models import AttentionReading
from recommender.pipeline import calibration, refresh, slates
from web.management.bench.batch import Batch, refresh_stale
from web.management.bench.timing import compare

WARM: Final = 2
# What each phase consists of. They are timed from outside, so that the product's code carries no stopwatch.
_PHASES: dict[str, list[tuple[Any, str]]] = {
    "read": [(refresh, "read_snapshot"), (slates, "load_catalogue"), (slates, "read_event_names")],
    "features": [(slates, "assess"), (slates, "to_log")],
    "forward": [(BoundRecommender, "score")],
    "contributions": [(Scores, "contributions")],
    "success": [(BoundRecommender, "predict_success")],
    "ranking": [(slates, "rank_learner")],
    "reasons": [(slates, "choose_events"), (slates, "cite_events"), (slates, "_make_entries")],
    "write": [(refresh, "_write")],
}
# Within those phases: looking at each learner's attention, judging and repairing it, and storing what was found. Timed
# where they are called, so that what calls them counts as well; noting the map of a slate is apart.
_CALIBRATING: dict[str, list[tuple[Any, str]]] = {
    "calibration": [
        *((calibration, "find_repair"), (calibration, "_how_usual"), (Watcher, "_judge")),
        *((Calibration, "repair"), (calibration.Calibrator, "read")),
        (calibration.Readings, "store"),
    ],
    "map": [(calibration, "note_attention"), (calibration.Calibrator, "keep_attention")],
}


def measure_refresh(learners: Sequence[int], *, pairs: int) -> dict[str, Any]:
    """Refresh all `learners` at once, as a worker does from claim to commit, `pairs` times.

    Returns the comparison with the forward pass alone (`ratio`), with everything that the model computes for a slate
    (`model_ms`: forward, contributions, success), and each phase's median share of the time; within the phases, what
    calibration and the map of attention take, and of how many learners attention was judged (`watched`).
    """
    batch = Batch.read(learners)
    shares: list[dict[str, float]] = []

    def ours(_number: int) -> None:
        started = time.perf_counter()
        with _timed() as seconds:
            refresh_stale(learners)
        whole = time.perf_counter() - started
        spent = {name: seconds[name] for name in _PHASES}
        within = {name: seconds[name] for name in _CALIBRATING}
        shares.append({**spent, **within, "other": whole - sum(spent.values()), "whole": whole})

    def make_stale(_number: int) -> None:
        mark_dirty(learner_ids=learners)

    comparison = compare(ours, batch.forward, pairs=pairs, warm=WARM, before=make_stale)
    counted = shares[WARM:]
    phases = {
        name: median(entry[name] / entry["whole"] for entry in counted)
        for name in [*_PHASES, "other"]
    }
    calibrating = {
        name: {
            "share": median(entry[name] / entry["whole"] for entry in counted),
            "ms": 1000 * median(entry[name] for entry in counted),
        }
        for name in _CALIBRATING
    }
    model_ms = 1000 * median(
        sum(entry[name] for name in ("forward", "contributions", "success")) for entry in counted
    )
    whole_ms = 1000 * median(entry["whole"] for entry in counted)
    return {
        **comparison.as_dict(),
        "learners": len(learners),
        "items": batch.items,
        "ms_a_learner": whole_ms / len(learners),
        "model_ms": model_ms,
        "ratio_to_model": whole_ms / model_ms,
        "phases": phases,
        **calibrating,
        "watched": AttentionReading.objects.filter(learner__in=learners).count(),
    }


@contextmanager
def _timed() -> Iterator[dict[str, float]]:
    """Collect the seconds that each phase takes, as long as the block lasts."""
    seconds: dict[str, float] = defaultdict(float)
    kept = [
        (owner, name, getattr(owner, name), phase)
        for phase, parts in (_PHASES | _CALIBRATING).items()
        for owner, name in parts
    ]
    try:
        for owner, name, function, phase in kept:
            setattr(owner, name, _watched(function, seconds, phase))
        yield seconds
    finally:
        for owner, name, function, _phase in kept:
            setattr(owner, name, function)


def _watched(
    function: Callable[..., Any], seconds: dict[str, float], phase: str
) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        started = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            seconds[phase] += time.perf_counter() - started

    return call
