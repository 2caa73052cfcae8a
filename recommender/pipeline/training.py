"""One training run in a worker: vectors, export, training, storing, candidate, gate.

Whatever happens to the worker, the run goes on: its lease runs out, another worker claims it, fetches the last shipped
checkpoint and continues. Whatever goes wrong in the run itself ends it with the error in its row.
"""

import errno
import json
import logging
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DataError, InterfaceError, OperationalError
from django.utils.translation import gettext as _

from recommender.core.artefact import WEIGHTS, read_manifest
from recommender.core.config import TrainConfig
from recommender.core.errors import ArtefactError, BadDataError, Cancelled, CoreError
from recommender.core.progress import Progress
from recommender.core.split import Split, hold_out
from recommender.core.training import TrainResult, train
from recommender.models import TrainingRun
from recommender.phases import LABELS
from recommender.pipeline.artefacts import (
    UnavailableArtefact,
    delete_version,
    fetch_version,
    load_version,
    store_version,
)
from recommender.pipeline.catalogue import add_texts, load_catalogue
from recommender.pipeline.checkpoints import (
    Courier,
    delete_checkpoint,
    delete_stale_checkpoints,
    fetch_checkpoint,
    finite,
    read_history,
)
from recommender.pipeline.export import export_events
from recommender.pipeline.fairness import report_fairness
from recommender.pipeline.gate import judge_candidate
from recommender.pipeline.health import describe_training
from recommender.pipeline.lease import Hold
from recommender.pipeline.refitting import refit_version
from recommender.pipeline.vectors import compute_vectors, load_encoder
from recommender.pipeline.workfolders import remove_leftovers, work_folder
from recommender.selectors.versions import get_active_version
from recommender.services.leases import LostLease, name_worker
from recommender.services.observations import count_norms
from recommender.services.training import (
    Produced,
    claim_training_run,
    close_cancelled_training,
    fail_training,
    finish_training,
    release_training_lease,
)

logger = logging.getLogger(__name__)


class _Stopped(Exception):
    """The run was cancelled or lost between two phases."""


def run_next_training(*, worker: str | None = None) -> TrainingRun | None:
    """Carry out the run that waits or has lost its worker; None where there is none, or another worker trains."""
    worker = worker or name_worker()
    run = claim_training_run(worker=worker, lease_seconds=settings.LEASE_SECONDS)
    if run is None:
        return None
    remove_leftovers()
    delete_stale_checkpoints()
    _Work(run, worker).do()
    run.refresh_from_db()
    if run.version is not None and settings.ACTIVATION_GATE:
        judge_candidate(version=run.version)
    return run


class _Work:
    """One worker's try at a run."""

    def __init__(self, run: TrainingRun, worker: str) -> None:
        self.run, self.worker = run, worker
        self.folder = work_folder(run)
        self.checkpoint = self.folder / "checkpoint"
        self.hold = Hold(
            run_id=run.pk,
            worker=worker,
            lease_seconds=settings.LEASE_SECONDS,
            read_history=self._history,
        )
        self.courier = Courier(run.pk, self.checkpoint, may_ship=lambda: not self.hold.lost)

    def do(self) -> None:
        """Carry the run to its end, or leave it to the next worker."""
        log = logger.getChild(str(self.run.pk))
        log.info("training begins", extra={"worker": self.worker, "try": self.run.takeovers + 1})
        closed = False
        try:
            # The courier may still be sending when the training is over, and the lease must not run out before.
            with self.hold.heartbeat, self.courier.heartbeat:
                produced = self._produce()
            self._finish(produced)
            closed = True
        except (_Stopped, Cancelled, LostLease):
            closed = self._close_cancelled()
        except (OperationalError, InterfaceError) as error:
            # The database is away, which says nothing about the run: whoever sees it back goes on.
            log.warning("training interrupted", extra={"error": str(error)})
        except Exception as error:
            log.exception("training failed")
            closed = self._fail(describe_error(error))
        except BaseException:
            release_training_lease(run_id=self.run.pk, worker=self.worker)
            raise
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
            if closed:
                delete_checkpoint(self.run.pk)

    def _produce(self) -> Produced:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        if self.run.takeovers:
            fetch_checkpoint(self.run.pk, self.checkpoint)
        self._phase("vectors")
        compute_vectors(on_progress=self._counting("vectors"), check=self._stop_if_asked)
        catalogue = add_texts(load_catalogue(encoder=load_encoder().hash).catalogue)
        self._phase("export")
        assert self.run.data_until is not None  # noqa: S101  every claimed run has one
        count_norms(until=self.run.data_until)
        log, people = export_events(
            self.folder / "log",
            catalogue=catalogue,
            until=self.run.data_until,
            on_page=lambda _done: self._stop_if_asked(),
        )
        parent, start = self._start()
        split = hold_out(log, self._config())
        result = self._train(log, catalogue, start, split)
        self._phase("storing")
        refit_version(
            result.artefact,
            catalogue=catalogue,
            start=start,
            until=self.run.data_until,
            minutes=self._minutes(),
            seed=self._seed(),
            device=settings.DEVICE,
            should_stop=self.hold.should_stop,
        )
        reference = self._add(
            "reference of the training window",
            lambda: describe_training(result.artefact, device=settings.DEVICE),
        )
        fairness = self._add(
            "report of fairness",
            lambda: report_fairness(
                result.artefact,
                split=split,
                people=people,
                catalogue=catalogue,
                config=self._config(),
                device=settings.DEVICE,
                check=self._stop_if_asked,
            ),
        )
        manifest = read_manifest(result.artefact)
        described = json.loads(manifest.model_dump_json())  # without NaN, which jsonb refuses
        name = f"run{self.run.pk}-{uuid.uuid4().hex[:12]}"
        store_version(result.artefact, name)
        return Produced(
            artefact=name,
            sha256=manifest.sha256[WEIGHTS],
            manifest=described,
            metrics=described["metrics"],
            parent_id=parent,
            reference=reference,
            fairness=fairness,
        )

    def _add(self, name: str, describe: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What is told of a version beside its metrics; a version is worth having without it, too."""
        self._stop_if_asked()
        try:
            return describe()
        except (OperationalError, InterfaceError, _Stopped):
            raise
        except Exception:
            logger.exception("a version without its %s", name)
            return {}

    def _config(self) -> TrainConfig:
        return TrainConfig(minutes=self._minutes(), seed=self._seed(), calibrate=True)

    def _train(self, log: Any, catalogue: Any, start: Path | None, split: Split) -> TrainResult:
        def attempt() -> TrainResult:
            return train(
                log,
                catalogue,
                config=self._config(),
                out=self.folder / "version",
                checkpoint=self.checkpoint,
                start_from=start,
                on_progress=self._follow,
                should_stop=self.hold.should_stop,
                device=settings.DEVICE,
                split=split,
            )

        resumed = self.checkpoint.exists()
        try:
            return attempt()
        except BadDataError:
            if not resumed:
                raise
            # Somebody was erased, or the catalogue changed, since the checkpoint was written.
            logger.warning("checkpoint is of other data, beginning anew")
            shutil.rmtree(self.checkpoint, ignore_errors=True)
            return attempt()

    def _minutes(self) -> float:
        return float(self.run.options.get("minutes", settings.TRAINING_MINUTES))

    def _seed(self) -> int:
        return int(self.run.options.get("seed", 0))

    def _start(self) -> tuple[int | None, Path | None]:
        """Id and files of the version that training starts from: the active one, if it can be loaded."""
        version = get_active_version()
        if version is None:
            return None, None
        try:
            folder = fetch_version(version.artefact, sha256=version.sha256)
            load_version(version, device="cpu")
        except (ArtefactError, UnavailableArtefact) as error:
            logger.warning("active version not usable as a start", extra={"error": str(error)})
            return None, None
        return version.pk, folder

    def _finish(self, produced: Produced) -> None:
        try:
            finish_training(run_id=self.run.pk, worker=self.worker, produced=produced)
        except (LostLease, DataError):
            # No row names these files, so nobody would ever remove them. Not after an error of the connection: then
            # the row may have been written.
            delete_version(produced.artefact)
            raise

    def _fail(self, error: str) -> bool:
        """Close the run with the error; False where it is another worker's by now."""
        try:
            fail_training(run_id=self.run.pk, worker=self.worker, error=error)
        except LostLease:
            logger.warning("lease lost before the error was written", extra={"error": error})
            return False
        return True

    def _close_cancelled(self) -> bool:
        if not self.hold.cancelled:
            return False
        try:
            close_cancelled_training(run_id=self.run.pk, worker=self.worker)
        except LostLease:
            return False
        return True

    def _phase(self, name: str) -> None:
        self._stop_if_asked()
        self.hold.tell(phase=name, epoch=0, epochs=0, loss=None, metric=None, seconds_left=None)

    def _counting(self, phase: str) -> Callable[[int, int], None]:
        def told(done: int, of: int) -> None:
            self._stop_if_asked()
            self.hold.tell(phase=phase, epoch=done, epochs=of)

        return told

    def _follow(self, progress: Progress) -> None:
        # A phase without epochs has steps to show.
        in_steps = progress.epochs == 1
        self.hold.tell(
            phase=progress.phase,
            epoch=progress.step if in_steps else progress.epoch,
            epochs=progress.steps if in_steps else progress.epochs,
            loss=finite(progress.loss),
            metric=finite(progress.metric),
            seconds_left=progress.seconds_left,
        )

    def _stop_if_asked(self) -> None:
        if self.hold.should_stop():
            raise _Stopped

    def _history(self) -> list[dict[str, Any]]:
        """One row an epoch, from the checkpoints: a run that was taken over keeps the rows before."""
        found = read_history(self.checkpoint)
        return [
            {"phase": phase, "epoch": number, **row}
            for phase in LABELS
            for number, row in enumerate(found.get(phase, ()), start=1)
        ]


def describe_error(error: Exception) -> str:
    """What an operator reads in a failed run."""
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return _("The disk is full; nothing of the version was kept. %(error)s") % {"error": error}
    if isinstance(error, CoreError):
        return str(error)
    return f"{type(error).__name__}: {error}"
