"""Log files of the services: appended to, and turned over once at a start when they have grown."""

from pathlib import Path
from typing import IO

_LARGE_BYTES = 20 * 1024 * 1024


def open_log(path: Path) -> IO[bytes]:
    """Open the log for a server to inherit; a large one becomes NAME.1 first."""
    if path.exists() and path.stat().st_size > _LARGE_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return path.open("ab")
