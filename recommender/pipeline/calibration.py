"""Looking at learners' attention while a refresh scores them, and repairing what has gone wrong."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from recommender.core.attention_names import KINDS
from recommender.core.repair_trial import is_repaired
from recommender.models import AttentionReading, Slate
from recommender.pipeline.active import ActiveModel
from recommender.selectors.calibrations import RepairInForce, find_repair
from recommender.services.calibrations import enter_trial, open_trial, store_readings
from recommender.storage import ATTENDED, pack_attention

if TYPE_CHECKING:
    from torch import Tensor

    from recommender.core.calibration import Treatment, Watcher
    from recommender.core.features import Adjust
    from recommender.core.features import Batch as FeatureBatch
    from recommender.core.serving import BoundRecommender

_usual: "WeakKeyDictionary[BoundRecommender, Any]" = WeakKeyDictionary()
"""How usual items are, for as long as a version stays bound."""


@dataclass(frozen=True)
class Readings:
    """What a refresh found of its learners' attention."""

    rows: Sequence[AttentionReading]
    trial_id: int | None

    def store(self, learner_ids: Collection[int]) -> None:
        """Store what is of these learners; call it in the transaction that marks them clean."""
        rows = [row for row in self.rows if row.learner_id in learner_ids]
        store_readings(rows)
        if self.trial_id is not None:
            enter_trial(rows, trial_id=self.trial_id)


class Lookout:
    """Notes where the attention of each learner lies in the end, after any repair and her own weights."""

    def __init__(self, learners: int, watcher: "Watcher | None") -> None:
        self.watcher = watcher
        self.packed = [b""] * learners

    def __call__(self, rows: slice, batch: "FeatureBatch") -> "Adjust":
        inner = None if self.watcher is None else self.watcher(rows, batch)
        noted = False

        def adjust(logits: "Tensor") -> "Tensor":
            nonlocal noted
            found = logits if inner is None else inner(logits)
            if not noted:  # reasons look at the same attention again
                noted = True
                self.packed[rows] = note_attention(found, batch)
            return found

        return adjust


def note_attention(logits: "Tensor", batch: "FeatureBatch") -> list[bytes]:
    """The largest shares of each head, packed, from the last states' logits [B, H, L + 1] before her own weights."""
    if batch.log_weight is not None:
        logits = logits.clone()
        logits[..., 1:] += batch.log_weight[:, None]
    alpha = logits.softmax(-1)
    share, place = alpha[..., 1:].topk(min(ATTENDED, alpha.shape[2] - 1), dim=-1)
    position = batch.position[:, None].expand(-1, alpha.shape[1], -1).gather(2, place)
    return pack_attention(
        alpha[..., 0].float().cpu().numpy(), position.cpu().numpy(), share.float().cpu().numpy()
    )


class Calibrator:
    """Sees the attention of those whom one call of `make_slates` scores; keep one for each batch.

    Of a version without a healthy reference it only notes where attention lies. Four fifths of the anomalous are repaired while the repair
    in force is on trial, by a hash of trial and learner; all of them once it has been shown to help. `find` looks up
    that repair: not before somebody is anomalous, as the others would wait for its query.
    """

    def __init__(
        self, model: ActiveModel | None, find: Callable[[], RepairInForce | None] = lambda: None
    ) -> None:
        self.model = model
        self._find = find
        self._learners: Sequence[int] = ()
        self._watcher: Watcher | None = None
        self._lookout: Lookout | None = None

    @classmethod
    def of(cls, model: ActiveModel | None) -> "Calibrator":
        """With the repair that is in force when it is needed."""
        if model is None:
            return cls(None)
        version = model.version_id
        return cls(model, lambda: find_repair(version_id=version))

    @cached_property
    def repair(self) -> RepairInForce | None:
        """What the anomalous of this batch get; the same for all of them."""
        return self._find()

    def watch(self, bound: "BoundRecommender", learners: Sequence[int]) -> Lookout:
        """What `bound.score` is to be watched by, for these learners in the order of the log."""
        self._learners = learners
        self._watcher = self._make_watcher(bound, learners)
        self._lookout = Lookout(len(learners), self._watcher)
        return self._lookout

    def keep_attention(self, slates: Collection[Slate]) -> None:
        """Put where attention lay into the slates that were made of it."""
        if self._lookout is None:
            return
        packed = dict(zip(self._learners, self._lookout.packed, strict=True))
        for slate in slates:
            slate.attention = packed.get(slate.learner_id, b"")

    def _make_watcher(self, bound: "BoundRecommender", learners: Sequence[int]) -> "Watcher | None":
        calibration = self.model.recommender.parts.calibration if self.model else None
        if calibration is None:
            return None
        from recommender.core.calibration import Watcher

        return Watcher(
            calibration, bound, len(learners), treat=self._treat, usual=_how_usual(bound)
        )

    def _treat(self) -> "Treatment | None":
        from recommender.core.calibration import Treatment

        repair = self.repair
        if repair is None:
            return None
        return Treatment(repair.repair, self._arms(self._learners, repair))

    def read(self, *, now: datetime) -> Readings:
        """What was seen of those who had enough events, not stored yet; opens the trial that the anomalous belong to.

        Call it before the transaction that holds the learners' states.
        """
        rows = self._rows(now)
        repair = self.repair if any(row.anomalous for row in rows) else None
        if repair is None or repair.proven:
            return Readings(rows, None)
        return Readings(rows, open_trial(repair=repair))

    def _rows(self, now: datetime) -> list[AttentionReading]:
        watcher = self._watcher
        if watcher is None or self.model is None:
            return []
        anomalous, repaired = watcher.anomalous, watcher.repaired
        return [
            AttentionReading(
                learner_id=self._learners[place],
                version_id=self.model.version_id,
                computed_at=now,
                statistics=watcher.statistics[place].astype("<f2").tobytes(),
                score=float(watcher.score[place]),
                anomalous=bool(anomalous[place]),
                repaired=bool(repaired[place]),
                kind=KINDS[watcher.kind[place]] if anomalous[place] else "",
                events=int(watcher.events[place]),
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
