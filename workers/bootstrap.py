"""What happens when a worker process starts, before its first task."""

import os
from typing import Any

from celery.signals import beat_init, setup_logging, worker_init, worker_process_init


@beat_init.connect
@worker_init.connect
def start_servers(**_kwargs: Any) -> None:
    """Hold the embedded database and broker for this process's life, where no others are named."""
    from common.servers import ensure_servers

    ensure_servers()


@setup_logging.connect
def keep_logging(**_kwargs: Any) -> None:
    """Django's LOGGING stays as it is; with a receiver here Celery sets up none of its own."""


@worker_process_init.connect
@worker_init.connect
def bound_threads(**_kwargs: Any) -> None:
    """One torch thread a process: small models get slower with more, and worker processes share the cores.

    Set before torch is imported, which happens with the first task that needs it; never in the parent of a prefork
    pool, whose children could not use CUDA after that. GPU workers run with `--pool solo` or
    `--pool threads --concurrency 1` for the same reason.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", "1")
