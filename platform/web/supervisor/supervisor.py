"""The order of things: services, tables, static files, processes, demo, and all of it back."""

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from common.embedded import EmbeddedError, Lease, ensure
from common.embedded import locks as file_locks
from common.servers import find_servers
from django.conf import settings

from web.supervisor import preparation, probes, programs
from web.supervisor.children import Child, describe_exit
from web.supervisor.console import Console, ErrorRelay, LogFollower
from web.supervisor.errors import CannotRun, Interrupted

_TICK_SECONDS = 0.2
_TICKS_BETWEEN_QUESTIONS = 3
_SERVICES_SECONDS = 5.0
_TELL_SECONDS = 15.0
_WEB_SECONDS = 120.0
_READY_SECONDS = 900.0


class Supervisor:
    """Runs Attune on one machine until it is told to stop."""

    def __init__(self, *, home: Path, port: int) -> None:
        self._home, self._port = home, port
        self._pid_file = home / "run" / "run.pid"
        self._claim: int | None = None
        self._console = Console()
        self._servers = find_servers()
        self._children: list[Child] = []
        self._errors: list[ErrorRelay] = []
        self._lease: Lease | None = None
        self._listener: socket.socket | None = None
        self._signals = 0
        self._services_failed = False
        self._services_due = 0.0

    def run(self) -> int:
        """Start everything, keep it running, stop it on a signal; return the exit code."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note_signal)
        code = 0
        try:
            self._claim_home()
            self._listener = preparation.bind(self._port)
            self._prepare()
            self._start(self._listener)
            self._await_ready()
            self._console.welcome(f"http://localhost:{self._port}/", self._home)
            while True:
                self._tick()
        except Interrupted:
            self._console.say("Stopping …")
        except CannotRun as error:
            self._console.complain(str(error))
            code = error.code
        except EmbeddedError as error:
            self._console.complain(str(error))
            code = 1
        finally:
            self._stop()
        return code

    def _claim_home(self) -> None:
        """Refuse a second supervisor on the same home: two would share logs, pid files and schedule."""
        for folder in (self._home, self._home / "run", self._home / "logs"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        pid_file = self._pid_file
        while True:
            descriptor = file_locks.open_lock(pid_file)
            if not file_locks.try_lock(descriptor):
                other = os.pread(descriptor, 32, 0).decode("ascii").strip()
                raise CannotRun(
                    f"Attune already runs from {self._home} (process {other}); set ATTUNE_HOME for a second one",
                    code=2,
                )
            # Whoever stopped in between has deleted the file: a lock on it would keep nobody out.
            if file_locks.is_current(descriptor, pid_file):
                break
            os.close(descriptor)
        self._claim = descriptor
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    def _prepare(self) -> None:
        embedded = self._servers.embedded_database or self._servers.embedded_broker
        self._console.say(
            "Starting database and broker …" if embedded else "Using the given database and broker"
        )
        self._ensure_services()
        self._check_signal()
        self._console.say("Bringing the database's tables up to date …")
        preparation.migrate(self._home / "logs" / "migrate.log")
        self._check_signal()
        if preparation.collect_static(self._home / "logs" / "static.log"):
            self._console.say("Collected static files")
        self._check_signal()

    def _ensure_services(self) -> None:
        servers = self._servers
        if servers.embedded_database or servers.embedded_broker:
            self._lease = ensure(
                self._home, database=servers.embedded_database, broker=servers.embedded_broker
            )

    def _start(self, listener: socket.socket) -> None:
        web = programs.build_web(listener.fileno())
        for program in [web, *programs.build_workers(self._home)]:
            child = Child(program, home=self._home)
            self._children.append(child)
            self._errors.append(ErrorRelay(program.name, child.log))
            child.start()
            self._check_signal()
        names = ", ".join(child.program.name for child in self._children)
        self._console.say(f"Started {names}")

    def _await_ready(self) -> None:
        self._wait(
            lambda: probes.ask(self._port, "/healthz") is not None, "the web server", _WEB_SECONDS
        )
        if probes.find_missing(self._port) == []:
            return
        if settings.DEMO:
            self._load_demo()
        self._wait(lambda: probes.find_missing(self._port) == [], None, _READY_SECONDS)

    def _load_demo(self) -> None:
        """Load the demo in a process of its own, which may use torch, and show what it says."""
        self._console.say("Loading the demo: catalogue, class, first model (a few minutes, once) …")
        demo = Child(programs.build_command("load_demo"), home=self._home)
        follower = LogFollower(demo.log)
        demo.start()
        self._children.append(demo)
        while (code := demo.poll()) is None:
            self._tick(besides=demo)
            for line in follower.read():
                self._console.say(f"  {line}")
        self._children.remove(demo)
        demo.end()
        if code:
            self._console.show_tail(demo.log)
            raise CannotRun(f"loading the demo {describe_exit(code)}")

    def _wait(self, condition: Callable[[], bool], what: str | None, seconds: float) -> None:
        deadline, tell = time.monotonic() + seconds, time.monotonic() + _TELL_SECONDS
        while not condition():
            for _ in range(_TICKS_BETWEEN_QUESTIONS):
                self._tick()
            if time.monotonic() > min(deadline, tell):
                missing = what or ", ".join(probes.find_missing(self._port) or ["the web server"])
                if time.monotonic() > deadline:
                    raise CannotRun(f"not ready after {seconds:.0f} s, waiting for: {missing}")
                self._console.say(f"Waiting for: {missing}")
                tell = time.monotonic() + _TELL_SECONDS

    def _tick(self, *, besides: Child | None = None) -> None:
        """Look after children and services once, then rest for a moment."""
        self._check_signal()
        for child in self._children:
            if child is not besides and (message := child.keep_running()):
                self._console.say(message)
                self._console.show_tail(child.log)
        for relay in self._errors:
            for line in relay.read():
                self._console.say(line)
        if time.monotonic() > self._services_due:
            self._services_due = time.monotonic() + _SERVICES_SECONDS
            self._watch_services()
        time.sleep(_TICK_SECONDS)

    def _watch_services(self) -> None:
        """Start a database or broker that died; say so once when that does not work."""
        try:
            self._ensure_services()
        except EmbeddedError as error:
            if not self._services_failed:
                self._console.say(str(error))
            self._services_failed = True
        else:
            self._services_failed = False

    def _stop(self) -> None:
        # The web server first, so that nothing new comes in; then the others side by side.
        for group in (self._children[:1], self._children[1:]):
            for child in group:
                child.ask_to_stop()
            for child in group:
                child.end(hurry=self._is_hurried)
        if self._listener is not None:
            self._listener.close()
        if self._lease is not None:
            self._lease.release()
        if self._claim is not None and file_locks.is_current(self._claim, self._pid_file):
            # Last, and before the lock ends with this process.
            self._pid_file.unlink()
        if self._children:
            self._console.say("Stopped")

    def _is_hurried(self) -> bool:
        return self._signals > 1

    def _note_signal(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1

    def _check_signal(self) -> None:
        if self._signals:
            raise Interrupted
