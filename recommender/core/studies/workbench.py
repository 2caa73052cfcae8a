"""What the studies share: one data folder, and trained versions and baselines on parts of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from recommender.core import metrics
from recommender.core.baselines import Baseline, NextItemBaselines
from recommender.core.catalogue import Catalogue
from recommender.core.config import TrainConfig
from recommender.core.encoding import encode_texts
from recommender.core.evaluation import Cases, ScoreFn, per_learner, rank_cases
from recommender.core.events import EventLog
from recommender.core.linear import ItemWeights, interactions
from recommender.core.measure_common import Bar, version_folder
from recommender.core.protocols import Protocol, to_learn
from recommender.core.readers import DataFolder, read_folder
from recommender.core.serving import BoundRecommender, Recommender
from recommender.core.training import LINEAR_SHARE, TrainResult, train

NDCG, HIT = "ndcg@10", "hr@10"
ENCODING_MINUTES = 240.0
"""A study takes the time to read the texts to their end."""


@dataclass(frozen=True)
class Workbench:
    """One data folder with everything that a study needs."""

    data: DataFolder
    catalogue: Catalogue
    encoded: str
    minutes: float  # of each training run
    epochs: int | None  # of each training run, where the time alone should not bound it
    seeds: tuple[int, ...]
    device: str
    bar: Bar
    version: Path | None = None  # trained on this folder before, for studies of one version

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        minutes: float,
        seeds: tuple[int, ...],
        device: str,
        bar: Bar,
        epochs: int | None = None,
        version: Path | None = None,
    ) -> Workbench:
        """Raises BadDataError where the folder cannot be used."""
        data = read_folder(folder)
        catalogue, how = encode_texts(data, ENCODING_MINUTES, bar)
        return cls(data, catalogue, how, minutes, epochs, seeds, device, bar, version)

    def config(self, seed: int | None = None) -> TrainConfig:
        """Settings of a run within the study's bounds."""
        plain = TrainConfig(minutes=self.minutes, seed=self.seeds[0] if seed is None else seed)
        return plain if self.epochs is None else replace(plain, epochs=self.epochs)

    def fit(
        self,
        log: EventLog,
        protocol: Protocol,
        *,
        catalogue: Catalogue | None = None,
        config: TrainConfig | None = None,
        seed: int | None = None,
        weights: ItemWeights | None = None,
        answers: bool = False,
    ) -> tuple[BoundRecommender, TrainResult]:
        """A version trained on the training rows of a log; it is not kept.

        A success head is trained with it where `answers` says so.
        """
        catalogue = catalogue or self.catalogue
        chosen = config or self.config(seed)
        with version_folder(None) as folder:
            result = train(
                log,
                catalogue,
                config=chosen,
                out=folder,
                checkpoint=None,
                start_from=None,
                on_progress=self.bar.training,
                should_stop=lambda: False,
                device=self.device,
                split=to_learn(log, protocol, with_answers=answers),
                weights=weights,
            )
            return Recommender.load(folder, device=self.device).bind(catalogue), result

    def one(self, log: EventLog, protocol: Protocol) -> BoundRecommender:
        """The version given, or one trained now. Raises CoreError where the given one does not fit."""
        if self.version is None:
            return self.fit(log, protocol)[0]
        return Recommender.load(self.version, device=self.device).bind(self.catalogue)

    def weights(self, log: EventLog, protocol: Protocol) -> ItemWeights:
        """Item-to-item weights of the training rows, for several runs on the same ones."""
        rows = protocol.training
        item = np.asarray(log.item, dtype=np.int64)[rows]
        owner = log.learner_of_event()[rows]
        matrix = interactions(owner, item, log.learners, self.catalogue.rows)
        return ItemWeights(matrix, LINEAR_SHARE * self.minutes * 60)

    def baselines(
        self,
        log: EventLog,
        protocol: Protocol,
        names: Collection[str] | None = None,
        weights: ItemWeights | None = None,
    ) -> list[Baseline]:
        """Those named, or all, fitted on the training rows."""
        fitted = NextItemBaselines(
            log=log,
            train=protocol.training,
            rows=self.catalogue.rows,
            texts=self.data.described,
            valid=protocol.valid.sample(3000, self.seeds[0]),
            candidates=protocol.candidates,
            weights=weights,
        )
        found: list[Baseline] = []
        for baseline in fitted.fit(self.bar.stage, lambda: 600.0):
            if names is None or baseline.name in names:
                found.append(baseline)
            if names is not None and len(found) == len(names):
                break
        return found


def measure(
    score: ScoreFn, log: EventLog, cases: Cases, candidates: Tensor
) -> dict[str, NDArray[np.float64]]:
    """Metrics by learner."""
    ranks = rank_cases(score, log, cases, candidates)
    return {
        NDCG: per_learner(metrics.ndcg(ranks), cases.learner),
        HIT: per_learner(metrics.hit(ranks), cases.learner),
    }
