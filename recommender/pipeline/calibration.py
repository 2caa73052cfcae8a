"""Looking at learners' attention while a refresh scores them, and repairing what has gone wrong."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from recommender.core.repair_trial import is_repaired
from recommender.models import AttentionReading, RepairTrial
from recommender.pipeline.active import ActiveModel
from recommender.selectors.calibrations import RepairInForce, find_repair
from recommender.services.calibrations import enter_trial, open_trial, store_readings

if TYPE_CHECKING:
    from recommender.core.calibration import Watcher
    from recommender.core.serving import BoundRecommender

_usual: "WeakKeyDictionary[BoundRecommender, Any]" = WeakKeyDictionary()
"""How usual items are, for as long as a version stays bound."""


@dataclass(frozen=True)
class Readings:
    """What a refresh found of its learners' attention."""

    rows: Sequence[AttentionReading]
    trial: RepairTrial | None

    def store(self, learner_ids: Collection[int]) -> None:
        """Store what is of these learners; call it in the transaction that marks them clean."""
        rows = [row for row in self.rows if row.learner_id in learner_ids]
        store_readings(rows)
        if self.trial is not None:
            enter_trial(rows, trial=self.trial)


class Calibrator:
    """Sees the attention of those whom one call of `make_slates` scores; keep one for each batch.

    Of a version without a healthy reference it sees nothing. Four fifths of the anomalous are repaired while the repair
    in force is on trial, by a hash of trial and learner; all of them once it has been shown to help.
    """

    def __init__(self, model: ActiveModel | None, repair: RepairInForce | None) -> None:
        self.model, self.repair = model, repair
        self._learners: Sequence[int] = ()
        self._watcher: Watcher | None = None

    @classmethod
    def of(cls, model: ActiveModel | None) -> "Calibrator":
        """With the repair that is in force now: one query, where the version can be calibrated."""
        able = model is not None and model.recommender.parts.calibration is not None
        return cls(model, find_repair(version_id=model.version_id) if model and able else None)

    def watch(self, bound: "BoundRecommender", learners: Sequence[int]) -> "Watcher | None":
        """What `bound.score` is to be watched by, for these learners in the order of the log."""
        calibration = self.model.recommender.parts.calibration if self.model else None
        if calibration is None:
            return None
        from recommender.core.calibration import AVERAGE, Watcher

        self._learners = learners
        self._watcher = Watcher(
            calibration,
            bound,
            len(learners),
            how=self.repair.repair if self.repair else AVERAGE,
            repaired=None if self.repair is None else self._arms(learners, self.repair),
            usual=_how_usual(bound),
        )
        return self._watcher

    def read(self, *, now: datetime) -> Readings:
        """What was seen of those who had enough events, not stored yet; opens the trial that the anomalous belong to.

        Call it before the transaction that holds the learners' states.
        """
        rows = self._rows(now)
        if self.repair is None or self.repair.proven or not any(row.anomalous for row in rows):
            return Readings(rows, None)
        return Readings(rows, open_trial(repair=self.repair))

    def _rows(self, now: datetime) -> list[AttentionReading]:
        watcher = self._watcher
        if watcher is None or self.model is None:
            return []
        anomalous = watcher.anomalous
        repaired = np.zeros_like(anomalous) if watcher.repaired is None else watcher.repaired
        return [
            AttentionReading(
                learner_id=self._learners[place],
                version_id=self.model.version_id,
                computed_at=now,
                statistics=watcher.statistics[place].astype("<f2").tobytes(),
                score=float(watcher.score[place]),
                anomalous=bool(anomalous[place]),
                repaired=bool(anomalous[place] and repaired[place]),
            )
            for place in np.flatnonzero(np.isfinite(watcher.score)).tolist()
        ]

    @staticmethod
    def _arms(
        learners: Sequence[int], repair: RepairInForce
    ) -> "np.ndarray[Any, np.dtype[np.bool_]]":
        return np.array(
            [repair.proven or is_repaired(repair.salt, str(learner)) for learner in learners],
            dtype=bool,
        )


def _how_usual(bound: "BoundRecommender") -> Any:
    import torch

    from recommender.core.attention_statistics import how_usual

    if bound not in _usual:
        with torch.inference_mode():
            _usual[bound] = how_usual(bound)
    return _usual[bound]
