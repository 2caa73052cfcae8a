"""`manage.py run`: everything starts and is watched. Real processes on a home of their own."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from common.embedded import discard
from runs import PROCESSES, SERVICES, Run, find_free_port, start, wait_until

pytestmark = pytest.mark.flow


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of the run that this file's tests look at."""
    folder = tmp_path_factory.mktemp("run")
    yield folder
    discard(folder)


@pytest.fixture(scope="module")
def running(home: Path) -> Iterator[Run]:
    """A run that is up; ended by SIGTERM."""
    run = start(home)
    yield run
    run.process.terminate()
    assert run.finish() == 0, run.text


def test_run_serves_and_says_where(running: Run) -> None:
    assert running.get("/healthz") == {"status": "ok"}
    assert f"Attune runs at http://localhost:{running.port}/" in running.lines
    for name in (*PROCESSES, *SERVICES, "run"):
        assert psutil.pid_exists(running.pid(name)), name


def test_web_server_listens_on_loopback_only(running: Run) -> None:
    addresses = {
        connection.laddr.ip
        for connection in psutil.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == running.port
    }
    assert addresses == {"127.0.0.1"}


@pytest.mark.parametrize("name", ["web", "worker"])
def test_child_that_dies_is_started_again_and_its_log_is_named(running: Run, name: str) -> None:
    old = running.pid(name)
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: f"{name} was killed by SIGKILL" in running.text)
    wait_until(lambda: running.pid(name) != old)
    assert f"(log: {running.home / 'logs' / name}.log)" in running.text
    assert running.get("/healthz") == {"status": "ok"}


def test_broker_that_dies_is_started_again(running: Run) -> None:
    old = running.pid("valkey")
    os.kill(old, signal.SIGKILL)
    wait_until(
        lambda: (running.home / "run" / "valkey.pid").exists() and running.pid("valkey") != old
    )


def test_second_run_in_the_same_home_is_refused(running: Run) -> None:
    second = Run(running.home, find_free_port())
    assert second.finish() == 2
    assert "already runs" in second.lines[-1]
    assert str(running.process.pid) in second.lines[-1]
    assert running.get("/healthz") == {"status": "ok"}


def test_port_in_use_is_one_clear_line_and_exit_code_2(running: Run, tmp_path: Path) -> None:
    second = Run(tmp_path / "home", running.port)
    assert second.finish() == 2
    assert second.lines == [
        f"attune: port {running.port} on 127.0.0.1 is in use; choose another: make run PORT=8001"
    ]
    assert not (tmp_path / "home" / "run" / "postgres.pid").exists()


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1"])
def test_port_that_is_none_is_refused(port: str, tmp_path: Path) -> None:
    run = Run(tmp_path / "home", port)
    assert run.finish() == 2
    assert run.lines == [f"attune: PORT must be a number from 1 to 65535; got {port!r}"]
