"""The healthy reference of a version that is being trained, within its share of the run's time."""

from __future__ import annotations

import time

import numpy as np

from recommender.core.calibration import Calibration
from recommender.core.calibration_fit import fit_calibration
from recommender.core.config import TrainConfig
from recommender.core.errors import BadDataError
from recommender.core.events import EventLog
from recommender.core.progress import OnStep
from recommender.core.serving import BoundRecommender

SHARE = 0.05
"""Part of a run's time that fitting the reference may take; what is not fitted by then is left out."""


class _OutOfTime(Exception):
    pass


def fit_reference(
    bound: BoundRecommender, log: EventLog, config: TrainConfig, on_step: OnStep
) -> tuple[Calibration | None, dict[str, object]]:
    """The reference from the learners of `log` in 5% of the run's time, and what was chosen, for a report.

    None where `config` asks for none, too few learners have a history to look at, or the time does not
    suffice; of the last two the report says which.
    """
    if not config.calibrate:
        return None, {}
    until = time.monotonic() + SHARE * config.minutes * 60

    def step(done: int, of: int) -> None:
        on_step(done, of)
        if time.monotonic() > until:
            raise _OutOfTime

    try:
        everybody = np.arange(log.learners)
        fitted = fit_calibration(bound, log, everybody, seed=config.seed, on_step=step)
    except BadDataError as error:
        return None, {"calibration": {"missing": str(error)}}
    except _OutOfTime:
        missing = f"not fitted within {SHARE:.0%} of the run's time"
        return None, {"calibration": {"missing": missing}}
    return fitted.kept, {"calibration": {"kept": fitted.kept.kept, "area": dict(fitted.area)}}
