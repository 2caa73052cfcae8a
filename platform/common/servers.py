"""Which database and broker this process uses: the ones named by URL, else embedded ones of its own."""

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

# Commands that never talk to a server, and those that must work while it cannot start.
_WITHOUT_SERVERS = frozenset(
    {
        "help",
        "--help",
        "-h",
        "bench",
        "version",
        "--version",
        "collectstatic",
        "compilemessages",
        "makemessages",
        "run",
        "simulate",
        "spectacular",
    }
)

_lease: object | None = None


@dataclass(frozen=True)
class Servers:
    """Where the database and the broker are, and which of them the project has to start itself."""

    database_url: str
    redis_url: str
    celery_broker_url: str
    embedded_database: bool
    embedded_broker: bool


def home() -> Path:
    """Return ATTUNE_HOME: the folder of database, logs, artefacts, pid files and logins."""
    return Path(os.environ.get("ATTUNE_HOME") or ROOT / ".local").expanduser().resolve()


def find_servers() -> Servers:
    """Return the servers named by DATABASE_URL and REDIS_URL, else the embedded ones' addresses. Starts nothing."""
    database_url, redis_url = _read("DATABASE_URL"), _read("REDIS_URL")
    from common.embedded import celery_url, urls

    embedded = urls(home())
    redis_address = redis_url or embedded.redis_url
    return Servers(
        database_url=database_url or embedded.database_url,
        redis_url=redis_address,
        celery_broker_url=celery_url(redis_address),
        embedded_database=not database_url,
        embedded_broker=not redis_url,
    )


def ensure_servers() -> None:
    """Start the embedded servers that this process needs and hold them for its life. Idempotent."""
    global _lease  # noqa: PLW0603  the lease must live as long as the process
    servers = find_servers()
    if _lease is None and (servers.embedded_database or servers.embedded_broker):
        from common.embedded import ensure

        _lease = ensure(home(), database=servers.embedded_database, broker=servers.embedded_broker)


def ensure_for_command(argv: list[str]) -> None:
    """Start what a management command needs, unless it needs nothing."""
    if len(argv) > 1 and argv[1] not in _WITHOUT_SERVERS and "--help" not in argv:
        ensure_servers()


def _read(name: str) -> str:
    if file := os.environ.get(f"{name}_FILE"):
        return Path(file).read_text(encoding="utf-8").strip()
    return os.environ.get(name, "").strip()
