"""Training runs: requested and cancelled by people, claimed and carried on by workers.

The row is the truth. A worker that trains holds a lease in it and renews it; when the lease has run out, whoever
comes next takes the run over. Every write of a worker names the worker, so that one who lost the lease writes
nothing more. Times are the database's, so that clocks of different machines don't matter.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from common.api.errors import Refused
from common.queue import TRAIN_MODEL, enqueue_on_commit
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from recommender.models import ModelVersion, TrainingRun
from recommender.services.leases import LostLease

MAX_TAKEOVERS: Final = 10
"""A run that loses its worker more often than this is failed: it is likely to be what kills them."""

Status = TrainingRun.Status


@dataclass(frozen=True)
class Produced:
    """What a run made: an artefact that is stored already, and how it measured."""

    artefact: str
    sha256: str
    manifest: dict[str, Any]
    metrics: dict[str, Any]
    parent_id: int | None
    reference: dict[str, Any] = field(default_factory=dict)
    fairness: dict[str, Any] = field(default_factory=dict)


@transaction.atomic
def request_training(*, by: Any | None, options: dict[str, Any] | None = None) -> TrainingRun:
    """Queue a run; `options` (seed, minutes) are validated by the caller. Runs wait for one another."""
    run = TrainingRun.objects.create(requested_by=by, options=options or {})
    enqueue_on_commit(TRAIN_MODEL)
    return run


@transaction.atomic
def cancel_training(*, run_id: int) -> TrainingRun:
    """Cancel a queued run at once, or ask the worker of a running one to stop within seconds.

    Asking twice is harmless. Raises Refused for a finished run, TrainingRun.DoesNotExist.
    """
    run = TrainingRun.objects.select_for_update().get(pk=run_id)
    if run.status == Status.QUEUED:
        run.status, run.cancel_requested = Status.CANCELLED, True
        run.finished_at = Now()
        run.save(update_fields=["status", "cancel_requested", "finished_at"])
        run.refresh_from_db()
    elif run.status == Status.RUNNING:
        run.cancel_requested = True
        run.save(update_fields=["cancel_requested"])
    elif run.status != Status.CANCELLED:
        raise Refused(_("The run is finished."))
    return run


def claim_training_run(*, worker: str, lease_seconds: int) -> TrainingRun | None:
    """Give `worker` the run that it is to carry out, or None where there is none or another worker trains.

    A run whose lease has run out is taken over before a queued one is begun. At most one run is running, which the
    database enforces: of two workers that claim at once, one gets None.
    """
    try:
        with transaction.atomic():
            return _claim(worker, lease_seconds)
    except IntegrityError:
        return None


def _claim(worker: str, lease_seconds: int) -> TrainingRun | None:
    lease = Now() + timedelta(seconds=lease_seconds)
    unfinished = TrainingRun.objects.select_for_update().filter(status__in=TrainingRun.UNFINISHED)
    running = unfinished.filter(status=Status.RUNNING).first()
    if running is not None:
        taken = TrainingRun.objects.filter(pk=running.pk).filter(
            Q(lease_until=None) | Q(lease_until__lt=Now())
        )
        if running.takeovers < MAX_TAKEOVERS:
            if not taken.update(
                lease_owner=worker, lease_until=lease, takeovers=F("takeovers") + 1
            ):
                return None
            return TrainingRun.objects.get(pk=running.pk)
        if not taken.update(
            status=Status.FAILED,
            finished_at=Now(),
            lease_owner="",
            lease_until=None,
            error=_("Its worker was lost %(count)d times; look at the workers' memory and logs.")
            % {"count": MAX_TAKEOVERS + 1},
        ):
            return None
    queued = unfinished.filter(status=Status.QUEUED).order_by("pk").first()
    if queued is None:
        return None
    TrainingRun.objects.filter(pk=queued.pk).update(
        status=Status.RUNNING,
        started_at=Now(),
        data_until=Now(),
        lease_owner=worker,
        lease_until=lease,
    )
    return TrainingRun.objects.get(pk=queued.pk)


def renew_training_lease(*, run_id: int, worker: str, lease_seconds: int) -> bool:
    """Renew the lease and return whether somebody asked to cancel. Raises LostLease."""
    lease = Now() + timedelta(seconds=lease_seconds)
    if not _held(run_id, worker).update(lease_until=lease):
        raise LostLease
    return TrainingRun.objects.values_list("cancel_requested", flat=True).get(pk=run_id)


def release_training_lease(*, run_id: int, worker: str) -> None:
    """Let another worker go on at once: this one is shutting down."""
    _held(run_id, worker).update(lease_owner="", lease_until=None)


def report_training(*, run_id: int, worker: str, **progress: Any) -> None:
    """Write phase, epoch, epochs, loss, metric, seconds_left or history. Raises LostLease."""
    if not _held(run_id, worker).update(**progress):
        raise LostLease


@transaction.atomic
def finish_training(*, run_id: int, worker: str, produced: Produced) -> ModelVersion:
    """Register the candidate that the run made and close the run. Raises LostLease, with nothing written."""
    run = _held(run_id, worker).select_for_update().first()
    if run is None:
        raise LostLease
    version = ModelVersion.objects.create(
        artefact=produced.artefact,
        sha256=produced.sha256,
        manifest=produced.manifest,
        metrics=produced.metrics,
        parent_id=produced.parent_id,
        reference=produced.reference,
        fairness=produced.fairness,
        data_until=run.data_until,
    )
    _close(run_id, worker, status=Status.SUCCEEDED, version=version)
    _begin_next()
    return version


@transaction.atomic
def fail_training(*, run_id: int, worker: str, error: str) -> None:
    """Close the run with what went wrong. Raises LostLease."""
    _close(run_id, worker, status=Status.FAILED, error=error)
    _begin_next()


@transaction.atomic
def close_cancelled_training(*, run_id: int, worker: str) -> None:
    """Close a run whose worker has stopped because it was asked to. Raises LostLease."""
    _close(run_id, worker, status=Status.CANCELLED)
    _begin_next()


def _held(run_id: int, worker: str) -> Any:
    return TrainingRun.objects.filter(pk=run_id, lease_owner=worker, status=Status.RUNNING)


def _close(run_id: int, worker: str, **fields: Any) -> None:
    if not _held(run_id, worker).update(
        finished_at=Now(), lease_owner="", lease_until=None, seconds_left=None, **fields
    ):
        raise LostLease


def _begin_next() -> None:
    if TrainingRun.objects.filter(status=Status.QUEUED).exists():
        enqueue_on_commit(TRAIN_MODEL)
