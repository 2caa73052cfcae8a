"""``next-item``: full-ranking quality of the next item, beside the baselines, on two splits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recommender.core import linear, metrics, report
from recommender.core.baselines import NextItemBaselines
from recommender.core.catalogue import Catalogue
from recommender.core.config import TrainConfig
from recommender.core.device import pick
from recommender.core.encoding import encode_texts
from recommender.core.evaluation import Cases, per_learner, rank_cases
from recommender.core.events import EventLog
from recommender.core.measure_common import Bar, Options, median_ms, progress_bar, version_folder
from recommender.core.protocols import Protocol, given, global_time, to_learn
from recommender.core.readers import DataFolder, read_folder
from recommender.core.scoring import scorer
from recommender.core.serving import BoundRecommender, Recommender
from recommender.core.training import TrainResult, train

CELLS = 30_000_000
"""Test cases times catalogue rows, per minute of the whole time; more learners are sampled."""
VALID_CELLS = 10_000_000
"""The same for the cases that settings of baselines are chosen on."""
VALID_CASES = 4000

PerLearner = dict[str, NDArray[np.float64]]
"""Metric -> [learners with a test case], learners in order."""


@dataclass(frozen=True)
class Deadlines:
    """When the stages of one split should be over, as parts of the whole time."""

    baselines: float
    train: float


ALONE = Deadlines(0.42, 0.85)
FIRST, SECOND = Deadlines(0.36, 0.6), Deadlines(0.76, 0.9)
"""Where there is time in the data, both splits share the minutes."""
LATEST = 0.75
"""Where the first split took longer than this part of the time, there is no second one."""


@dataclass(frozen=True)
class Measured:
    """What one split gave."""

    ours: PerLearner
    theirs: dict[str, PerLearner]
    chosen: dict[str, Any]
    result: TrainResult
    bound: BoundRecommender
    watch: report.Stopwatch

    def tables(self, seed: int) -> dict[str, Any]:
        """The report's `metrics` and `baselines`."""
        return {
            "metrics": report.ranking_report(self.ours, seed),
            "baselines": {
                name: {
                    "metrics": report.ranking_report(values, seed),
                    "diff": report.ranking_diff(self.ours, values, seed),
                }
                for name, values in self.theirs.items()
            },
        }


def measure_next_item(options: Options) -> None:
    """Writes the report; raises BadDataError where the folder cannot be used."""
    watch = report.Stopwatch()
    with progress_bar() as bar, version_folder(options.save) as folder:
        data = read_folder(options.data)
        first, second = given(data), global_time(data)
        with watch.stage("encode"):
            catalogue, text = encode_texts(data, options.minutes, bar)
        run = _Measurement(data, catalogue, options, bar, watch)
        shares = ALONE if isinstance(second, str) else FIRST
        found = run.measure(first, shares, folder, watch, keep=options.save is not None)
        with watch.stage("evaluate"):
            milliseconds = _score_ms(found.bound, data.log, first.test)
            content: dict[str, Any] = {
                "task": "next-item",
                "data": data.name,
                **found.tables(options.seed),
            }
        chosen: dict[str, Any] = {
            "threads": torch.get_num_threads(),
            **first.told,
            "text": text,
            **found.chosen,
        }
        if not isinstance(second, str) and watch.total > LATEST * options.minutes * 60:
            second = "no time left"
        if isinstance(second, str):
            chosen["global_time"] = second
        else:
            content["global_time"] = run.later(second)
    content |= {
        "seconds": watch.report(),
        "interactions_per_second": found.result.interactions_per_second,
        "parameters": found.result.parameters,
        "score_ms": milliseconds,
        "chosen": chosen,
        "seed": options.seed,
    }
    report.write_report(options.out, content)


class _Measurement:
    """One data folder, measured under one or two protocols."""

    def __init__(
        self,
        data: DataFolder,
        catalogue: Catalogue,
        options: Options,
        bar: Bar,
        clock: report.Stopwatch,
    ) -> None:
        self.data, self.catalogue, self.options = data, catalogue, options
        self.bar, self.clock = bar, clock
        self.device = str(pick(options.device))

    def left(self, share: float) -> float:
        """Seconds until this part of the whole time is over."""
        return share * self.options.minutes * 60 - self.clock.total

    def measure(
        self,
        protocol: Protocol,
        until: Deadlines,
        folder: Path,
        watch: report.Stopwatch,
        *,
        keep: bool = False,
    ) -> Measured:
        data, options = self.data, self.options
        log, rows = data.log, self.catalogue.rows
        test = self._affordable(protocol.test, CELLS, len(protocol.test))
        valid = self._affordable(protocol.valid, VALID_CELLS, VALID_CASES)
        learn = to_learn(log, protocol, with_answers=keep)
        theirs: dict[str, PerLearner] = {}
        chosen: dict[str, Any] = {"test_cases": len(test)}
        with watch.stage("baselines"):
            item = np.asarray(learn.train.item, dtype=np.int64)
            owner = learn.train.learner_of_event()
            weights = linear.ItemWeights(
                linear.interactions(owner, item, log.learners, rows),
                0.6 * self.left(until.baselines),
            )
            fitted = NextItemBaselines(
                log=log,
                train=protocol.training,
                rows=rows,
                texts=data.described,
                valid=valid,
                candidates=protocol.candidates,
                weights=weights,
            )
            settings = {}
            for found in fitted.fit(self.bar.stage, lambda: self.left(until.baselines)):
                ranks = rank_cases(found.score, log, test, protocol.candidates)
                theirs[found.name], settings[found.name] = _by_learner(ranks, test), found.settings
        with watch.stage("train"):
            result = train(
                log,
                self.catalogue,
                config=TrainConfig(
                    minutes=max(0.02, self.left(until.train) / 60),
                    seed=options.seed,
                    calibrate=keep and options.save is not None,
                ),
                out=folder,
                checkpoint=None,
                start_from=None,
                on_progress=self.bar.training,
                should_stop=lambda: False,
                device=self.device,
                split=learn,
                weights=weights,
            )
        with watch.stage("evaluate"):
            self.bar.stage("evaluate")
            bound = Recommender.load(folder, device=self.device).bind(self.catalogue)
            ranks = rank_cases(scorer(bound, log), log, test, protocol.candidates)
            ours = _by_learner(ranks, test)
        chosen |= {**result.chosen, "validation": result.metrics, "baselines": settings}
        return Measured(ours, theirs, chosen, result, bound, watch)

    def later(self, protocol: Protocol) -> dict[str, Any]:
        """The report's `global_time`; its version is not kept."""
        watch = report.Stopwatch()
        with version_folder(None) as folder:
            found = self.measure(protocol, SECOND, folder, watch)
        return {
            **protocol.told,
            **found.tables(self.options.seed),
            "seconds": watch.report(),
            "chosen": found.chosen,
        }

    def _affordable(self, cases: Cases, cells: int, most: int) -> Cases:
        count = int(cells * self.options.minutes / self.catalogue.rows)
        return cases.sample(min(most, max(count, 200)), self.options.seed)


def _by_learner(ranks: NDArray[np.float64], cases: Cases) -> PerLearner:
    return {
        "ndcg@10": per_learner(metrics.ndcg(ranks), cases.learner),
        "hr@10": per_learner(metrics.hit(ranks), cases.learner),
    }


def _score_ms(bound: BoundRecommender, log: EventLog, test: Cases) -> dict[str, float]:
    """Milliseconds from histories to the top ten of the whole catalogue."""

    def top(count: int) -> float:
        who = np.resize(np.unique(test.learner), count)
        histories = log.of(who)
        return median_ms(lambda: bound.best(histories, 10, now=np.inf))

    return {"1": top(1), "256": top(256)}
