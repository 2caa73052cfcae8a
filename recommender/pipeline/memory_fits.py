"""Fitting the memories of learners, one after the other, each under a lease: a killed worker leaves no trace.

What a fit finds is stored in one transaction at its end, so that whoever dies on the way has merely wasted the time, and
the learner is still to be fitted.
"""

import logging
import math
import random
import time
from datetime import datetime
from typing import Final

from django.db import InterfaceError, OperationalError, transaction

from learners.selectors import is_to_be_fitted, list_learners_to_fit, read_reviews
from learners.services.memory import put_off_fit, store_fit
from recommender.pipeline.heartbeat import Heartbeat, hold_lease
from recommender.pipeline.memory_fit import NEEDED, History, fit_and_judge, list_review_times
from recommender.services.leases import LostLease, require_lease

logger = logging.getLogger(__name__)

GROWTH: Final = 1.25
"""A learner is fitted again when she has so many times the repeated answers that she had."""
SECONDS: Final = 60.0
"""No other learner is begun after that, so that a training run which was asked for meanwhile doesn't wait long."""
LEASE: Final = "fit-memories"


def fit_memories(*, now: datetime, seconds: float = SECONDS) -> int:
    """Fit those learners who are to be fitted, until there are none or `seconds` are over; the others wait for the next call.

    Returns how many were fitted: none where another worker is at it, which would keep one more from other long work.
    """
    with hold_lease(LEASE) as held:
        if held is None:
            return 0
        _owner, heartbeat = held
        return _fit_waiting(now=now, seconds=seconds, heartbeat=heartbeat)


def _fit_waiting(*, now: datetime, seconds: float, heartbeat: Heartbeat) -> int:
    waiting = list_learners_to_fit(least=NEEDED, now=now)
    # At random, so that one who breaks or kills workers doesn't stand before the same others every time.
    random.shuffle(waiting)
    until = time.monotonic() + seconds
    fitted = 0
    for learner in waiting:
        if heartbeat.lost or time.monotonic() > until:
            break
        try:
            fitted += fit_memory(learner_id=learner, now=now)
        except LostLease:
            logger.warning("another worker fits her memory", extra={"learner": learner})
        except (OperationalError, InterfaceError, MemoryError):
            raise
        except Exception:
            logger.exception("memory not fitted", extra={"learner": learner})
    return fitted


def fit_memory(*, learner_id: int, now: datetime) -> bool:
    """Fit one learner's parameters and keep them, in use where they beat the defaults on her newest reviews.

    False where she has too few reviews, the fit failed, another worker is at it or has just done it, or she is gone
    meanwhile. Raises LostLease.
    """
    name = f"memory-{learner_id}"
    with hold_lease(name) as held:
        if held is None:
            return False
        owner, heartbeat = held
        history = read_reviews(learner_id=learner_id)
        repeated = _count_repeated(history)
        if not is_to_be_fitted(learner_id=learner_id, repeated=repeated):
            return False
        found = fit_and_judge(history, on_step=heartbeat.check)
        with transaction.atomic():
            require_lease(name=name, owner=owner)
            if found is None:
                missing = NEEDED - len(list_review_times(history))
                later = repeated + missing if missing > 0 else math.ceil(repeated * GROWTH)
                put_off_fit(learner_id=learner_id, look_again=later)
                return False
            return store_fit(
                learner_id=learner_id,
                parameters=found.parameters,
                used=found.better,
                reviews=found.reviews,
                held_out=found.held_out,
                default_log_loss=found.default_log_loss,
                log_loss=found.log_loss,
                gain=(found.gain["low"], found.gain["high"]),
                look_again=math.ceil(repeated * GROWTH),
                now=now,
            )


def _count_repeated(history: History) -> int:
    return sum(len(answers) - 1 for answers in history.values())
