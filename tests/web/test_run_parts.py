"""The parts of `manage.py run`: children with growing delays, and logs that are followed."""

import os
import sys
import time
from pathlib import Path

import pytest
from common.embedded.processes import is_alive
from psutil import Process
from web.supervisor.children import Child, Program, describe_exit
from web.supervisor.console import Console, ErrorRelay, LogFollower


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    (tmp_path / "logs").mkdir()
    return tmp_path


def python(name: str, code: str) -> Program:
    return Program(name, [sys.executable, "-c", code])


def await_exit(child: Child) -> None:
    deadline = time.monotonic() + 20
    while child.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_child_that_keeps_failing_waits_longer_each_time(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = time.monotonic()
    monkeypatch.setattr("web.supervisor.children.time.monotonic", lambda: clock)
    child = Child(python("failing", "import sys; print('no luck'); sys.exit(3)"), home=home)
    child.start()
    said = []
    for _ in range(7):
        while child.poll() is None:
            time.sleep(0.02)
        said.append(child.keep_running())
        clock += 31
        child.keep_running()
    assert [text and text.rpartition(" in ")[2] for text in said] == [
        "1 s",
        "2 s",
        "4 s",
        "8 s",
        "16 s",
        "30 s",
        "30 s",
    ]
    assert said[0] == "failing ended with exit code 3; it starts again in 1 s"
    assert child.log.read_text().startswith("no luck\nno luck\n")
    child.end()


def test_child_that_ignores_its_signal_is_killed_with_its_children(home: Path) -> None:
    code = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); print(p.pid, flush=True); time.sleep(60)"
    )
    child = Child(Program("deaf", [sys.executable, "-c", code], stop=((15, 0.3),)), home=home)  # type: ignore[arg-type]
    child.start()
    while not child.log.read_text().endswith("\n"):
        time.sleep(0.02)
    grandchild = Process(int(child.log.read_text()))
    child.end()
    deadline = time.monotonic() + 10
    while is_alive(grandchild):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert not (home / "run" / "deaf.pid").exists()


def test_hurry_cuts_the_waiting_short(home: Path) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    child = Child(Program("slow", [sys.executable, "-c", code]), home=home)
    child.start()
    while not child.log.read_text():
        time.sleep(0.02)
    started = time.monotonic()
    child.end(hurry=lambda: True)
    assert time.monotonic() - started < 5


def test_child_runs_in_a_session_of_its_own_with_its_environment(home: Path) -> None:
    code = "import os; print(os.getsid(0) == os.getpid(), os.environ['EXTRA'])"
    child = Child(
        Program("env", [sys.executable, "-c", code], environment={"EXTRA": "seen"}), home=home
    )
    child.start()
    await_exit(child)
    child.end()
    assert child.log.read_text() == "True seen\n"
    assert os.environ.get("EXTRA") is None


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0, "ended with exit code 0"),
        (2, "ended with exit code 2"),
        (-9, "was killed by SIGKILL"),
        (-63, "was killed by signal 63"),
    ],
)
def test_exit_codes_in_words(code: int, text: str) -> None:
    assert describe_exit(code) == text


def test_log_is_followed_by_complete_lines(tmp_path: Path) -> None:
    log = tmp_path / "demo.log"
    log.write_text("from an earlier run\n")
    follower = LogFollower(log)
    with log.open("a") as output:
        output.write("one\n  10%\r  50%\r 100%\nhal")
        output.flush()
        assert follower.read() == ["one", "100%"]
        output.write("f\n\n")
    assert follower.read() == ["half"]
    assert follower.read() == []


def test_errors_of_a_process_are_shown_each_kind_once(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    relay = ErrorRelay("worker", log)
    log.write_text(
        "2026-01-31T09:34:17.639064Z [info     ] all is well [errors]\n"
        "2026-01-31T09:34:18.639064Z [error    ] Task e372228f-6748-45d8-b99a-29dddcc35a75 failed: no table [celery]\n"
        "2026-01-31T09:34:19.639064Z [error    ] Task 00000000-6748-45d8-b99a-29dddcc35a75 failed: no table [celery]\n"
        "2026-01-31T09:34:20.000000Z [error    ] Service Unavailable: /readyz [django.request]\n"
        '{"event": "disk full", "level": "critical"}\n'
        "[2026-01-31 09:00:10 +0000] [28030] [ERROR] Worker (pid:7) was sent SIGKILL!\n"
    )
    assert relay.read() == [
        "worker: [error    ] Task e372228f-6748-45d8-b99a-29dddcc35a75 failed: no table [celery]",
        'worker: {"event": "disk full", "level": "critical"}',
        "worker: [28030] [ERROR] Worker (pid:7) was sent SIGKILL!",
    ]
    assert relay.read() == []


def test_welcome_names_address_and_logins(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "demo-logins.json").write_text(
        '{"student": {"username": "alice", "password": "s3cret"}}'
    )
    Console().welcome("http://localhost:8000/", home)
    shown = capsys.readouterr().out
    assert "http://localhost:8000/" in shown
    assert "student   alice  s3cret" in shown


def test_welcome_without_logins(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "demo-logins.json").write_text("not JSON")
    Console().welcome("http://localhost:8000/", home)
    assert "Ctrl-C stops everything" in capsys.readouterr().out
