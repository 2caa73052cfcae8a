"""``success``: P(correct) of each answer of held-out learners, beside the baselines."""

from __future__ import annotations

from dataclasses import dataclass
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
from recommender.core.evaluation import cases_at
from recommender.core.events import EventLog
from recommender.core.measure_common import (
    Options,
    learner_folds,
    left,
    median_ms,
    progress_bar,
)
from recommender.core.prediction import predict_success
from recommender.core.readers import DataFolder, read_folder
from recommender.core.split import Split
from recommender.core.success import SuccessModel
from recommender.core.success_baselines import SuccessBaselines
from recommender.core.success_training import predict_answers
from recommender.core.training import train, train_success

FIRST_ROW_EVERY = 200
"""Rows with order divisible by this are not scored (the protocol's)."""
CANDIDATES = 200
"""Exercises predicted for each learner when scoring is timed."""


@dataclass(frozen=True)
class SuccessProtocol:
    """Learners of fold 1 are tested, of fold 2 held out for choices; the others are learned from."""

    log: EventLog
    test: NDArray[np.int64]
    valid: NDArray[np.int64]
    train: NDArray[np.int64]
    rows: NDArray[np.int64]  # scored answers of the test learners
    baselines: SuccessBaselines

    @classmethod
    def of(cls, data: DataFolder, catalogue: Catalogue, options: Options) -> SuccessProtocol:
        """Raises BadDataError where a fold is missing, mixed or has no scored row."""
        log, of_learner = data.log, folds_of(data, options)
        test, valid = np.flatnonzero(of_learner == 1), np.flatnonzero(of_learner == 2)
        train = np.flatnonzero(of_learner > 2)
        if not len(test) or not len(train):
            raise BadDataError(f"{options.data}: column fold: needs fold 1 and some beyond 2")
        scored = (data.order % FIRST_ROW_EVERY != 0) & (np.asarray(log.item) > 0)
        of_row = np.repeat(of_learner, np.diff(log.offsets))
        rows = np.flatnonzero((of_row == 1) & scored)
        if not len(rows):
            raise BadDataError(f"{options.data}: column order: no row of fold 1 is scored")
        baselines = SuccessBaselines(
            log,
            catalogue.concept_slots,
            len(catalogue.concept_keys),
            of_row > 2,
            (of_row == 2) & scored,
        )
        return cls(log, test, valid, train, rows, baselines)

    def split(self) -> Split:
        """For `train_success`, which reads nothing of it but the answers."""
        log = self.log
        return Split(
            train=log.of(self.train),
            valid_log=log,
            valid=cases_at(log, np.zeros(0, dtype=np.int64)),
            answers=log,
            success_train=self.train,
            success_valid=self.valid,
        )

    def predict(
        self, head: SuccessModel, text: torch.Tensor | None, device: torch.device
    ) -> NDArray[np.float64]:
        """P(correct) of the scored rows."""
        logits, events = predict_answers(head, self.log, self.test, text, device)
        found = np.full(len(self.log), np.nan)
        count = head.count[torch.from_numpy(np.asarray(self.log.item, dtype=np.int64))[events]]
        found[events.numpy()] = head.calibrated(logits.to(device), count).cpu().double().numpy()
        return found[self.rows]


def measure_success(options: Options) -> None:
    """P(correct) of each answer of held-out learners, beside the baselines."""
    watch = report.Stopwatch()
    device = pick(options.device)
    with progress_bar() as bar:
        data = read_folder(options.data)
        if not data.answered:
            raise BadDataError(f"{options.data}: column correct is missing from the interactions")
        log = data.log
        folds_of(data, options)  # an error in the folds is told before anything takes long
        chosen: dict[str, Any] = {
            "threads": torch.get_num_threads(),
            "folds": "given" if data.fold is not None else "by learner",
        }
        with watch.stage("encode"):
            catalogue, chosen["text"] = encode_texts(data, options.minutes, bar)
        protocol = SuccessProtocol.of(data, catalogue, options)
        rows = protocol.rows
        theirs: dict[str, NDArray[np.float64]] = {}
        with watch.stage("baselines"):
            for found in protocol.baselines.fit(bar.stage):
                theirs[found.name] = found.probability[rows]
                chosen.setdefault("baselines", {})[found.name] = found.settings
        with watch.stage("train"):
            config = TrainConfig(minutes=left(options, watch), seed=options.seed)
            head, result = train_success(
                log,
                catalogue,
                config=config,
                split=protocol.split(),
                on_progress=bar.training,
                device=str(device),
            )
        with watch.stage("evaluate"):
            bar.stage("evaluate")
            text = None if catalogue.text is None else torch.from_numpy(catalogue.text).to(device)
            probability, truth = (
                protocol.predict(head, text, device),
                protocol.baselines.truth[rows],
            )
            bootstrap = metrics.PooledBootstrap(log.learner_of_event()[rows], options.seed)
            ours = report.Pooled.of(bootstrap, probability, truth)
            content: dict[str, Any] = {
                "task": "success",
                "data": data.name,
                "metrics": ours.report(),
                "baselines": {},
                "calibration": metrics.reliability(probability, truth),
            }
            for name, other_probability in theirs.items():
                other = report.Pooled.of(bootstrap, other_probability, truth)
                content["baselines"][name] = {"metrics": other.report(), "diff": ours.minus(other)}
            milliseconds = _success_ms(head, catalogue, log, protocol.test, device)
        chosen |= {**result.chosen, "validation": result.metrics}
        if options.save is not None:
            train(
                log,
                catalogue,
                config=TrainConfig(minutes=left(options, watch), seed=options.seed, calibrate=True),
                out=options.save,
                checkpoint=None,
                start_from=None,
                on_progress=bar.training,
                should_stop=lambda: False,
                device=str(device),
            )
    content |= {
        "seconds": watch.report(),
        "interactions_per_second": result.interactions_per_second,
        "parameters": result.parameters,
        "score_ms": milliseconds,
        "chosen": chosen,
        "seed": options.seed,
    }
    report.write_report(options.out, content)


def folds_of(data: DataFolder, options: Options) -> NDArray[np.int64]:
    """Fold of each learner. Raises BadDataError where a learner is in two."""
    fold = data.fold if data.fold is not None else learner_folds(data.log, options.seed)
    first = fold[data.log.offsets[:-1]]
    mixed = np.flatnonzero(fold != np.repeat(first, np.diff(data.log.offsets)))
    if len(mixed):
        raise BadDataError(
            f"{options.data}: interactions row {mixed[0] + 1}: column fold: a learner is in two folds"
        )
    return first


def _success_ms(
    head: SuccessModel,
    catalogue: Catalogue,
    log: EventLog,
    learners: NDArray[np.integer],
    device: torch.device,
) -> dict[str, float]:
    """Milliseconds for 200 candidates after each learner's whole history."""
    text = None if catalogue.text is None else torch.from_numpy(catalogue.text).to(device)
    rng = np.random.default_rng(0)

    def of(count: int) -> float:
        histories = log.of(np.resize(learners, count))
        wanted = rng.integers(1, catalogue.rows, (count, CANDIDATES))

        return median_ms(
            lambda: predict_success(head, histories, wanted, text), repeats=5 if count == 1 else 1
        )

    return {"1": of(1), "256": of(256)}
