"""Names of tasks and queues, and the one way to send a task: by name, after commit, never waiting."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from django.db import transaction

logger = logging.getLogger(__name__)

DEFAULT: Final = "default"
REFRESH: Final = "refresh"
GPU: Final = "gpu"

REFRESH_LEARNERS: Final = "attune.refresh_learners"
SWEEP_LEARNERS: Final = "attune.sweep_learners"
TRAIN_MODEL: Final = "attune.train_model"
SWEEP_TRAINING_RUNS: Final = "attune.sweep_training_runs"
JUDGE_CANDIDATE: Final = "attune.judge_candidate"
COMPUTE_TEXT_VECTORS: Final = "attune.compute_text_vectors"
JUDGE_REPAIRS: Final = "attune.judge_repairs"
MEASURE_HEALTH: Final = "attune.measure_health"
FIT_MEMORY: Final = "attune.fit_memory"
PRUNE: Final = "attune.prune"

QUEUE_OF: Final[dict[str, str]] = {
    REFRESH_LEARNERS: REFRESH,
    SWEEP_LEARNERS: DEFAULT,
    TRAIN_MODEL: GPU,
    SWEEP_TRAINING_RUNS: DEFAULT,
    JUDGE_CANDIDATE: GPU,
    COMPUTE_TEXT_VECTORS: GPU,
    JUDGE_REPAIRS: DEFAULT,
    MEASURE_HEALTH: DEFAULT,
    FIT_MEMORY: GPU,
    PRUNE: DEFAULT,
}


# Publishing has a connection of its own: a worker's blocking reads need the long timeouts that would make a request
# wait here. Connecting (to two addresses of one name) and the one answer that is waited for stay below 200 ms.
_ONE_SHORT_TRY: Final = {
    "socket_connect_timeout": 0.05,
    "socket_timeout": 0.08,
    "retry_on_timeout": False,
    "max_retries": 0,
}


def enqueue_on_commit(name: str, args: Sequence[Any] = ()) -> None:
    """Send task `name` once the surrounding transaction has committed, once however often it is asked for.

    The message is only a nudge: it is tried once, adds at most 200 ms when the broker is down or silent, and a
    failure is logged and left to the sweeper, so that a broker that is down never fails a request.
    """
    message = _Message(name, tuple(args), QUEUE_OF[name])
    # An equal message waits inside savepoints that this one is in as well, so it is not lost sooner than this one.
    if any(waiting[1] == message for waiting in transaction.get_connection().run_on_commit):
        return
    transaction.on_commit(message, robust=True)


@dataclass(frozen=True)
class _Message:
    """A task to send: comparable, and called when the transaction commits."""

    name: str
    args: tuple[Any, ...]
    queue: str

    def __call__(self) -> None:
        from celery import current_app

        try:
            pool = _producers(current_app.conf.broker_url)
            with pool.acquire(block=True, timeout=0.05) as producer:
                current_app.send_task(
                    self.name,
                    args=self.args,
                    queue=self.queue,
                    producer=producer,
                    retry=False,
                    ignore_result=True,
                )
        except Exception as error:
            # Each layer below has errors of its own; none may reach a request that is already committed.
            logger.warning(
                "task not sent, the sweeper will find the work",
                extra={"task": self.name, "error": str(error)},
            )


@cache
def _producers(url: str) -> Any:
    from celery import current_app
    from kombu import pools

    connection = current_app.connection_for_write(url, transport_options=dict(_ONE_SHORT_TRY))
    return pools.producers[connection]
