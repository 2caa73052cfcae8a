"""One child process: its log, its restarts, and its end."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from common.embedded.logs import open_log

_SHORTEST_DELAY, _LONGEST_DELAY = 1.0, 30.0
# A child that ran for this long has not failed at its start: its next restart waits no longer for that.
_STEADY_SECONDS = 60.0
_POLL_SECONDS = 0.05
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Program:
    """What a child runs. `stop` are the signals that end it and the seconds each is given."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 10.0),)
    descriptors: Sequence[int] = ()
    cwd: Path | None = None


class Child:
    """A program that is kept running until it is stopped."""

    def __init__(self, program: Program, *, home: Path) -> None:
        self.program = program
        self.log = home / "logs" / f"{program.name}.log"
        self._pid_file = home / "run" / f"{program.name}.pid"
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._next_start: float | None = None
        self._delay = _SHORTEST_DELAY
        self._asked = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start the program in a session of its own: a Ctrl-C in the terminal reaches the parent only."""
        with open_log(self.log) as output:
            # The parent has one thread, so nothing can hold a lock across the fork.
            self._process = subprocess.Popen(
                self.program.command,
                cwd=self.program.cwd,
                env={**os.environ, **self.program.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=self.program.descriptors,
                preexec_fn=_make_death_common(os.getpid()),  # noqa: PLW1509
            )
        self._started, self._next_start, self._asked = time.monotonic(), None, False
        self._pid_file.write_text(f"{self._process.pid}\n", encoding="ascii")

    def poll(self) -> int | None:
        """Return the exit code once the program has ended, None while it runs or was not started."""
        return None if self._process is None else self._process.poll()

    def keep_running(self) -> str | None:
        """Restart the program when it has ended, after a growing delay; return what there is to tell."""
        if self._next_start is not None:
            if time.monotonic() >= self._next_start:
                self.start()
            return None
        code = self.poll()
        if code is None:
            return None
        if time.monotonic() - self._started > _STEADY_SECONDS:
            self._delay = _SHORTEST_DELAY
        self._kill_group()
        delay, self._delay = self._delay, min(2 * self._delay, _LONGEST_DELAY)
        self._next_start = time.monotonic() + delay
        return f"{self.program.name} {describe_exit(code)}; it starts again in {delay:.0f} s"

    def ask_to_stop(self) -> None:
        """Send the first stop signal and do not wait: several children may stop at the same time."""
        self._next_start = None
        if not self._asked and self.poll() is None and self._process is not None:
            self._asked = True
            self._process.send_signal(self.program.stop[0][0])

    def end(self, *, hurry: Callable[[], bool] = lambda: False) -> None:
        """Ask the program to stop, then insist; what it left of its process group is killed.

        `hurry` is asked all the time: once it is true, nothing is waited for any more.
        """
        self.ask_to_stop()
        if self._process is None:
            return
        for position, (number, seconds) in enumerate(self.program.stop):
            if position and self._process.poll() is None:
                self._process.send_signal(number)
            deadline = time.monotonic() + seconds
            while self._process.poll() is None and time.monotonic() < deadline and not hurry():
                time.sleep(_POLL_SECONDS)
        self._kill_group()
        self._process.wait()
        self._process = None
        self._pid_file.unlink(missing_ok=True)

    def _kill_group(self) -> None:
        # A session's number is not given to another process while any member is left.
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


def describe_exit(code: int) -> str:
    """Say how a process ended: `ended with exit code 3` or `was killed by SIGKILL`."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def _make_death_common(parent: int) -> Callable[[], None] | None:
    """Return what a child does before its program starts: it asks to die whenever its parent does.

    Only then nothing is left behind by a parent that was killed with SIGKILL and could stop nobody.
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def set_death_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the request was made
            os._exit(1)

    return set_death_signal
