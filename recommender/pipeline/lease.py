"""The hold of a worker on a training run: a thread that renews the lease, writes progress and hears of cancelling."""

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from django.db import Error, connection

from recommender.services.training import LostLease, renew_training_lease, report_training

logger = logging.getLogger(__name__)

BEAT_SECONDS = 1.0


class Hold:
    """While it is entered, the run is this worker's, and its row shows what `tell` was last told.

    The lease counts as lost as soon as somebody else has it, or when it could not be renewed in time (no database):
    then another worker may hold it already, and this one must stop.
    """

    def __init__(
        self, *, run_id: int, worker: str, lease_seconds: int, read_history: Callable[[], list[Any]]
    ) -> None:
        self._run_id, self._worker, self._lease = run_id, worker, lease_seconds
        self._read_history = read_history
        self._pending: dict[str, Any] = {}
        self._history: list[Any] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._lost = threading.Event()
        self._cancelled = threading.Event()
        self._renewed = time.monotonic()
        self._thread = threading.Thread(target=self._beat, name=f"run-{run_id}", daemon=True)

    @property
    def lost(self) -> bool:
        """Another worker has the run, or may have it."""
        return self._lost.is_set() or time.monotonic() - self._renewed > self._lease

    @property
    def cancelled(self) -> bool:
        """Somebody asked to cancel the run."""
        return self._cancelled.is_set()

    def should_stop(self) -> bool:
        """Asked by the training at every step; costs nothing."""
        return self._cancelled.is_set() or self.lost

    def tell(self, **progress: Any) -> None:
        """Leave progress to be written at the next beat."""
        with self._lock:
            self._pending.update(progress)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join(timeout=30)

    def _beat(self) -> None:
        try:
            while not self._ended.wait(BEAT_SECONDS) and not self.lost:
                self._beat_once()
            if not self.lost:
                self._beat_once()
        finally:
            connection.close()

    def _beat_once(self) -> None:
        began = time.monotonic()
        try:
            if renew_training_lease(
                run_id=self._run_id, worker=self._worker, lease_seconds=self._lease
            ):
                self._cancelled.set()
            self._renewed = began
            self._write_progress()
        except LostLease:
            logger.warning("lease lost", extra={"run": self._run_id, "worker": self._worker})
            self._lost.set()
        except Error as error:
            # The database is away: the training goes on until the lease would have run out.
            logger.warning("lease not renewed", extra={"run": self._run_id, "error": str(error)})
            connection.close()

    def _write_progress(self) -> None:
        history = self._read_history()
        with self._lock:
            progress, self._pending = self._pending, {}
        if history != self._history:
            progress["history"] = history
        if progress:
            report_training(run_id=self._run_id, worker=self._worker, **progress)
            self._history = history
