"""The processes of a development machine: the same programs as in production, fewer of each."""

import os
import signal
import sys
from pathlib import Path

from common import queue
from common.servers import ROOT

from web.supervisor.children import Program

_SOURCE_ROOT = Path(__file__).resolve().parents[2]
# A worker finishes its task on SIGTERM and gives it up on SIGQUIT; what it gave up, a lease hands on.
_STOP_WORKER = ((signal.SIGTERM, 10.0), (signal.SIGQUIT, 5.0))


def build_environment() -> dict[str, str]:
    """Return what the children's environment has more than ours: where the code is, and unbuffered logs."""
    paths = [str(ROOT), str(_SOURCE_ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "PYTHONUNBUFFERED": "1",
    }


def build_web(descriptor: int) -> Program:
    """Return the web server on a socket that is bound already: it survives restarts of the server."""
    command = [sys.executable, "-m", "gunicorn", "config.wsgi:application"]
    command += ["--bind", f"fd://{descriptor}", "--worker-class", "gthread"]
    command += ["--workers", "2", "--threads", "4", "--timeout", "60", "--graceful-timeout", "8"]
    command += ["--no-control-socket", "--access-logfile", "-"]
    return _build("web", command, descriptors=(descriptor,))


def build_workers(home: Path) -> list[Program]:
    """Return the workers and beat, in the order in which they are stopped.

    Training has a process of its own, so that a refresh never waits for it. It runs in a thread and not
    in a forked child, which could not use CUDA.
    """
    trainer = ["--pool", "threads", "--concurrency", "1"]
    beat = ["beat", "--schedule", str(home / "run" / "beat-schedule"), "--pidfile", ""]
    return [
        _build_worker("worker", f"{queue.DEFAULT},{queue.REFRESH}", ["--concurrency", "2"]),
        _build_worker("trainer", queue.GPU, trainer),
        _build("beat", [*_celery(), *beat]),
    ]


def build_command(name: str, *arguments: str) -> Program:
    """Return one of the project's management commands."""
    return _build(name, [sys.executable, str(ROOT / "manage.py"), name, *arguments])


def _celery() -> list[str]:
    return [sys.executable, "-m", "celery", "--app", "workers.celery"]


def _build_worker(name: str, queues: str, options: list[str]) -> Program:
    command = [*_celery(), "worker", "--hostname", f"{name}@%h", "--queues", queues, *options]
    command += ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    return _build(name, command, stop=_STOP_WORKER)


def _build(name: str, command: list[str], **options: object) -> Program:
    return Program(name, command, environment=build_environment(), cwd=ROOT, **options)  # type: ignore[arg-type]
