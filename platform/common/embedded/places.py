"""Where the embedded services of one home live: pure functions of the home's path and the user."""

import hashlib
import os
import re
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from common.embedded.errors import EmbeddedError

DATABASE = ROLE = "attune"
VAR = Path("/var/lib/attune")
_POSTGRES_SOCKET = ".s.PGSQL.5432"
# sun_path holds 108 bytes on Linux and 104 on macOS, the closing NUL included.
_SOCKET_PATH_BYTES = 103 if sys.platform == "darwin" else 107
# URL parsers of three libraries read these paths; characters that need no quoting suit all of them.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./+-]+")


@dataclass(frozen=True)
class Urls:
    """Addresses of a home's services, each in the form that its client library reads."""

    database_url: str
    redis_url: str
    celery_broker_url: str


@dataclass(frozen=True)
class Places:
    """Paths of one home. `key` names the home where its path would be too long or unreachable."""

    home: Path
    key: str
    as_root: bool

    @classmethod
    def of(cls, home: Path) -> "Places":
        resolved = Path(os.path.realpath(home))
        key = hashlib.sha256(os.fsencode(resolved)).hexdigest()[:16]
        return cls(home=resolved, key=key, as_root=os.geteuid() == 0)

    @property
    def run(self) -> Path:
        return self.home / "run"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def sockets(self) -> Path:
        """Folder of the sockets that the running user's own processes listen on."""
        longest = os.fsencode(self.run / _POSTGRES_SOCKET)
        if len(longest) <= _SOCKET_PATH_BYTES and _PLAIN_PATH.fullmatch(str(self.run)):
            return self.run
        # Not the temp folder of the environment: two shells with another TMPDIR must meet here.
        return Path("/tmp") / f"attune-{os.geteuid()}-{self.key}"  # noqa: S108  ownership is checked

    @property
    def cluster(self) -> Path:
        """Folder of the database: its user's own where root may not own it."""
        return VAR / self.key if self.as_root else self.home / "postgres"

    @property
    def postgres_data(self) -> Path:
        return self.cluster / "data"

    @property
    def postgres_sockets(self) -> Path:
        return self.cluster / "socket" if self.as_root else self.sockets

    @property
    def postgres_socket(self) -> Path:
        return self.postgres_sockets / _POSTGRES_SOCKET

    @property
    def valkey_data(self) -> Path:
        return self.home / "valkey"

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / "valkey.sock"

    def create(self) -> None:
        """Create the folders that the running user owns; what exists keeps its permissions.

        Raises EmbeddedError when the home cannot be written, or when somebody else was first at the
        short socket folder.
        """
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.run, self.logs, self.valkey_data):
                folder.mkdir(mode=0o700, exist_ok=True)
            if self.sockets != self.run:
                self.sockets.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise EmbeddedError(
                f"ATTUNE_HOME {self.home} cannot be used: {error.strerror} ({error.filename})"
            ) from error
        found = self.sockets.lstat()
        private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o022
        if found.st_uid != os.geteuid() or not private:
            raise EmbeddedError(
                f"{self.sockets} must be a folder of the running user that nobody else can write;"
                " remove it or set ATTUNE_HOME to another folder"
            )


def urls(home: Path) -> Urls:
    """Return the addresses of the services of `home`. Starts nothing, reads nothing."""
    places = Places.of(home)
    redis_url = f"unix://{places.valkey_socket}?db=0"
    return Urls(
        database_url=f"postgresql://{ROLE}@/{DATABASE}?host={places.postgres_sockets}",
        redis_url=redis_url,
        celery_broker_url=celery_url(redis_url),
    )


def celery_url(redis_url: str) -> str:
    """Return redis-py's address as Celery writes it: only `unix://PATH?db=N` differs."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    options = dict(parse_qsl(parts.query))
    number = options.pop("db", "0")
    login = f"{parts.netloc}" if parts.netloc else ""
    return f"redis+socket://{login}{parts.path}?{urlencode({'virtual_host': number, **options})}"
