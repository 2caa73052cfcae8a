"""The same code on servers given by URL: a distribution's PostgreSQL and Redis, started by hand on other ports."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
import redis
from runs import find_free_port, start, wait_until

pytestmark = pytest.mark.flow
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    """A PostgreSQL 15 or newer of the distribution, with a password, over TCP."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    if not programs:
        pytest.skip("no PostgreSQL of the distribution is installed (apt-get install postgresql)")
    folder, port = Path(tempfile.mkdtemp(prefix="attune-test-")), find_free_port()
    user = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    (folder / "password").write_text(PASSWORD)
    for path in (folder, folder / "password"):
        os.chown(path, user.pw_uid, user.pw_gid)

    def call(name: str, *arguments: str) -> None:
        command = [str(programs[-1].with_name(name)), "--pgdata", str(folder / "data"), *arguments]
        switch = (
            {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            if os.geteuid() == 0
            else {}
        )
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, **switch)  # type: ignore[call-overload]

    call(
        "initdb",
        "--username",
        "attune",
        "--auth",
        "scram-sha-256",
        "--pwfile",
        str(folder / "password"),
        "--encoding",
        "UTF8",
    )
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder}"
    call("pg_ctl", "start", "--wait", "--log", str(folder / "log"), "--options", options)
    url = f"postgresql://attune:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{port}/attune"
    try:
        with closing(psycopg2.connect(url.removesuffix("attune") + "postgres")) as connection:
            connection.autocommit = True
            connection.cursor().execute("create database attune")
        yield url
    finally:
        call("pg_ctl", "stop", "--mode", "immediate")
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis 7 or newer of the distribution, over TCP."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no Redis of the distribution is installed (apt-get install redis-server)")
    port = find_free_port()
    command = [
        program,
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(tmp_path_factory.mktemp("redis")),
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    client = redis.Redis(port=port)
    try:
        wait_until(lambda: answers(client))
        yield f"redis://127.0.0.1:{port}/3"
    finally:
        client.close()
        server.terminate()
        server.wait()


def answers(client: "redis.Redis") -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def test_everything_runs_on_the_given_servers(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    run = start(
        tmp_path,
        DATABASE_URL=database_url,
        REDIS_URL=redis_url,
        SWEEP_SECONDS="1",
        SECRET_KEY="k" * 50,
    )
    try:
        assert run.get("/readyz")["status"] == "ready"
        assert not [
            name
            for name in ("postgres", "valkey", "keeper")
            if (tmp_path / "run" / f"{name}.pid").exists()
        ]
        with closing(psycopg2.connect(database_url)) as connection, connection.cursor() as cursor:
            assert connection.server_version >= 150000
            cursor.execute("select count(*) from django_migrations")
            assert cursor.fetchone()[0] > 0
            cursor.execute("select count(*) from learners_user")
            assert cursor.fetchone() == (0,), (
                "demo people must not be made in a database that was given"
            )
        worker_log = tmp_path / "logs" / "worker.log"
        wait_until(lambda: "Task attune.sweep_learners" in worker_log.read_text())
        wait_until(lambda: "succeeded" in worker_log.read_text())
    finally:
        run.process.terminate()
        assert run.finish() == 0, run.text
