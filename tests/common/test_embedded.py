"""Embedded services are started by the first who needs them, shared, and stopped with the last."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from common.embedded import EmbeddedError, celery_url, ensure, stop, urls
from common.embedded.processes import is_alive
from embedded_homes import Home, wait_until


def test_first_caller_gets_a_database_and_a_broker(home: Home) -> None:
    with ensure(home.path, database=True, broker=True, durable=False) as lease:
        assert lease.urls == urls(home.path)
        assert (
            home.query("select '学习' || current_database() || current_user") == "学习attuneattune"
        )
        assert (
            home.query(
                "select concat(datlocprovider, datlocale) from pg_database where datname = 'attune'"
            )
            == "bC.UTF-8"
        )
        assert home.query("select '[1,2]'::vector <-> '[1,5]'::vector") == 3
        assert (
            home.query(
                "select count(*) from pg_settings where name = 'listen_addresses' and setting = ''"
            )
            == 1
        )
        assert home.broker().ping()
        assert home.broker().config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        for name in ("postgres", "valkey", "keeper"):
            assert psutil.pid_exists(home.pid(name))
        assert not psutil.Process(home.pid("postgres")).net_connections("inet")
        assert not psutil.Process(home.pid("valkey")).net_connections("inet")


def test_application_role_may_make_test_databases_but_is_no_superuser(home: Home) -> None:
    with ensure(home.path, database=True, broker=False, durable=False):
        assert home.query(
            "select rolcreatedb and not rolsuper from pg_roles where rolname = current_user"
        )


def test_only_what_is_wanted_is_started_and_the_rest_later(home: Home) -> None:
    with ensure(home.path, database=False, broker=True, durable=False) as lease:
        assert home.broker().ping()
        assert not (home.path / "run" / "postgres.pid").exists()
        assert ensure(home.path, database=True, broker=False, durable=False) is lease
        assert home.query("select 1") == 1


def test_services_are_shared_and_stop_with_the_last_holder(home: Home) -> None:
    first, second = home.hold(), home.hold()
    servers = home.processes()
    assert len(servers) == 3
    home.leave(first)
    assert home.query("select 1") == 1
    assert home.broker().ping()
    assert home.processes() == servers
    home.leave(second)
    wait_until(lambda: not any(is_alive(server) for server in servers))
    assert not list((home.path / "run").glob("postgres.pid"))
    assert not list((home.path / "run").glob("valkey.pid"))


def test_services_stop_when_the_last_holder_is_killed(home: Home) -> None:
    holder = home.hold()
    servers = home.processes()
    holder.kill()
    wait_until(lambda: not any(is_alive(server) for server in servers))


def test_many_first_callers_at_once_start_one_of_each(home: Home) -> None:
    holders = [home.hold(wait=False) for _ in range(4)]
    for holder in holders:
        home.wait_for(holder)
    valkeys = [
        p
        for p in psutil.process_iter()
        if p.name() == "valkey-server" and p.cwd() == str(home.path / "valkey")
    ]
    assert len(valkeys) == 1
    assert home.query("select count(*) from pg_database where datname = 'attune'") == 1


def test_forked_child_shares_its_parents_lease_and_cannot_end_it(home: Home) -> None:
    lease = ensure(home.path, database=False, broker=True, durable=False)
    child = os.fork()
    if not child:
        lease.release()
        os._exit(0)
    os.waitpid(child, 0)
    home.hold().kill()
    assert lease.held
    assert home.broker().ping()

    child = os.fork()
    if not child:
        signal.pause()
    lease.release()
    home.hold().kill()
    assert home.broker().ping(), "a worker's forked child still needs the broker"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    wait_until(lambda: not home.processes())


def test_new_holder_comes_while_the_last_one_leaves(home: Home) -> None:
    for _ in range(4):
        leaving = home.hold()
        assert leaving.stdin
        leaving.stdin.close()
        coming = home.hold()
        assert home.query("select 1") == 1
        assert home.broker().ping()
        home.leave(coming)


def test_two_homes_do_not_meet(make_home: Callable[..., Home]) -> None:
    one, two = make_home("one"), make_home("two")
    one.hold(), two.hold()
    one.query("create table notes as select 'one' as text; select 1")
    one.broker().set("note", "one")
    assert two.query("select to_regclass('notes') is null")
    assert two.broker().get("note") is None


@pytest.mark.parametrize("name", ["x" * 120, "white space and ünïcode, 学习"])
def test_home_whose_path_no_socket_could_have(make_home: Callable[..., Home], name: str) -> None:
    home = make_home(name)
    home.hold()
    assert home.query("select 1") == 1
    assert home.broker().ping()


def test_short_socket_folder_of_somebody_else_is_refused(make_home: Callable[..., Home]) -> None:
    home = make_home("x" * 120)
    folder = Path(urls(home.path).redis_url.removeprefix("unix://").partition("?")[0]).parent
    folder.mkdir()
    folder.chmod(0o777)
    try:
        with pytest.raises(EmbeddedError, match="nobody else can write"):
            ensure(home.path, database=False, broker=True, durable=False)
    finally:
        folder.chmod(0o700)


def test_addresses_are_told_without_starting_or_writing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert urls(home) == urls(home)
    assert urls(home) != urls(tmp_path / "other")
    assert not home.exists()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("unix:///a/b.sock?db=3", "redis+socket:///a/b.sock?virtual_host=3"),
        ("unix:///a/b.sock", "redis+socket:///a/b.sock?virtual_host=0"),
        ("redis://localhost:6379/1", "redis://localhost:6379/1"),
    ],
)
def test_celery_form_of_an_address(address: str, expected: str) -> None:
    assert celery_url(address) == expected


def test_variables_meant_for_another_server_do_not_matter(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "PGPORT": "1",
        "PGDATA": "/nowhere",
        "PGHOST": "/nowhere",
        "PGUSER": "nobody",
        "LC_ALL": "xx_XX",
    }.items():
        monkeypatch.setenv(name, value)
    with ensure(home.path, database=True, broker=True, durable=False):
        assert (home.path / "run" / "postgres.pid").exists()


def test_stopped_services_are_started_again_for_the_same_lease(home: Home) -> None:
    with ensure(home.path, database=True, broker=True, durable=False) as lease:
        stop(home.path, database=True, broker=True)
        with pytest.raises(Exception, match="connect"):
            home.query("select 1")
        assert ensure(home.path, database=True, broker=True, durable=False) is lease
        assert home.query("select 1") == 1
        assert home.broker().ping()
