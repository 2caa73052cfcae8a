"""Which processes are a home's servers, told by the folder they work in and never by a bare pid.

Pids are reused; a server's working directory is its data folder for as long as it lives, and the
kernel adds " (deleted)" to it once that folder is gone.
"""

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

_DELETED = " (deleted)"


def read_pid(path: Path) -> int | None:
    """Return the number on the first line of a pid file, None where there is none."""
    try:
        return int(path.read_text(encoding="ascii", errors="replace").split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def find(pid_file: Path, folder: Path) -> psutil.Process | None:
    """Return the live process that the pid file names, if it really works in `folder`."""
    pid = read_pid(pid_file)
    if pid is None or pid <= 0:
        return None
    with suppress(psutil.Error, OSError):
        process = psutil.Process(pid)
        if is_alive(process) and process.cwd() == str(folder):
            return process
    return None


def find_all(folder: Path, *, deleted: bool = False) -> list[psutil.Process]:
    """Return all live processes that work in `folder`, or in a deleted folder of that path."""
    wanted = f"{folder}{_DELETED}" if deleted else str(folder)
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.cwd() == wanted and is_alive(process):
                found.append(process)
    return found


def end(process: psutil.Process, steps: Sequence[tuple[signal.Signals, float]]) -> None:
    """Send each signal in turn, waiting the given seconds for the process to go."""
    for number, seconds in steps:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not is_alive(process):
                return
            time.sleep(0.01)


def end_strays(folder: Path) -> None:
    """Kill what a killed server left behind in `folder`, and what serves a deleted one."""
    for process in [*find_all(folder), *find_all(folder, deleted=True)]:
        end(process, [(signal.SIGKILL, 10.0)])


def is_alive(process: psutil.Process) -> bool:
    """Tell whether the process still runs; one that only waits for its parent's notice does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
