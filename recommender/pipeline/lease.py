"""The hold of a worker on a training run: its heartbeat renews the lease, writes progress and hears of cancelling."""

import logging
import threading
from collections.abc import Callable
from typing import Any

from recommender.pipeline.heartbeat import Heartbeat
from recommender.services.leases import LostLease
from recommender.services.training import renew_training_lease, report_training

logger = logging.getLogger(__name__)

BEAT_SECONDS = 1.0


class Hold:
    """While its `heartbeat` is entered, the run is this worker's, and its row shows what `tell` was last told."""

    def __init__(
        self, *, run_id: int, worker: str, lease_seconds: int, read_history: Callable[[], list[Any]]
    ) -> None:
        self._run_id, self._worker, self._lease = run_id, worker, lease_seconds
        self._read_history = read_history
        self._pending: dict[str, Any] = {}
        self._history: list[Any] = []
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self.heartbeat = Heartbeat(
            self._beat,
            name=f"run-{run_id}",
            every=BEAT_SECONDS,
            lease_seconds=lease_seconds,
            once_more=True,
        )

    @property
    def lost(self) -> bool:
        """Another worker has the run, or may have it."""
        return self.heartbeat.lost

    @property
    def cancelled(self) -> bool:
        """Somebody asked to cancel the run."""
        return self._cancelled.is_set()

    def should_stop(self) -> bool:
        """Asked by the training at every step; costs nothing."""
        return self.cancelled or self.lost

    def tell(self, **progress: Any) -> None:
        """Leave progress to be written at the next beat."""
        with self._lock:
            self._pending.update(progress)

    def _beat(self) -> None:
        if renew_training_lease(
            run_id=self._run_id, worker=self._worker, lease_seconds=self._lease
        ):
            self._cancelled.set()
        try:
            self._write_progress()
        except LostLease:
            raise
        except Exception as error:  # the lease is renewed, and that is what counts
            logger.warning("progress not written", extra={"run": self._run_id, "error": str(error)})

    def _write_progress(self) -> None:
        history = self._read_history()
        with self._lock:
            progress, self._pending = self._pending, {}
        if history != self._history:
            progress["history"] = history
        if progress:
            report_training(run_id=self._run_id, worker=self._worker, **progress)
            self._history = history
