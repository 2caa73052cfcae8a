"""The process that outlives the holders of a home's services and stops them after the last.

It waits for the exclusive lock on the file that every holder locks shared. The kernel grants it when
the last holder is gone, by whatever death, so no count can go wrong.
"""

import os
import time
from pathlib import Path

from common.embedded import locks, postgres, processes, valkey
from common.embedded.places import Places


def lease_file(places: Places) -> Path:
    return places.run / "lease.lock"


def mutex_file(places: Places) -> Path:
    return places.run / "services.lock"


def pid_file(places: Places) -> Path:
    return places.run / "keeper.pid"


def is_running(places: Places) -> bool:
    """Tell whether a keeper watches this home: it holds its pid file locked."""
    descriptor = locks.open_lock(pid_file(places))
    try:
        return not locks.try_lock(descriptor)
    finally:
        os.close(descriptor)


def main(home: Path) -> int:
    """Become the home's keeper; the starter gets 0 once the watch has begun."""
    places = Places.of(home)
    watch = locks.open_lock(pid_file(places))
    if not locks.try_lock(watch):
        return 0
    os.ftruncate(watch, 0)
    # Forked so that no holder is the parent, which would have to collect it.
    if os.fork():
        return 0
    os.pwrite(watch, f"{os.getpid()}\n".encode(), 0)
    _watch(places, watch)
    return 0


def _watch(places: Places, watch: int) -> None:
    lease = locks.open_lock(lease_file(places))
    while True:
        locks.wait_for_lock(lease)
        if not locks.is_current(lease, lease_file(places)):
            _end_orphans(places)
            return
        mutex = locks.open_lock(mutex_file(places))
        if locks.try_lock(mutex):
            break
        # Somebody is about to take a lease: waiting for the mutex here would block both.
        os.close(mutex)
        locks.unlock(lease)
        time.sleep(0.05)
    try:
        valkey.stop(places)
        postgres.stop(places)
    finally:
        # In this order: who gets the mutex next must find neither keeper nor lock in the way.
        os.ftruncate(watch, 0)
        locks.unlock(lease)
        locks.unlock(watch)
        locks.unlock(mutex)


def _end_orphans(places: Places) -> None:
    """The home was deleted under its services: end those that still serve the deleted folders."""
    home_is_gone = not lease_file(places).exists()
    for folder in (places.valkey_data, places.postgres_data):
        for process in processes.find_all(folder, deleted=True):
            processes.end(process, valkey.STOP if folder == places.valkey_data else postgres.STOP)
    if home_is_gone and places.as_root:
        postgres.stop(places)
