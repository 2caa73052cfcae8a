"""What beat sends, and how often. A message that is late or lost costs a delay, nothing else."""

from typing import Any, Final

from common import queue
from django.conf import settings

PRUNE_SECONDS: Final = 600
"""How often is asked whether the last pruning was a day ago: beat may never run for a whole day."""

JUDGE_SECONDS: Final = 300
"""How often is asked whether repairs of attention help: so long a harmful one may go on after it has shown."""

HEALTH_SECONDS: Final = 600
"""How often the day's attention, inputs and lists are counted: some hundred milliseconds of a worker each time."""

FIT_SECONDS: Final = 180
"""How often is asked whose memory is to be fitted, anew or for the first time. One call begins fits for a minute, and the
last may take another: the rest of the time is for the queue's other work."""


def build_schedule() -> dict[str, dict[str, Any]]:
    """Return Celery's `beat_schedule`. A message expires before the next one, so that none pile up without a worker."""
    every = {
        queue.SWEEP_LEARNERS: settings.SWEEP_SECONDS,
        queue.SWEEP_TRAINING_RUNS: settings.SWEEP_SECONDS,
        queue.JUDGE_REPAIRS: JUDGE_SECONDS,
        queue.MEASURE_HEALTH: HEALTH_SECONDS,
        queue.FIT_MEMORY: FIT_SECONDS,
        queue.PRUNE: PRUNE_SECONDS,
    }
    return {
        name: {
            "task": name,
            "schedule": float(seconds),
            "options": {"queue": queue.QUEUE_OF[name], "expires": float(seconds)},
        }
        for name, seconds in every.items()
    }
