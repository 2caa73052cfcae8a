"""A home of embedded services to test with, and real processes that hold leases on it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import redis
from common.embedded import discard, urls
from common.embedded.processes import is_alive

SOURCE_ROOT = Path(__file__).resolve().parents[2] / "platform"
HOLD = """
import sys
from pathlib import Path
from common.embedded import ensure
lease = ensure(Path(sys.argv[1]), database=True, broker=True, durable=False)
print("ready", flush=True)
sys.stdin.read()
"""


class Home:
    """One home, its processes, and questions about it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.holders: list[subprocess.Popen[str]] = []

    def hold(
        self, *, wait: bool = True, python: str = sys.executable, **options: Any
    ) -> subprocess.Popen[str]:
        """Start a process that ensures both services and holds them until its input ends."""
        options = {"env": {**os.environ, "PYTHONPATH": str(SOURCE_ROOT)}, **options}
        holder = subprocess.Popen(
            [python, "-c", HOLD, str(self.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **options,
        )
        self.holders.append(holder)
        if wait:
            self.wait_for(holder)
        return holder

    def wait_for(self, holder: subprocess.Popen[str]) -> None:
        """Return when the holder's services answer it."""
        assert holder.stdout
        assert holder.stdout.readline() == "ready\n"

    def leave(self, holder: subprocess.Popen[str]) -> None:
        """Let a holder end in the ordinary way."""
        assert holder.stdin
        holder.stdin.close()
        holder.wait(timeout=20)
        assert holder.returncode == 0

    @contextmanager
    def database(self) -> Iterator[Any]:
        """Open a cursor as the application would; commits at the end."""
        with (
            closing(psycopg2.connect(urls(self.path).database_url)) as connection,
            connection,
            connection.cursor() as cursor,
        ):
            yield cursor

    def broker(self) -> Any:
        """Return a client as the application would make it."""
        return redis.Redis.from_url(urls(self.path).redis_url, decode_responses=True)

    def query(self, sql: str) -> Any:
        """Return the first column of the first row."""
        with self.database() as cursor:
            cursor.execute(sql)
            return cursor.fetchone()[0]

    def pid(self, name: str) -> int:
        """Return what run/NAME.pid says."""
        return int((self.path / "run" / f"{name}.pid").read_text())

    def processes(self) -> list[psutil.Process]:
        """Return postmaster, Valkey and keeper, as far as they live."""
        found = []
        for name in ("postgres", "valkey", "keeper"):
            with suppress(OSError, ValueError, psutil.NoSuchProcess):
                found.append(psutil.Process(self.pid(name)))
        return [process for process in found if is_alive(process)]

    def kill_everything(self) -> None:
        """Kill holders, keeper, servers and the servers' children, all with SIGKILL."""
        victims = [psutil.Process(holder.pid) for holder in self.holders if holder.poll() is None]
        for process in self.processes():
            victims += [process, *process.children(recursive=True)]
        for victim in victims:
            victim.send_signal(signal.SIGKILL)
        for holder in self.holders:
            holder.wait()
        wait_until(lambda: not any(map(is_alive, victims)))

    def close(self) -> None:
        """End the holders and delete the services' data."""
        for holder in self.holders:
            holder.kill()
            holder.wait()
            for pipe in (holder.stdin, holder.stdout):
                if pipe is not None:
                    pipe.close()
        if self.path.exists():
            discard(self.path)
        wait_until(lambda: not self.processes())


def wait_until(condition: Callable[[], bool], *, seconds: float = 20) -> None:
    """Poll until the condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
