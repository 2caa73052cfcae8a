"""Real processes to tell the story with: workers (with beat) and a web server, started, killed and waited for."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
ALL_QUEUES = "default,refresh,gpu"


def wait_until(condition: Callable[[], object], *, seconds: float = 30, what: str = "") -> object:
    """Poll until the condition is true and return its value; fail when it isn't in time."""
    deadline = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        assert time.monotonic() < deadline, f"waited {seconds} seconds in vain {what}"
        time.sleep(0.1)


def database_url(settings: Mapping[str, object]) -> str:
    """Django's settings of a database as a URL, for a process that must use the same one."""
    user = quote(str(settings["USER"]), safe="")
    password = quote(str(settings["PASSWORD"]), safe="")
    host, port = str(settings["HOST"]), str(settings["PORT"] or "")
    options = [f"host={quote(host, safe='')}"] if host else []
    options += [f"port={port}"] if port else []
    login = f"{user}:{password}@" if password else f"{user}@" if user else ""
    return f"postgres://{login}/{quote(str(settings['NAME']), safe='')}?{'&'.join(options)}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Processes:
    """Processes of one installation, each the leader of a group of its own, so that all of it can be killed."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.environment = {**os.environ, **environment}
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Start a process that writes to a log named after it."""
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.running.append(process)
        return process

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def start_worker(
        self, name: str, *, queues: str = ALL_QUEUES, beat: bool = True
    ) -> subprocess.Popen[bytes]:
        """Start a worker with one process for tasks, and wait until it takes some."""
        options = ["--beat", "--schedule", str(self.folder / f"{name}.schedule")] if beat else []
        process = self.start(
            name,
            *("-m", "celery", "--app", "workers.celery", "worker", "--loglevel", "INFO"),
            *("--concurrency", "1", "--hostname", f"{name}@%h", "--queues", queues),
            *("--without-gossip", "--without-mingle", *options),
        )
        wait_until(
            lambda: process.poll() is not None or " ready." in self.log(name).read_text(),
            seconds=60,
            what="for the worker",
        )
        assert process.poll() is None, self.log(name).read_text()
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a process and its children as a power cut would."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.running.remove(process)

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """Ask a process to end, and see to it that its whole group does."""
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.running.remove(process)

    def stop_all(self) -> None:
        for process in list(self.running):
            self.stop(process)
