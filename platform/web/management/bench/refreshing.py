"""Refreshing a batch of learners, beside the bare forward pass over the same batch; and where the time goes."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from learners.services.freshness import claim_stale, mark_dirty
from recommender.core.serving import BoundRecommender, Scores
from recommender.pipeline import refresh, slates
from recommender.pipeline.active import get_active
from recommender.pipeline.catalogue import load_catalogue
from recommender.pipeline.history import to_log
from web.management.bench.timing import compare

WARM: Final = 2
# What each phase consists of. They are timed from outside, so that the product's code carries no stopwatch.
_PHASES: dict[str, list[tuple[Any, str]]] = {
    "read": [(refresh, "read_snapshot"), (slates, "load_catalogue"), (slates, "read_event_names")],
    "features": [(slates, "assess"), (slates, "to_log")],
    "forward": [(BoundRecommender, "score")],
    "contributions": [(Scores, "contributions")],
    "success": [(BoundRecommender, "predict_success")],
    "ranking": [(slates, "_rank")],
    "reasons": [(slates, "choose_events"), (slates, "cite_events"), (slates, "_make_entries")],
    "write": [(refresh, "_write")],
}


def measure_refresh(learners: Sequence[int], *, pairs: int) -> dict[str, Any]:
    """Refresh all `learners` at once, as a worker does from claim to commit, `pairs` times.

    Returns the comparison with the forward pass alone (`ratio`), with everything that the model computes for a slate
    (`model_ms`: forward, contributions, success), and each phase's median share of the time.
    """
    model = get_active()
    if model is None:
        raise RuntimeError("no version is active")
    _seqs, reads, _attention = refresh.read_snapshot(learners)
    loaded = load_catalogue(encoder=model.recommender.manifest.encoder)
    log = to_log([read.history for read in reads.values()], loaded.outline.row_of)
    bound = model.recommender.bind(loaded.catalogue)
    now = timezone.now().timestamp()
    shares: list[dict[str, float]] = []

    def ours(_number: int) -> None:
        started = time.perf_counter()
        with _timed() as seconds:
            claimed = claim_stale(
                worker="bench", limit=len(learners), lease_seconds=settings.LEASE_SECONDS
            )
            done = refresh.refresh_claimed(claimed, worker="bench", model=get_active())
        if len(done.stored) != len(learners):
            raise RuntimeError(f"{len(done.stored)} of {len(learners)} learners were refreshed")
        whole = time.perf_counter() - started
        spent = {name: seconds[name] for name in _PHASES}
        shares.append({**spent, "other": whole - sum(spent.values()), "whole": whole})

    def bare(_number: int) -> None:
        bound.score(log, now=now)

    def make_stale(_number: int) -> None:
        mark_dirty(learner_ids=learners)

    comparison = compare(ours, bare, pairs=pairs, warm=WARM, before=make_stale)
    counted = shares[WARM:]
    phases = {
        name: median(entry[name] / entry["whole"] for entry in counted)
        for name in [*_PHASES, "other"]
    }
    model_ms = 1000 * median(
        sum(entry[name] for name in ("forward", "contributions", "success")) for entry in counted
    )
    whole_ms = 1000 * median(entry["whole"] for entry in counted)
    return {
        **comparison.as_dict(),
        "learners": len(learners),
        "items": loaded.outline.rows - 1,
        "ms_a_learner": whole_ms / len(learners),
        "model_ms": model_ms,
        "ratio_to_model": whole_ms / model_ms,
        "phases": phases,
    }


@contextmanager
def _timed() -> Iterator[dict[str, float]]:
    """Collect the seconds that each phase takes, as long as the block lasts."""
    seconds: dict[str, float] = defaultdict(float)
    kept = [
        (owner, name, getattr(owner, name), phase)
        for phase, parts in _PHASES.items()
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
