"""Predicted success: several seeds against every baseline, calibration, exercises nobody has answered."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from recommender.core import metrics, report
from recommender.core.config import TrainConfig
from recommender.core.device import pick
from recommender.core.errors import BadDataError
from recommender.core.events import RIGHT
from recommender.core.features import select_events
from recommender.core.markdown import calibration, figure, table
from recommender.core.measure_common import Options
from recommender.core.measure_success import SuccessProtocol
from recommender.core.readers import DataFolder
from recommender.core.studies.workbench import Workbench
from recommender.core.success import SuccessModel
from recommender.core.training import TrainResult, train_success

NAMES = ("auc", "log_loss", "ece")
UNMET = 0.1
"""Part of the exercises that training does not see."""


@dataclass(frozen=True)
class _Study:
    bench: Workbench
    protocol: SuccessProtocol
    bootstrap: metrics.PooledBootstrap
    truth: NDArray[np.float64]

    @classmethod
    def on(cls, bench: Workbench, data: DataFolder) -> _Study:
        if not data.answered:
            raise BadDataError("column correct is missing from the interactions")
        options = Options(data.path.parent, data.path, minutes=bench.minutes)
        protocol = SuccessProtocol.of(data, bench.catalogue, options)
        learner = data.log.learner_of_event()[protocol.rows]
        truth = (np.asarray(data.log.outcome)[protocol.rows] == RIGHT).astype(np.float64)
        return cls(bench, protocol, metrics.PooledBootstrap(learner), truth)

    def fit(self, seed: int) -> tuple[SuccessModel, TrainResult]:
        return train_success(
            self.protocol.log,
            self.bench.catalogue,
            config=TrainConfig(minutes=self.bench.minutes, seed=seed),
            split=self.protocol.split(),
            on_progress=self.bench.bar.training,
            device=self.bench.device,
        )

    def predict(self, head: SuccessModel) -> NDArray[np.float64]:
        device = pick(self.bench.device)
        given = self.bench.catalogue.text
        text = None if given is None else torch.from_numpy(given).to(device)
        return self.protocol.predict(head, text, device)

    def pooled(
        self, probability: NDArray[np.float64], rows: NDArray[np.bool_] | None = None
    ) -> report.Pooled:
        if rows is None:
            return report.Pooled.of(self.bootstrap, probability, self.truth)
        learner = self.protocol.log.learner_of_event()[self.protocol.rows][rows]
        return report.Pooled.of(
            metrics.PooledBootstrap(learner), probability[rows], self.truth[rows]
        )


def run(bench: Workbench) -> str:
    """Three tables: quality over seeds, calibration of the first seed, exercises without answers."""
    study = _Study.on(bench, bench.data)
    rows, found, first = [], [], None
    for seed in bench.seeds:
        head, result = study.fit(seed)
        probability = study.predict(head)
        first = probability if first is None else first
        found.append(study.pooled(probability))
        took = [f"{result.seconds:.0f} s", f"{result.interactions_per_second:,.0f}"]
        rows.append([f"Attune, seed {seed}", *_figures(found[-1]), "", *took])
    ours = _mean(found)
    whole = ours.report()
    rows.append(["**Attune, mean**", *(figure(whole[n]) for n in NAMES), *[""] * 3])
    for baseline in study.protocol.baselines.fit(bench.bar.stage):
        theirs = study.pooled(baseline.probability[study.protocol.rows])
        diff = figure(ours.minus(theirs)["auc"], sign=True)
        rows.append([baseline.name, *_figures(theirs), diff, "", ""])
    assert first is not None  # noqa: S101 - there is at least one seed
    head_row = ["model", *NAMES, "auc, Attune minus it", "training", "answers/s"]
    return "\n".join(
        [
            table(head_row, rows),
            f"Calibration, seed {bench.seeds[0]}:\n",
            calibration(metrics.reliability(first, study.truth)),
            _unmet(bench),
        ]
    )


def _figures(pooled: report.Pooled) -> list[str]:
    return [figure(pooled.values[name]) for name in NAMES]


def _mean(found: list[report.Pooled]) -> report.Pooled:
    """Every metric averaged over seeds, on the same resamples of learners."""
    return report.Pooled(
        {n: float(np.mean([p.values[n] for p in found])) for n in found[0].values},
        {n: np.mean([p.samples[n] for p in found], axis=0) for n in found[0].samples},
    )


def _unmet(bench: Workbench) -> str:
    """A tenth of the exercises is taken out of what is learned from, and predicted all the same."""
    data = bench.data
    seed = bench.seeds[0]
    item = np.asarray(data.log.item)
    hidden = np.random.default_rng(seed).random(bench.catalogue.rows) < UNMET
    whole = _Study.on(bench, data).protocol
    learns = ~np.isin(data.log.learner_of_event(), whole.test)
    keep = ~(learns & hidden[item])
    fold = None if data.fold is None else data.fold[keep]
    left = replace(
        data, log=select_events(data.log, keep), order=data.order[keep], fold=fold, part=None
    )
    study = _Study.on(bench, left)
    log, rows = study.protocol.log, study.protocol.rows
    cold = hidden[np.asarray(log.item)[rows]]
    head, _ = study.fit(seed)
    ours = study.pooled(study.predict(head), cold)
    lines = [["**Attune**", *_figures(ours), ""]]
    for baseline in study.protocol.baselines.fit(bench.bar.stage):
        theirs = study.pooled(baseline.probability[rows], cold)
        # What is known of an exercise without answers is the mean of its concepts.
        name = "concept mean" if baseline.name == "item_mean" else baseline.name
        diff = figure(ours.minus(theirs)["auc"], sign=True)
        lines.append([name, *_figures(theirs), diff])
    text = "and their text" if bench.catalogue.text is not None else "(there is no text)"
    return (
        f"Exercises nobody has answered, by their concepts {text}: {int(cold.sum()):,} answers to "
        f"{int(hidden[1:].sum()):,} exercises.\n\n"
        + table(["model", *NAMES, "auc, Attune minus it"], lines)
    )
