"""The one error of the embedded services, and how it quotes a server's log."""

from pathlib import Path

_TAIL_LINES = 15


class EmbeddedError(RuntimeError):
    """An embedded service cannot be started; the message says what to do or where to look."""


def with_log(message: str, log: Path) -> EmbeddedError:
    """Return an error that names the server's log and ends with its last lines."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
    except OSError:
        lines = []
    tail = "".join(f"\n    {line}" for line in lines)
    return EmbeddedError(f"{message} (log: {log}){tail}")
