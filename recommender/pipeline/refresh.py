"""Refresh: stale learners are claimed, read in one snapshot, scored in one forward pass, and given new slates.

Safe to run twice and in many workers: a learner is claimed by one worker at a time, and what a worker wrote about her
counts only while it still held that claim. Nothing is lost when it dies: the claim runs out, she is still stale.
"""

import gc
import logging
import random
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from learners.mastery import Mastery
from learners.memory import Memory
from learners.services.freshness import (
    claim_stale,
    mark_clean_batch,
    release_claims,
    renew_claims,
)
from learners.services.mastery import store_mastery
from learners.services.memory import store_memories
from recommender import metrics
from recommender.models import Observation, Slate
from recommender.pipeline.active import ActiveModel, get_active
from recommender.pipeline.arms import split_by_arm
from recommender.pipeline.artefacts import UnavailableArtefact
from recommender.pipeline.attention import (
    Rules,
    acting_profiles,
    describe_folds,
    fold_profiles,
)
from recommender.pipeline.calibration import Calibrator, Readings
from recommender.pipeline.heartbeat import BEATS_A_LEASE, Heartbeat
from recommender.pipeline.mastering import Mastering
from recommender.pipeline.observing import observe
from recommender.pipeline.slates import make_slates
from recommender.selectors.attention import StoredAttention, read_attention
from recommender.selectors.freshness import list_orphans, list_outdated, read_clock, read_counts
from recommender.selectors.situations import Read, read_situations
from recommender.selectors.versions import get_serving_version_id
from recommender.services.attention import store_folds
from recommender.services.leases import LostLease, name_worker
from recommender.services.observations import make_profiles, store_observations
from recommender.services.slates import store_slates

logger = logging.getLogger(__name__)

ORPHAN_PARTS: Final = 16

POISON_SECONDS: Final = 60.0
"""A learner whose slate cannot be computed is left alone for so long."""

LONGEST_SECONDS: Final = 300.0
"""As the time limit of the task, which only forked workers obey: claims of a batch that takes longer run out."""

# These say nothing about the learners of the batch: it is given back and tried again as a whole.
_NOT_THEIR_FAULT: Final = (OperationalError, InterfaceError, SoftTimeLimitExceeded, MemoryError)


@dataclass(frozen=True)
class Learned:
    """What the learners of a batch remember and have mastered, by learner; of memories only those that changed."""

    memories: Mapping[int, Sequence[Memory]]
    mastery: Mapping[int, Sequence[Mastery]]


@dataclass
class Refreshed:
    """What became of claimed learners."""

    stored: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)  # taken over by another worker, or gone
    failed: set[int] = field(default_factory=set)

    def __iadd__(self, other: "Refreshed") -> "Refreshed":
        self.stored |= other.stored
        self.lost |= other.lost
        self.failed |= other.failed
        return self


def refresh_stale(*, outdated: bool = False, seconds: float = 60.0) -> tuple[Refreshed, bool]:
    """Refresh stale learners, in batches, until none is left that nobody works on, or `seconds` are over.

    With `outdated` also those who were active lately and whose slates are of another version than the active one.
    Returns what became of them, and whether there may be more to do. A machine that can load no version leaves all of
    it to others, and to the sweeper's next nudge.
    """
    worker = name_worker()
    total = Refreshed()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            model = get_active()
        except UnavailableArtefact as error:
            logger.error("nothing refreshed", extra={"error": str(error)})
            return total, False
        extra = _outdated(model) if outdated else []
        orphans = list_orphans(limit=settings.REFRESH_BATCH)
        claimed = claim_stale(
            worker=worker,
            limit=settings.REFRESH_BATCH,
            lease_seconds=settings.LEASE_SECONDS,
            extra_ids=extra,
        )
        if not claimed:
            return total, False
        try:
            for part in _apart(claimed, orphans):
                for own, some in split_by_arm(part, model=model):
                    renewed = renew_claims(
                        worker=worker, learner_ids=some, lease_seconds=settings.LEASE_SECONDS
                    )
                    total += refresh_claimed(sorted(renewed), worker=worker, model=own)
        except BaseException:
            # Not after an error of the connection itself: then the leases run out by themselves.
            if connection.is_usable():
                release_claims(worker=worker)
            raise
    return total, True


def _apart(claimed: Sequence[int], orphans: Collection[int]) -> list[list[int]]:
    """The batch, then in small parts and at random those whose last worker is likely to have died of one of them.

    So the one who kills workers takes only a few others with her, and different ones each time.
    """
    taken = [learner for learner in claimed if learner in orphans]
    random.shuffle(taken)
    size = max(1, len(taken) // ORPHAN_PARTS)
    parts = [[learner for learner in claimed if learner not in orphans]]
    parts += [taken[start : start + size] for start in range(0, len(taken), size)]
    return [part for part in parts if part]


def refresh_claimed(
    learner_ids: Sequence[int], *, worker: str, model: ActiveModel | None
) -> Refreshed:
    """Refresh learners that `worker` has claimed, in one pass.

    Where the pass fails, it is tried on each half, so that one learner whose data nobody foresaw costs the others
    a delay and not their slates; she herself is tried again after a minute.
    """
    started = time.monotonic()
    try:
        done = _refresh_together(learner_ids, worker=worker, model=model)
    except _NOT_THEIR_FAULT:
        raise
    except LostLease:
        return Refreshed(lost=set(learner_ids))
    except Exception:
        if len(learner_ids) == 1:
            logger.exception("slate not computed", extra={"learner": learner_ids[0]})
            renew_claims(worker=worker, learner_ids=learner_ids, lease_seconds=POISON_SECONDS)
            metrics.observe_failure()
            return Refreshed(failed=set(learner_ids))
        logger.warning("batch failed, trying its halves", exc_info=True)
        half = len(learner_ids) // 2
        done = Refreshed()
        for part in (learner_ids[:half], learner_ids[half:]):
            held = renew_claims(
                worker=worker, learner_ids=part, lease_seconds=settings.LEASE_SECONDS
            )
            done.lost |= set(part) - held
            if held:
                done += refresh_claimed(sorted(held), worker=worker, model=model)
        return done
    metrics.observe_batch(learners=len(done.stored), seconds=time.monotonic() - started)
    return done


def _refresh_together(
    learner_ids: Sequence[int], *, worker: str, model: ActiveModel | None
) -> Refreshed:
    with _without_collector(), _hold_claims(worker, learner_ids) as heartbeat:
        now = read_clock()
        rules = Rules.of(model)
        seqs, reads, attention = read_snapshot(learner_ids, rules=rules.name)
        profiles = fold_profiles(attention, rules=rules, now=now)
        calibrator, mastering = Calibrator.of(model), Mastering()
        slates = make_slates(
            list(reads.values()),
            seqs=seqs,
            model=model,
            now=now,
            profiles=acting_profiles(attention, profiles),
            calibrator=calibrator,
            mastering=mastering,
            on_progress=heartbeat.check,
        )
        folds = describe_folds(attention, profiles, rules=rules)
        observed = [row for each in attention.values() for row in each.observed]
        make_profiles(learner_ids={row.learner_id for row in observed})
        calibrator.keep_attention(slates)
        readings = calibrator.read(now=now)
        learned = Learned(
            {learner: read.remembered for learner, read in reads.items()}, mastering.read()
        )
        return _write(slates, folds, observed, readings, learned, seqs=seqs, worker=worker, now=now)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Hundreds of thousands of small objects are made and kept: to look for garbage among them took a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def read_snapshot(
    learner_ids: Sequence[int], *, rules: str = ""
) -> tuple[dict[int, int], dict[int, Read], dict[int, StoredAttention]]:
    """Return dirty_seq, situation and attention profile (of those who have one), all as of one moment.

    The gone are left out. Profiles that were folded under other `rules`, and those of learners who did something worth
    noting since their last slates, come with their ledger. Inside a transaction
    of the caller it is the caller's isolation that holds.
    """
    nested = connection.in_atomic_block
    with transaction.atomic():
        if not nested:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        counts = read_counts(learner_ids=learner_ids)
        reads = read_situations(learner_ids=list(counts), now=timezone.now())
        attention = read_attention(learner_ids=list(counts), rules=rules, observed=observe(reads))
    seqs = {learner: dirty for learner, (dirty, _clean) in counts.items()}
    return seqs, dict(reads), dict(attention)


def _write(
    slates: Sequence[Slate],
    folds: Mapping[int, tuple[int, dict[str, Any]]],
    observed: Sequence[Observation],
    readings: Readings,
    learned: Learned,
    *,
    seqs: dict[int, int],
    worker: str,
    now: datetime,
) -> Refreshed:
    """Store slates, observations, profiles, memories and mastery and mark their learners clean, in one transaction.

    Not of those that were lost meanwhile.
    """
    with transaction.atomic():
        held = mark_clean_batch(worker=worker, seqs=seqs)
        store_slates([slate for slate in slates if slate.learner_id in held], now=now)
        store_observations([row for row in observed if row.learner_id in held])
        readings.store(held)
        store_folds({one: each for one, each in folds.items() if one in held}, now=now)
        store_memories({one: each for one, each in learned.memories.items() if one in held})
        store_mastery({one: each for one, each in learned.mastery.items() if one in held}, now=now)
    return Refreshed(stored=held, lost=set(seqs) - held)


def _hold_claims(worker: str, learner_ids: Sequence[int]) -> Heartbeat:
    """Keeps the claims of a batch alive while it is worked on, however long one step takes."""
    seconds = float(settings.LEASE_SECONDS)

    def renew() -> None:
        if not renew_claims(worker=worker, learner_ids=learner_ids, lease_seconds=seconds):
            raise LostLease

    return Heartbeat(
        renew,
        name=f"claims-{worker}",
        every=seconds / BEATS_A_LEASE,
        lease_seconds=seconds,
        at_most=LONGEST_SECONDS,
    )


def _outdated(model: ActiveModel | None) -> list[int]:
    # A machine that serves an earlier version because of trouble of its own must not undo the others' work.
    if model is None or get_serving_version_id() not in (None, model.version_id):
        return []
    return list_outdated(
        version_id=model.version_id, now=timezone.now(), limit=settings.REFRESH_BATCH
    )
