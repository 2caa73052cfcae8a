"""Something done every so often beside a worker's own work: above all, renewing what it holds."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Final, Self

from django.conf import settings
from django.db import Error, connection

from recommender.services.leases import (
    LostLease,
    claim_lease,
    name_worker,
    release_lease,
    renew_lease,
)

logger = logging.getLogger(__name__)

BEATS_A_LEASE: Final = 3
"""A lease is renewed so often in its time: two renewals may fail before it is lost."""


class Heartbeat:
    """While it is entered, a thread calls `beat` every `every` seconds, however long a step of the work takes.

    What is held counts as lost as soon as `beat` raises LostLease, or when none has succeeded for `lease_seconds` (no
    database): then somebody else may have it already. After `at_most` seconds the beating ends, so that work which
    hangs for ever is taken over. With `once_more` there is a last beat at the end.
    """

    def __init__(
        self,
        beat: Callable[[], object],
        *,
        name: str,
        every: float,
        lease_seconds: float = math.inf,
        at_most: float = math.inf,
        once_more: bool = False,
    ) -> None:
        self._beat, self._every, self._once_more = beat, every, once_more
        self._lease = lease_seconds
        self._ended, self._lost = threading.Event(), threading.Event()
        self._renewed = time.monotonic()
        self._until = self._renewed + at_most
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def lost(self) -> bool:
        """Somebody else has what was held, or may have it. Costs nothing to ask."""
        return self._lost.is_set() or time.monotonic() - self._renewed > self._lease

    def check(self) -> None:
        """Raise LostLease where it is lost: called between the steps of the work."""
        if self.lost:
            raise LostLease

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
        # Its last call may hang where the database does; then the lease runs out meanwhile.
        self._thread.join(None if math.isinf(self._lease) else self._lease)

    def _run(self) -> None:
        try:
            while not self._ended.wait(self._every) and not self.lost:
                if time.monotonic() > self._until:
                    logger.warning("work takes too long, no longer held: %s", self._thread.name)
                    return
                self._beat_once()
            if self._once_more and not self.lost:
                self._beat_once()
        finally:
            connection.close()

    def _beat_once(self) -> None:
        began = time.monotonic()
        try:
            self._beat()
            self._renewed = began
        except LostLease:
            logger.warning("lease lost: %s", self._thread.name)
            self._lost.set()
        except Exception as error:
            # Most likely the database is away: the work goes on until the lease would have run out.
            logger.warning("no heartbeat: %s", self._thread.name, extra={"error": str(error)})
            connection.close()


@contextmanager
def hold_lease(name: str) -> Iterator[tuple[str, Heartbeat] | None]:
    """Hold the lease `name` while the block runs: its owner's name and the heartbeat; None where another holds it."""
    owner, seconds = name_worker(), float(settings.LEASE_SECONDS)
    if not claim_lease(name=name, owner=owner, seconds=seconds):
        yield None
        return
    heartbeat = Heartbeat(
        lambda: renew_lease(name=name, owner=owner, seconds=seconds),
        name=name,
        every=seconds / BEATS_A_LEASE,
        lease_seconds=seconds,
    )
    try:
        with heartbeat:
            yield owner, heartbeat
    finally:
        with suppress(Error):  # the database is away: the lease runs out by itself
            release_lease(name=name, owner=owner)
