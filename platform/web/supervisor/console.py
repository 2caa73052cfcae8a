"""What `make run` tells the person at the terminal."""

import json
import re
import sys
import time
from contextlib import suppress
from pathlib import Path

_TAIL_LINES, _LONGEST_LINE = 15, 240
_QUIET_SECONDS = 60.0
_IS_ERROR = re.compile(
    r"\[(?:error|critical) *\]|\[(?:ERROR|CRITICAL)\]|\"level\": \"(?:error|critical)\""
)
_NUMBERS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+")
_TIME = re.compile(r"^\[?\d{4}-\d\d-\d\d[T ][\d:.]+(?:Z| ?[+-]\d{4})?\]?\s*")


class Console:
    """Lines with the seconds since the start before them; once ready, the address and the logins."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def say(self, message: str) -> None:
        """Print one line of progress."""
        self._write(f"[{self.seconds:5.1f} s] {message}")

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def show_tail(self, log: Path) -> None:
        """Print a log's last lines and where it is."""
        try:
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
        except OSError:
            lines = []
        self._write("".join(f"        {line}\n" for line in lines) + f"        (log: {log})")

    def complain(self, message: str) -> None:
        """Print one line on the error stream."""
        sys.stdout.flush()
        sys.stderr.write(f"attune: {message}\n")

    def welcome(self, address: str, home: Path) -> None:
        """Print where to go, as whom, and how it ends."""
        lines = ["", f"Attune runs at {address}", *_describe_logins(home), f"Logs: {home / 'logs'}"]
        self._write("\n".join([*lines, "Ctrl-C stops everything; the data stays.", ""]))

    def _write(self, text: str) -> None:
        # A terminal that was closed is no reason to stop in the middle of stopping.
        with suppress(OSError):
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()


class LogFollower:
    """New complete lines of a log; of a progress bar, which rewrites its line, the last state."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = path.stat().st_size if path.exists() else 0
        self._rest = b""

    def read(self) -> list[str]:
        """Return the lines written since the last call."""
        try:
            with self._path.open("rb") as log:
                log.seek(self._position)
                new = log.read()
        except OSError:
            return []
        self._position += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        texts = [
            line.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace") for line in lines
        ]
        return [text.strip() for text in texts if text.strip()]


class ErrorRelay:
    """Errors that a process logs, each kind once a minute: who looks at the terminal should see them."""

    def __init__(self, name: str, log: Path) -> None:
        self._name, self._follower = name, LogFollower(log)
        self._told: dict[str, float] = {}

    def read(self) -> list[str]:
        """Return one short line for each new kind of error."""
        found, now = [], time.monotonic()
        for line in self._follower.read():
            # Numbers and ids make no other kind of error out of the same sentence.
            kind = _NUMBERS.sub("#", _TIME.sub("", line))[:80]
            # Our own question, which is answered with 503 until everything is there.
            if "/readyz" in line:
                continue
            if _IS_ERROR.search(line) and now >= self._told.get(kind, now):
                self._told[kind] = now + _QUIET_SECONDS
                found.append(f"{self._name}: {_TIME.sub('', line)[:_LONGEST_LINE]}")
        return found


def _describe_logins(home: Path) -> list[str]:
    try:
        logins = json.loads((home / "demo-logins.json").read_text(encoding="utf-8"))
        rows = [(role, login["username"], login["password"]) for role, login in logins.items()]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return []
    width = max(len(username) for _, username, _ in rows) if rows else 0
    return [f"    {role:<9} {username:<{width}}  {password}" for role, username, password in rows]
