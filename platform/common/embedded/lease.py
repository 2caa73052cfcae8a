"""Leases on a home's services: the first holder starts them, the last one's end stops them."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType

from common.embedded import account, keeper, locks, postgres, valkey
from common.embedded.errors import with_log
from common.embedded.places import Places, Urls, urls

_leases: dict[Path, "Lease"] = {}
_guard = threading.RLock()


class Lease:
    """One process's share in the services of a home, held until `release` or the process's end.

    Children that are forked, not started as programs, share it: the services outlive the parent for
    as long as such a child lives.
    """

    def __init__(self, places: Places) -> None:
        self.home = places.home
        self.urls: Urls = urls(places.home)
        self._path = keeper.lease_file(places)
        self._descriptor: int | None = locks.open_lock(self._path)
        locks.wait_for_lock(self._descriptor, shared=True)

    @property
    def held(self) -> bool:
        """Whether the lease counts: not released, and its home not deleted meanwhile."""
        return self._descriptor is not None and locks.is_current(self._descriptor, self._path)

    def release(self) -> None:
        """Give the share back. Idempotent."""
        with _guard:
            if self._descriptor is not None:
                # Closed and not unlocked: in a forked child this must not end the parent's lease.
                os.close(self._descriptor)
                self._descriptor = None
            if _leases.get(self.home) is self:
                del _leases[self.home]

    def __enter__(self) -> "Lease":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def ensure(home: Path, *, database: bool, broker: bool, durable: bool = True) -> Lease:
    """Make sure that the wanted services of `home` answer, and hold them for this process.

    Idempotent: a second call starts what has died or was not wanted before, and returns the same
    lease. `durable=False` trades safety against a crash of the machine for speed, at the server's
    next start. Raises EmbeddedError.
    """
    places = Places.of(home)
    with _guard:
        places.create()
        with locks.mutex(keeper.mutex_file(places)):
            known = _leases.get(places.home)
            lease = known if known is not None and known.held else Lease(places)
            try:
                _ensure_keeper(places)
                if database:
                    postgres.start(places, durable=durable)
                if broker:
                    valkey.start(places)
            except BaseException:
                if lease is not known:
                    lease.release()
                raise
            _leases[places.home] = lease
            return lease


def stop(home: Path, *, database: bool = False, broker: bool = False) -> None:
    """Stop services though leases are held, as a fault does; `ensure` starts them again."""
    places = Places.of(home)
    places.create()
    with locks.mutex(keeper.mutex_file(places)):
        if broker:
            valkey.stop(places)
        if database:
            postgres.stop(places)


def discard(home: Path) -> None:
    """Stop the services of `home` and delete their data for good; other files of the home stay."""
    places = Places.of(home)
    places.create()
    with locks.mutex(keeper.mutex_file(places)):
        valkey.stop(places)
        postgres.stop(places)
        account.remove_cluster(places)
        for path in places.valkey_data.iterdir():
            path.unlink()
        if places.sockets != places.run:
            shutil.rmtree(places.sockets, ignore_errors=True)


def _ensure_keeper(places: Places) -> None:
    """Start the process that stops the services after the last holder, unless it is there."""
    if keeper.is_running(places):
        return
    log = places.logs / "keeper.log"
    source_root = str(Path(__file__).resolve().parents[2])
    with log.open("ab") as output:
        code = subprocess.run(
            [sys.executable, "-m", "common.embedded", str(places.home)],
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": source_root},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            check=False,
        ).returncode
    if code or not keeper.is_running(places):
        raise with_log("the keeper of the embedded services did not start", log)
