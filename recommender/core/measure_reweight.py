"""``reweight``: what feedback changes for the better, by a replay of ratings."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recommender.core import metrics, report
from recommender.core.catalogue import Catalogue
from recommender.core.config import TrainConfig
from recommender.core.device import pick
from recommender.core.encoding import encode_texts
from recommender.core.errors import BadDataError
from recommender.core.evaluation import exclude, per_learner
from recommender.core.ledgers import Ledgers, Tables, credit, credit_cost
from recommender.core.measure_common import Bar, Options, median_ms, progress_bar, version_folder
from recommender.core.readers import DataFolder, read_folder
from recommender.core.refit import put
from recommender.core.replay import (
    Replay,
    in_time,
    moment_of,
    replay_at,
    split_before,
    strengths,
    taste_before,
)
from recommender.core.reweight_fit import fit_reweighting
from recommender.core.reweighting import Reweighting
from recommender.core.serving import BoundRecommender, Recommender
from recommender.core.training import TrainResult, train

INNER, FITTED, OUTER, DONE = 0.28, 0.42, 0.7, 0.85
"""When the inner training, the fit, the outer training and the evaluation should be over, as parts of
the time after encoding."""
MODES = ("off", "on", "placebo")
FEWEST = 20
"""Rows before the inner moment below which nothing is fitted on an inner replay."""


@dataclass(frozen=True)
class Outcome:
    """NDCG@10 of each case with the profiles off, on, and from shuffled feedback."""

    replay: Replay  # of the cases that were scored
    ndcg: dict[str, NDArray[np.float64]]
    tables: Tables

    def by_learner(self, mode: str) -> NDArray[np.float64]:
        """Mean over the cases of each learner who has any, learners rising."""
        return per_learner(self.ndcg[mode], self.replay.cases.learner)


@dataclass(frozen=True)
class Found:
    """One seed's version, its settings, and what they do."""

    result: TrainResult
    bound: BoundRecommender
    config: Reweighting
    inner: dict[str, Any]  # what the fit of the settings saw
    replay: Replay  # with all cases
    outcome: Outcome


def measure_reweight(options: Options) -> None:
    """Writes the report; raises BadDataError where the folder cannot be used."""
    watch = report.Stopwatch()
    with progress_bar() as bar, version_folder(options.save) as folder:
        data = usable(read_folder(options.data))
        with watch.stage("encode"):
            catalogue, text = encode_texts(data, options.minutes, bar)
        found = Measurement(data, catalogue, options, bar, watch).run(folder)
        outcome, result = found.outcome, found.result
        with watch.stage("evaluate"):
            milliseconds = _score_ms(found.bound, outcome, found.config)
        content = {
            "task": "reweight",
            "data": data.name,
            **_tables(outcome, options.seed),
            "seconds": watch.report(),
            "interactions_per_second": result.interactions_per_second,
            "parameters": result.parameters,
            "score_ms": milliseconds,
            "chosen": {
                "moment": found.replay.moment,
                "cases": len(outcome.replay.cases),
                "cases_in_all": len(found.replay.cases),
                "learners": len(np.unique(outcome.replay.cases.learner)),
                "text": text,
                "reweighting": found.config.to_dict(),
                "inner": found.inner,
                **result.chosen,
            },
            "seed": options.seed,
        }
    report.write_report(options.out, content)


def usable(data: DataFolder) -> DataFolder:
    """With each learner's rows in time; raises BadDataError where there is nothing to replay."""
    for column, there in (("rating", data.rating is not None), ("timestamp", data.timed)):
        if not there:
            raise BadDataError(f"{data.path}: line 1: column {column} is missing")
    return in_time(data)


def _tables(outcome: Outcome, seed: int) -> dict[str, Any]:
    """The report's `metrics` and `baselines`; differences are paired over learners."""
    by = {mode: outcome.by_learner(mode) for mode in MODES}

    def interval(values: NDArray[np.float64]) -> metrics.Interval:
        return metrics.mean_interval(values, seed)

    return {
        "metrics": {
            "ndcg@10_off": interval(by["off"]),
            "ndcg@10_on": interval(by["on"]),
            "ndcg@10_gain": interval(by["on"] - by["off"]),
            "ndcg@10_placebo_gain": interval(by["placebo"] - by["off"]),
        },
        "baselines": {
            mode: {
                "metrics": {"ndcg@10": interval(by[mode])},
                "diff": {"ndcg@10": interval(by["on"] - by[mode])},
            }
            for mode in ("off", "placebo")
        },
    }


class Measurement:
    """One data folder, replayed at a moment and, to fit, at an earlier one."""

    def __init__(
        self,
        data: DataFolder,
        catalogue: Catalogue,
        options: Options,
        bar: Bar,
        watch: report.Stopwatch,
    ) -> None:
        self.data, self.catalogue, self.options = data, catalogue, options
        self.bar, self.watch = bar, watch
        self.device = str(pick(options.device))
        self.began = watch.total

    def run(self, folder: Path) -> Found:
        """Fit, train a version into `folder`, and replay; raises BadDataError without a case."""
        replay = replay_at(self.data, moment_of(self.data.log.time))
        if not len(replay.cases):
            raise BadDataError(f"{self.data.path}: column rating: nothing helpful after the moment")
        config, inner = self.fit(replay.moment)
        keep = self.options.save is not None
        result = self.train(replay, OUTER, folder, calibrate=keep)
        put(folder, taste_before(replay), config)
        bound = Recommender.load(folder, device=self.device).bind(self.catalogue)
        with self.watch.stage("evaluate"):
            outcome = self.evaluate(bound, replay, config)
        return Found(result, bound, config, inner, replay, outcome)

    def left(self, share: float) -> float:
        """Seconds until this part of the time after encoding is over."""
        whole = self.options.minutes * 60 - self.began
        return self.began + share * whole - self.watch.total

    def train(
        self, replay: Replay, until: float, folder: Path, *, calibrate: bool = False
    ) -> TrainResult:
        """A version in `folder` that knows what was before the moment."""
        with self.watch.stage("train"):
            config = TrainConfig(
                minutes=max(0.05, self.left(until) / 60),
                seed=self.options.seed,
                calibrate=calibrate,
            )
            return train(
                replay.log,
                self.catalogue,
                config=config,
                out=folder,
                checkpoint=None,
                start_from=None,
                on_progress=self.bar.training,
                should_stop=lambda: False,
                device=self.device,
                split=split_before(replay, self.options.seed),
            )

    def fit(self, moment: float) -> tuple[Reweighting, dict[str, Any]]:
        """Settings from a replay of what was before the moment, with a model of its own."""
        time_ = np.asarray(self.data.log.time)
        inner = replay_at(self.data, moment_of(time_[time_ < moment]), moment)
        if int(inner.known.sum()) < FEWEST or not len(inner.cases):
            return Reweighting(), {"rule": "too few rows before the moment: defaults"}
        with TemporaryDirectory(prefix="attune-core-") as folder:
            self.train(inner, INNER, Path(folder) / "inner")
            with self.watch.stage("baselines"):
                self.bar.stage("fit re-weighting")
                put(Path(folder) / "inner", taste_before(inner), Reweighting())
                bound = Recommender.load(Path(folder) / "inner", device=self.device)
                return fit_reweighting(
                    bound.bind(self.catalogue),
                    inner,
                    seconds=max(1.0, self.left(FITTED)),
                    seed=self.options.seed,
                    on_step=self.bar.steps,
                )

    def evaluate(self, bound: BoundRecommender, replay: Replay, config: Reweighting) -> Outcome:
        """All cases, or of each learner as many as there is time for."""
        trial = replay.some(256, self.options.seed)
        self._ndcg(bound, trial, None, config)  # the first time takes longer
        began = time.monotonic()
        self._ndcg(bound, trial, None, config)
        passes = (4.5 if config.step else 1.0) + (credit_cost(replay) if config.own < 1 else 0.0)
        each = passes * (time.monotonic() - began) / len(trial.cases)
        affordable = int(self.left(DONE) / each)
        replay = replay.some(max(affordable, 256), self.options.seed)
        led = credit(bound, replay) if config.own < 1 and config.step else None
        ledgers = Ledgers(replay, self.catalogue, led)
        found: dict[str, NDArray[np.float64]] = {}
        tables: dict[str, Tables] = {}
        for mode in MODES:
            self.bar.stage(f"evaluate {mode}")
            shuffle = self.options.seed + 1 if mode == "placebo" else None
            if mode != "off":
                strength = strengths(replay, config, shuffle)
                tables[mode] = ledgers.at_cases(config, strength)
            same = mode != "off" and not config.step
            found[mode] = (
                found["off"] if same else self._ndcg(bound, replay, tables.get(mode), config)
            )
        return Outcome(replay, found, tables["on"])

    def _ndcg(
        self,
        bound: BoundRecommender,
        replay: Replay,
        tables: Tables | None,
        config: Reweighting,
    ) -> NDArray[np.float64]:
        """[C] NDCG@10, by the path that makes slates."""
        log, found, total = replay.log, [], len(replay.cases)
        for start in range(0, total, 256):
            self.bar.steps(start, total)
            rows = slice(start, min(start + 256, total))
            part = replay.cases.take(np.arange(rows.start, rows.stop))
            first = log.offsets[part.learner]
            weights = tables.weights(rows, config, self.catalogue) if tables else None
            history = log.between(first, first + part.end)
            affinity = torch.from_numpy(bound.score(history, now=np.inf, weights=weights).affinity)
            scores = exclude(affinity, log, part, replay.candidates)
            found.append(metrics.ranks(scores, torch.from_numpy(part.target)))
        return metrics.ndcg(torch.cat(found).double().numpy())


def _score_ms(bound: BoundRecommender, outcome: Outcome, config: Reweighting) -> dict[str, float]:
    """Milliseconds from histories and profiles to the top ten of the whole catalogue."""
    cases = outcome.replay.cases

    def top(count: int) -> float:
        chosen = np.resize(np.arange(len(cases)), count)
        first = outcome.replay.log.offsets[cases.learner[chosen]]
        history = outcome.replay.log.between(first, first + cases.end[chosen])
        weights = outcome.tables.weights(chosen, config, bound.catalogue)
        return median_ms(
            lambda: torch.from_numpy(
                bound.score(history, now=np.inf, weights=weights).affinity
            ).topk(min(10, bound.catalogue.rows))
        )

    return {"1": top(1), "256": top(256)}
