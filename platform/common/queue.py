"""Names of tasks and queues, and the one way to send a task: by name, after commit, never waiting."""

import logging
from collections.abc import Sequence
from functools import partial
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
COMPUTE_TEXT_VECTORS: Final = "attune.compute_text_vectors"
PRUNE_SLATES: Final = "attune.prune_slates"

QUEUE_OF: Final[dict[str, str]] = {
    REFRESH_LEARNERS: REFRESH,
    SWEEP_LEARNERS: DEFAULT,
    TRAIN_MODEL: GPU,
    SWEEP_TRAINING_RUNS: DEFAULT,
    COMPUTE_TEXT_VECTORS: GPU,
    PRUNE_SLATES: DEFAULT,
}


def enqueue_on_commit(name: str, args: Sequence[Any] = ()) -> None:
    """Send task `name` once the surrounding transaction has committed.

    The message is only a nudge: it is tried once, within the broker's short socket timeout, and a
    failure is logged and left to the sweeper, so that a broker that is down never fails a request.
    """
    transaction.on_commit(partial(_send, name, tuple(args)), robust=True)


def _send(name: str, args: tuple[Any, ...]) -> None:
    from celery import current_app
    from kombu.exceptions import OperationalError

    try:
        current_app.send_task(
            name, args=args, queue=QUEUE_OF[name], retry=False, ignore_result=True
        )
    except (OperationalError, OSError) as error:
        logger.warning(
            "task not sent, the sweeper will find the work",
            extra={"task": name, "error": str(error)},
        )
