"""What has to be there before the first process starts: a free port, tables, static files."""

import hashlib
import io
import socket
import traceback
from collections.abc import Mapping
from pathlib import Path

from common.embedded.logs import open_log
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import OperationalError, connections

from web.supervisor.errors import CannotRun

HOST = "127.0.0.1"


def read_port(environment: Mapping[str, str]) -> int:
    """Return PORT, 8000 where it is not set. Raises CannotRun (code 2)."""
    value = environment.get("PORT") or "8000"
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 65535:
        raise CannotRun(f"PORT must be a number from 1 to 65535; got {value!r}", code=2)
    return int(value)


def bind(port: int) -> socket.socket:
    """Return a socket that holds the port on loopback and does not listen yet. Raises CannotRun (code 2)."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        # Two sockets may be bound with SO_REUSEADDR until one of them listens: a probe tells.
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.settimeout(1)
            if probe.connect_ex((HOST, port)) == 0:
                raise OSError
    except OSError as error:
        listener.close()
        reason = "needs more rights" if isinstance(error, PermissionError) else "is in use"
        raise CannotRun(
            f"port {port} on {HOST} {reason}; choose another: make run PORT=8001", code=2
        ) from error
    return listener


def migrate(log: Path) -> None:
    """Bring the database's tables up to date. Raises CannotRun naming the log."""
    _call(log, "migrate", interactive=False)
    connections.close_all()


def collect_static(log: Path) -> bool:
    """Collect static files if any changed since the last time; tell whether that was so."""
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    fingerprint = _fingerprint_static_files()
    if stamp.exists() and stamp.read_text(encoding="ascii") == fingerprint:
        return False
    _call(log, "collectstatic", interactive=False, clear=True)
    stamp.write_text(fingerprint, encoding="ascii")
    return True


def _fingerprint_static_files() -> str:
    found = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            status = Path(storage.path(path)).stat()
            found.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return found.hexdigest()


def _call(log: Path, command: str, **options: object) -> None:
    with io.TextIOWrapper(open_log(log), encoding="utf-8") as output:
        try:
            call_command(command, stdout=output, stderr=output, no_color=True, **options)
        except Exception as error:
            traceback.print_exc(file=output)
            hint = (
                " (is the server of DATABASE_URL up?)"
                if isinstance(error, OperationalError)
                else ""
            )
            raise CannotRun(f"{command} failed: {error}{hint} (log: {log})") from error
