"""What embedded services do after kills, deletions and damage."""

import contextlib
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from common.embedded import EmbeddedError, ensure, stop, urls
from common.embedded.places import Places
from common.embedded.processes import is_alive
from embedded_homes import Home, wait_until


def write(home: Home) -> None:
    with home.database() as cursor:
        cursor.execute("create table notes (text text)")
        cursor.execute("insert into notes values ('kept')")
    home.broker().set("note", "kept")


def test_data_survives_a_restart(home: Home) -> None:
    holder = home.hold()
    write(home)
    home.leave(holder)
    wait_until(lambda: not home.processes())
    home.hold()
    assert home.query("select text from notes") == "kept"
    assert home.broker().get("note") == "kept"


def test_clean_restart_after_everything_was_killed(home: Home) -> None:
    home.hold(), home.hold()
    write(home)
    home.broker().save()
    old = [process.pid for process in home.processes()]
    home.kill_everything()
    assert Places.of(home.path).postgres_socket.exists(), "the kill must leave remains to clear"
    assert (home.path / "run" / "valkey.pid").exists()
    home.hold()
    assert home.query("select text from notes") == "kept"
    assert home.broker().get("note") == "kept"
    assert not set(old) & {process.pid for process in home.processes()}


def test_pid_files_that_name_innocent_processes(home: Home) -> None:
    home.hold()
    write(home)
    home.kill_everything()
    data = Places.of(home.path).postgres_data
    lines = (data / "postmaster.pid").read_text().splitlines()
    (data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    (home.path / "run" / "valkey.pid").write_text(f"{os.getpid()}\n")
    (home.path / "run" / "keeper.pid").write_text(f"{os.getpid()}\n")
    home.hold()
    assert home.query("select text from notes") == "kept"


def test_backends_that_outlive_their_postmaster_do_not_block(home: Home) -> None:
    home.hold()
    write(home)
    postmaster = psutil.Process(home.pid("postgres"))
    children = []
    for child in postmaster.children():
        with contextlib.suppress(psutil.NoSuchProcess):  # some end by themselves
            child.suspend()
            children.append(child)
    assert children
    postmaster.kill()
    home.hold()
    assert home.query("select text from notes") == "kept"
    assert not any(is_alive(child) for child in children)


def test_killed_keeper_is_replaced_by_the_next_caller(home: Home) -> None:
    first = home.hold()
    os.kill(home.pid("keeper"), signal.SIGKILL)
    second = home.hold()
    servers = home.processes()
    assert len(servers) == 3
    home.leave(first), home.leave(second)
    wait_until(lambda: not any(is_alive(server) for server in servers))


def test_killed_server_is_started_by_the_next_caller(home: Home) -> None:
    with ensure(home.path, database=True, broker=True, durable=False):
        write(home)
        servers = [psutil.Process(home.pid(name)) for name in ("postgres", "valkey")]
        for server in servers:
            server.kill()
        wait_until(lambda: not any(map(is_alive, servers)))
        ensure(home.path, database=True, broker=True, durable=False)
        assert home.query("select text from notes") == "kept"
        assert home.broker().ping()


def test_home_that_was_deleted_and_made_anew_is_empty(home: Home) -> None:
    holder = home.hold()
    write(home)
    home.leave(holder)
    wait_until(lambda: not home.processes())
    shutil.rmtree(home.path)
    home.hold()
    assert home.query("select to_regclass('notes') is null")
    assert home.broker().get("note") is None


def test_home_that_was_deleted_while_in_use(home: Home) -> None:
    holder = home.hold()
    write(home)
    old = home.processes()
    shutil.rmtree(home.path)
    home.hold()
    assert home.query("select to_regclass('notes') is null")
    assert home.broker().get("note") is None
    home.leave(holder)
    wait_until(lambda: not any(is_alive(process) for process in old))
    assert home.query("select 1") == 1
    assert home.broker().ping()


def test_home_that_was_moved_takes_its_data_along(make_home: Callable[..., Home]) -> None:
    here, there = make_home("here"), make_home("there")
    holder = here.hold()
    write(here)
    here.leave(holder)
    wait_until(lambda: not here.processes())
    here.path.rename(there.path)
    there.hold()
    assert there.query("select text from notes") == "kept"
    assert there.broker().get("note") == "kept"


def test_copied_home_does_not_share_its_database(make_home: Callable[..., Home]) -> None:
    here, there = make_home("here"), make_home("there")
    holder = here.hold()
    write(here)
    here.leave(holder)
    wait_until(lambda: not here.processes())
    shutil.copytree(here.path, there.path)
    here.hold(), there.hold()
    there.query("create table mine as select 1; select 1")
    assert here.query("select to_regclass('mine') is null")


def test_database_of_another_version_is_refused_by_name(home: Home) -> None:
    with ensure(home.path, database=True, broker=False, durable=False):
        stop(home.path, database=True)
        (Places.of(home.path).postgres_data / "PG_VERSION").write_text("17\n")
        with pytest.raises(EmbeddedError, match=r"made by PostgreSQL 17, this is 18"):
            ensure(home.path, database=True, broker=False, durable=False)


def test_server_that_cannot_start_shows_its_log(home: Home) -> None:
    with ensure(home.path, database=True, broker=False, durable=False):
        stop(home.path, database=True)
        (Places.of(home.path).postgres_data / "global" / "pg_control").unlink()
        with pytest.raises(EmbeddedError, match=r"(?s)postgres\.log.*pg_control"):
            ensure(home.path, database=True, broker=False, durable=False)


def test_damaged_broker_data_is_set_aside(home: Home) -> None:
    holder = home.hold()
    write(home)
    home.leave(holder)
    wait_until(lambda: not home.processes())
    dump = home.path / "valkey" / "dump.rdb"
    dump.write_bytes(dump.read_bytes()[:20])
    home.hold()
    assert home.broker().ping()
    assert (home.path / "valkey" / "dump.rdb.damaged").exists()
    assert home.query("select text from notes") == "kept"


def test_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(EmbeddedError, match="ATTUNE_HOME"):
        ensure(blocker / "home", database=True, broker=True)
    assert urls(blocker / "home").redis_url
