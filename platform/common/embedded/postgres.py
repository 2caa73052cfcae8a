"""The embedded PostgreSQL: one cluster a home, on a socket only, for its own user."""

import os
import pwd
import shutil
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

from common.embedded import account as accounts
from common.embedded import processes
from common.embedded.account import Account
from common.embedded.errors import EmbeddedError, with_log
from common.embedded.logs import open_log
from common.embedded.places import DATABASE, ROLE, Places

MAJOR = "18"
_START_SECONDS = 120
# Fast shutdown, then immediate shutdown (the next start recovers), then the kernel.
STOP = [(signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)]

_CONFIGURATION = """\
# Written by the project at every start; changes made here are lost.
listen_addresses = ''
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
max_connections = 200
shared_buffers = 128MB
max_wal_size = 2GB
wal_level = minimal
max_wal_senders = 0
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %q%u@%d '
lc_messages = 'C'
"""
# For data that may be lost, as a test's: a crash of the machine, not of the server, can damage it.
_NOT_DURABLE = "fsync = off\nfull_page_writes = off\n"

# The kernel vouches for the peer of a socket: no password that could be read, guessed or leaked.
_ACCESS = "local all all peer map=attune\n"

# The application's role is no superuser, as in production, so pgvector is put where every new
# database (a test's, too) takes it from.
_PROVISION = f"""\
\\set ON_ERROR_STOP on
set client_min_messages = warning;
select 'create role {ROLE} login createdb'
 where not exists (select from pg_roles where rolname = '{ROLE}') \\gexec
\\connect template1
set client_min_messages = warning;
create extension if not exists vector;
\\connect postgres
select 'create database {DATABASE} owner {ROLE}'
 where not exists (select from pg_database where datname = '{DATABASE}') \\gexec
"""  # noqa: S608  both names are constants


def start(places: Places, *, durable: bool = True) -> None:
    """Start the home's database unless it runs, and return when it takes connections.

    The caller holds the home's mutex. Raises EmbeddedError with the end of the log.
    """
    if is_ready(places) and _belongs_to_home(places):
        _write_pid_file(places)
        return
    if not _belongs_to_home(places):
        stop(places)
    account = accounts.prepare(places)
    log = places.logs / "postgres.log"
    with open_log(log) as output:
        if _postmaster(places) is None:
            _clear_remains(places)
            if not (places.postgres_data / "PG_VERSION").exists():
                _initialise(places, account, output, durable=durable)
            _configure(places, account, durable=durable)
            # pg_ctl waits for the server; its time limit is for a recovery after a crash.
            arguments = ["start", "-w", "-s", "-t", str(_START_SECONDS)]
            arguments += ["-D", str(places.postgres_data)]
            if account.run("pg_ctl", arguments, cwd=places.cluster, output=output):
                raise with_log("PostgreSQL did not start", log)
        _wait_until_ready(places, log)
        arguments = ["-X", "-q", "-h", str(places.postgres_sockets), "-U", "postgres", "postgres"]
        if account.run("psql", arguments, cwd=places.cluster, output=output, text=_PROVISION):
            raise with_log("PostgreSQL runs, but its database could not be prepared", log)
    _write_pid_file(places)


def stop(places: Places) -> None:
    """Stop the home's database if it runs; committed data is kept."""
    postmaster = _postmaster(places)
    if postmaster is not None:
        processes.end(postmaster, STOP)
    (places.run / "postgres.pid").unlink(missing_ok=True)


def is_ready(places: Places) -> bool:
    """Tell whether the server runs, has recovered and takes connections."""
    if _postmaster(places) is None:
        return False
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        lines = (places.postgres_data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        connection.settimeout(2.0)
        connection.connect(str(places.postgres_socket))
        return len(lines) >= 8 and lines[7].strip() == "ready"
    return False


def _postmaster(places: Places) -> psutil.Process | None:
    return processes.find(places.postgres_data / "postmaster.pid", places.postgres_data)


def _belongs_to_home(places: Places) -> bool:
    return not places.as_root or accounts.is_adopted(places)


def _clear_remains(places: Places) -> None:
    """Make way after a kill: surviving backends block a start, as does a pid file."""
    processes.end_strays(places.postgres_data)
    for path in (
        places.postgres_data / "postmaster.pid",
        places.postgres_socket,
        places.postgres_socket.with_name(f"{places.postgres_socket.name}.lock"),
    ):
        path.unlink(missing_ok=True)


def _initialise(places: Places, account: Account, output: IO[bytes], *, durable: bool) -> None:
    """Create the cluster beside its place and move it there whole, so that none is half-made."""
    fresh = places.cluster / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    arguments = ["-D", str(fresh), "-U", "postgres", "--encoding=UTF8", "--auth=peer", "--locale=C"]
    arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    arguments += [] if durable else ["--no-sync"]
    if account.run("initdb", arguments, cwd=places.cluster, output=output):
        raise with_log("PostgreSQL's initdb failed", places.logs / "postgres.log")
    fresh.rename(places.postgres_data)


def _configure(places: Places, account: Account, *, durable: bool) -> None:
    version = (places.postgres_data / "PG_VERSION").read_text(encoding="ascii").strip()
    if version != MAJOR:
        raise EmbeddedError(
            f"{places.postgres_data} was made by PostgreSQL {version}, this is {MAJOR}: dump it"
            " with the older version of the project, or set ATTUNE_HOME to a new folder"
        )
    configuration = _CONFIGURATION.format(sockets=places.postgres_sockets)
    configuration += "" if durable else _NOT_DURABLE
    owner = pwd.getpwuid(os.geteuid()).pw_name
    users = "".join(f'attune "{name}" all\n' for name in sorted({owner, account.name}))
    account.write(places.postgres_data / "postgresql.conf", configuration)
    account.write(places.postgres_data / "pg_hba.conf", _ACCESS)
    account.write(places.postgres_data / "pg_ident.conf", users)


def _wait_until_ready(places: Places, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not is_ready(places):
        if time.monotonic() > deadline or _postmaster(places) is None:
            raise with_log("PostgreSQL does not answer", log)
        time.sleep(0.05)


def _write_pid_file(places: Places) -> None:
    pid = processes.read_pid(places.postgres_data / "postmaster.pid")
    (places.run / "postgres.pid").write_text(f"{pid}\n", encoding="ascii")
