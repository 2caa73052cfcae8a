"""Advisory file locks (flock): the kernel frees them when their last holder dies, however it dies.

A forked child shares its parent's lock, so a lease is let go by closing only: an explicit unlock in
the child would take it from the parent as well. A mutex is the opposite: it is always unlocked, so
that a child forked meanwhile cannot keep it.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.embedded.errors import EmbeddedError

_POLL_SECONDS = 0.02


def open_lock(path: Path) -> int:
    """Return a descriptor of the lock file, closed on exec: a started program holds no lease."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Take the lock if nobody is in the way; tell whether it was taken."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for_lock(descriptor: int, *, shared: bool = False) -> None:
    """Take the lock, however long that takes."""
    fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)


def unlock(descriptor: int) -> None:
    """Let the lock go for every process that shares this descriptor."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


def is_current(descriptor: int, path: Path) -> bool:
    """Tell whether the path still names the locked file: a home may be deleted and made anew."""
    try:
        there = path.stat()
    except OSError:
        return False
    held = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)


@contextmanager
def mutex(path: Path, *, timeout: float = 180.0) -> Iterator[None]:
    """Keep others out of the block. Raises EmbeddedError after `timeout` seconds of waiting."""
    deadline = time.monotonic() + timeout
    while True:
        descriptor = open_lock(path)
        try:
            while not try_lock(descriptor):
                if time.monotonic() > deadline:
                    raise EmbeddedError(
                        f"another process has been starting services for {timeout:.0f} s ({path})"
                    )
                time.sleep(_POLL_SECONDS)
            if is_current(descriptor, path):
                try:
                    yield
                finally:
                    unlock(descriptor)
                return
        finally:
            os.close(descriptor)
