"""Real runs of `manage.py run` for tests, each in a home and on a port of its own."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = ("web", "worker", "trainer", "beat")
_URLS = {"DATABASE_URL", "REDIS_URL"}
SERVICES = ("postgres", "valkey", "keeper")


class Run:
    """One `manage.py run` with its output, in a home."""

    def __init__(self, home: Path, port: int | str, **environment: str) -> None:
        self.home, self.port, self.lines = home, port, []  # type: ignore[var-annotated]
        theirs = {"ATTUNE_HOME": str(home), "ATTUNE_DEMO": "0", "PORT": str(port), **environment}
        ours = {name: value for name, value in os.environ.items() if name not in _URLS}
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "run"],
            cwd=ROOT,
            env={**ours, **theirs},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def finish(self, *, seconds: float = 60) -> int:
        """Return the exit code once the process has ended and all it printed was read."""
        code = self.process.wait(seconds)
        self._reader.join(10)
        assert self.process.stdout
        self.process.stdout.close()
        return code

    def pid(self, name: str) -> int:
        return int((self.home / "run" / f"{name}.pid").read_text())

    def get(self, path: str) -> dict[str, str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=90) as response:
            return dict(json.loads(response.read()))


def wait_until(condition: Callable[[], object], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(home: Path, **environment: str) -> Run:
    run = Run(home, find_free_port(), **environment)
    wait_until(lambda: "Attune runs at" in run.text or run.process.poll() is not None, seconds=180)
    assert run.process.poll() is None, run.text
    return run
