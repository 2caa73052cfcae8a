"""The healthy reference of a version that is being trained, within its share of the run's time."""

from __future__ import annotations

import time

import numpy as np

from recommender.core import calibration_fit
from recommender.core.attention_statistics import MIN_EVENTS
from recommender.core.calibration import Calibration
from recommender.core.config import TrainConfig
from recommender.core.errors import BadDataError
from recommender.core.events import EventLog
from recommender.core.progress import OnStep
from recommender.core.serving import BoundRecommender

SHARE = 0.05
"""Part of a run's time that fitting the reference may always take."""
SPARE = 0.5
"""Part that it may take, where that is more, of the time that the phases before it have left over."""


class _OutOfTime(Exception):
    pass


def fit_reference(
    bound: BoundRecommender, log: EventLog, config: TrainConfig, on_step: OnStep, *, left: float
) -> tuple[Calibration | None, dict[str, object]]:
    """The reference from the learners of `log`, and what was chosen, for a report.

    It may take 5% of the run's time, or half of the `left` seconds of it where that is more: a class
    that is learned from quickly leaves more time than it leaves work. None where `config` asks for none,
    too few learners have a history to look at, or the time does not suffice; of the last two the report
    says which (`missing`, and in figures `learners` and `fewest`, of `events` each, or `seconds`).
    """
    if not config.calibrate:
        return None, {}
    able = int((np.diff(log.offsets) >= MIN_EVENTS).sum())
    seconds = max(SHARE * config.minutes * 60, SPARE * left)
    until = time.monotonic() + seconds

    def step(done: int, of: int) -> None:
        on_step(done, of)
        if time.monotonic() > until:
            raise _OutOfTime

    try:
        everybody = np.arange(log.learners)
        fitted = calibration_fit.fit_calibration(
            bound, log, everybody, seed=config.seed, on_step=step
        )
    except BadDataError as error:
        told: dict[str, object] = {"missing": str(error), "learners": able}
        told |= {"fewest": calibration_fit.FEWEST, "events": MIN_EVENTS}
        return None, {"calibration": told}
    except _OutOfTime:
        missing = f"not fitted within the {seconds:.0f} seconds that the run had for it"
        return None, {"calibration": {"missing": missing, "seconds": round(seconds)}}
    return fitted.kept, {
        "calibration": {"kept": fitted.kept.kept, "area": dict(fitted.area), "learners": able}
    }
