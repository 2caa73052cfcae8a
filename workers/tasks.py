"""Tasks: thin interfaces to the pipeline, found by name. Running one twice does no harm."""

from typing import Any, Final

from celery import Task, shared_task
from common import queue
from django.conf import settings
from django.core.cache import cache
from django.db import InterfaceError, OperationalError
from django.utils import timezone

MOST_NUDGES: Final = 8
HOUR: Final = 3600
DAY: Final = 24 * HOUR
PRUNED: Final = "attune-pruned"
"""The cache's key that is there while somebody prunes, an hour at most, and for a day after the last pruning."""

# The database or the broker was away for a moment; the sweeper would find the work as well, but later.
_RETRY: Final[dict[str, Any]] = {
    "autoretry_for": (OperationalError, InterfaceError, ConnectionError),
    "retry_backoff": 1,
    "retry_backoff_max": 60,
    "retry_jitter": True,
    "max_retries": 5,
}


@shared_task(name=queue.REFRESH_LEARNERS, bind=True, soft_time_limit=240, time_limit=300, **_RETRY)
def refresh_learners(self: "Task[..., None]", outdated: bool = False) -> None:
    """Refresh whoever is stale; with `outdated` also who has a slate of another version."""
    from recommender.pipeline.refresh import refresh_stale

    _done, more = refresh_stale(outdated=outdated)
    if more:
        self.apply_async(args=(outdated,), queue=queue.REFRESH)


@shared_task(name=queue.SWEEP_LEARNERS, soft_time_limit=60, time_limit=90, **_RETRY)
def sweep_learners() -> None:
    """Nudge the refresh for learners whose message was lost, whose worker died, or whose slate is of another version."""
    from recommender.selectors.freshness import count_waiting, find_outdated

    waiting = count_waiting(limit=MOST_NUDGES * settings.REFRESH_BATCH)
    outdated = find_outdated(now=timezone.now())
    batches = -(-waiting // settings.REFRESH_BATCH)
    for number in range(max(batches, 1 if outdated else 0)):
        refresh_learners.apply_async(
            args=(outdated and number == 0,),
            queue=queue.REFRESH,
            expires=float(settings.SWEEP_SECONDS),
        )


@shared_task(name=queue.PRUNE, soft_time_limit=3000, time_limit=3300, **_RETRY)
def prune() -> None:
    """Delete, once a day, what nobody asks about any more: old slates, readings and mastery, expired sign-ins,
    old notes of changes.

    The day is counted in the cache, not from beat's start: a machine that never runs for a day prunes as well. Where
    the cache forgets, it is done once more, which costs little.
    """
    from content.services import prune_changes
    from learners.services.accounts import prune_sign_ins
    from learners.services.mastery import prune_mastery
    from recommender.services.calibrations import prune_calibrations
    from recommender.services.health import prune_summaries
    from recommender.services.slates import prune_slates

    if not cache.add(PRUNED, value=True, timeout=HOUR):
        return
    now = timezone.now()
    try:
        prune_changes(now=now)
        prune_sign_ins(now=now)
        prune_mastery(now=now)
        prune_slates(now=now, days=settings.SLATE_DAYS)
        prune_calibrations(now=now, days=settings.SLATE_DAYS)
        prune_summaries(now=now, days=settings.SLATE_DAYS)
    except BaseException:
        cache.delete(PRUNED)
        raise
    cache.set(PRUNED, value=True, timeout=DAY)


@shared_task(name=queue.TRAIN_MODEL)
def train_model() -> None:
    """Carry out the training run that waits, or one that has lost its worker. No time limit: a lease watches it."""
    from recommender.pipeline.training import run_next_training

    run_next_training()


@shared_task(name=queue.SWEEP_TRAINING_RUNS, soft_time_limit=60, time_limit=90, **_RETRY)
def sweep_training_runs() -> None:
    """Nudge a worker for what was lost or waits: runs, texts without a vector, a candidate that the gate can judge."""
    from recommender.selectors.gate import find_candidate_to_judge
    from recommender.selectors.training import find_waiting_run
    from recommender.selectors.vectors import lacks_vectors

    if find_waiting_run() is not None:
        train_model.apply_async(queue=queue.GPU, expires=float(settings.SWEEP_SECONDS))
    if lacks_vectors():
        compute_text_vectors.apply_async(queue=queue.GPU, expires=float(settings.SWEEP_SECONDS))
    if settings.ACTIVATION_GATE and find_candidate_to_judge(
        needed=settings.ACTIVATION_GATE_MIN_EVENTS
    ):
        judge_candidate.apply_async(queue=queue.GPU, expires=float(settings.SWEEP_SECONDS))


@shared_task(name=queue.JUDGE_CANDIDATE, **_RETRY)
def judge_candidate() -> None:
    """Compare the newest candidate with what serves, on what learners did since both were trained."""
    from recommender.pipeline.gate import judge_candidate
    from recommender.selectors.gate import find_candidate_to_judge

    version = find_candidate_to_judge(needed=settings.ACTIVATION_GATE_MIN_EVENTS)
    if settings.ACTIVATION_GATE and version is not None:
        judge_candidate(version=version)


@shared_task(name=queue.JUDGE_REPAIRS, soft_time_limit=240, time_limit=270, **_RETRY)
def judge_repairs() -> None:
    """Decide whether repairs of attention stay, on what learners did after; and tell what a running experiment shows."""
    from recommender.services.calibrations import judge_trials
    from recommender.services.experiments import judge_experiments

    judge_trials(now=timezone.now())
    judge_experiments(now=timezone.now())


@shared_task(name=queue.MEASURE_HEALTH, soft_time_limit=240, time_limit=270, **_RETRY)
def measure_health() -> None:
    """Count what the active version meets today, for the operators' page and the alerts of drift."""
    from recommender.pipeline.health import measure_health

    measure_health(now=timezone.now())


@shared_task(name=queue.FIT_MEMORY, **_RETRY)
def fit_memory() -> None:
    """Fit the parameters of memory of those learners who have so many reviews, or a quarter more than last time.

    It doesn't send itself again for those who are left: beat does, and between two of its messages other long work
    gets its turn.
    """
    from recommender.pipeline.memory_fits import fit_memories

    fit_memories(now=timezone.now())


@shared_task(name=queue.COMPUTE_TEXT_VECTORS, **_RETRY)
def compute_text_vectors() -> None:
    """Encode the texts of items that have no vector yet, in batches that are stored one by one."""
    from recommender.pipeline.vectors import compute_vectors_once

    compute_vectors_once()
