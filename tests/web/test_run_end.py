"""`manage.py run` ends: whatever ends it, nothing it started is left."""

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from common.embedded import discard
from common.embedded.processes import is_alive
from runs import PROCESSES, SERVICES, start, wait_until

pytestmark = pytest.mark.flow


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home that the runs of this file share, one after the other."""
    folder = tmp_path_factory.mktemp("run")
    yield folder
    discard(folder)


def test_interrupt_stops_all_of_it(home: Path) -> None:
    run = start(home)
    processes = [psutil.Process(run.pid(name)) for name in (*PROCESSES, *SERVICES)]
    family = [
        *processes,
        *(child for process in processes for child in process.children(recursive=True)),
    ]
    run.process.send_signal(signal.SIGINT)
    assert run.finish() == 0
    wait_until(lambda: not any(map(is_alive, family)))
    assert not [
        path.name
        for path in (home / "run").glob("*.pid")
        if path.stem in ("run", *PROCESSES, "postgres", "valkey")
    ]


def test_nothing_outlives_a_run_that_was_killed(home: Path) -> None:
    run = start(home)
    processes = [psutil.Process(run.pid(name)) for name in (*PROCESSES, *SERVICES)]
    family = [
        *processes,
        *(child for process in processes for child in process.children(recursive=True)),
    ]
    run.process.kill()
    run.finish()
    wait_until(lambda: not any(map(is_alive, family)))
