"""``next-item``: full-ranking quality of the next item, beside the baselines."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recommender.core import metrics, report
from recommender.core.baselines import NextItemBaselines
from recommender.core.config import TrainConfig
from recommender.core.device import pick
from recommender.core.errors import BadDataError
from recommender.core.evaluation import Cases, cases_at, per_learner, rank_cases
from recommender.core.events import EventLog
from recommender.core.features import is_answer, select_events
from recommender.core.measure_common import (
    Options,
    encode_texts,
    last_two,
    left,
    median_ms,
    progress_bar,
    version_folder,
)
from recommender.core.readers import TEST, TRAIN, VALID, DataFolder, read_folder
from recommender.core.scoring import scorer
from recommender.core.serving import BoundRecommender, Recommender
from recommender.core.split import Split
from recommender.core.training import train


def measure_next_item(options: Options) -> None:
    """Full-ranking quality of the next item, beside the baselines."""
    watch = report.Stopwatch()
    device = pick(options.device)
    with progress_bar() as bar:
        data = read_folder(options.data)
        part = data.part if data.part is not None else last_two(data.log)
        rows = len(data.items) + 1
        training = part == TRAIN
        test = cases_at(data.log, np.flatnonzero(part == TEST))
        if not training.any():
            raise BadDataError(f"{options.data}: column part: no row is train")
        if not len(test):
            raise BadDataError(f"{options.data}: column part: no row is test")
        met = np.bincount(np.asarray(data.log.item)[training], minlength=rows) > 0
        met[0] = False
        candidates = torch.from_numpy(met)
        valid = cases_at(data.log, np.flatnonzero(part == VALID))
        chosen: dict[str, Any] = {"split": "given" if data.part is not None else "last two rows"}
        with watch.stage("encode"):
            catalogue, chosen["text"] = encode_texts(data, options.minutes, bar)
        theirs, settings = {}, {}
        with watch.stage("baselines"):
            fitted = NextItemBaselines(
                log=data.log,
                train=training,
                rows=rows,
                texts=data.described,
                valid=valid.sample(5000, options.seed),
                candidates=candidates,
                seconds=0.1 * options.minutes * 60,
            )
            limit = options.minutes * 60 * 0.35 + watch.total
            for found in fitted.fit(bar.stage, lambda: limit - watch.total):
                ranks = rank_cases(found.score, data.log, test, candidates)
                theirs[found.name], settings[found.name] = _by_learner(ranks, test), found.settings
        chosen["baselines"] = settings
        with watch.stage("train"), version_folder(options.save) as folder:
            config = TrainConfig(minutes=left(options, watch), seed=options.seed)
            result = train(
                data.log,
                catalogue,
                config=config,
                out=folder,
                checkpoint=None,
                start_from=None,
                on_progress=bar.training,
                should_stop=lambda: False,
                device=str(device),
                split=given_split(data, training, valid, with_answers=options.save is not None),
            )
            bound = Recommender.load(folder, device=str(device)).bind(catalogue)
        with watch.stage("evaluate"):
            bar.stage("evaluate")
            ranks = rank_cases(scorer(bound, data.log), data.log, test, candidates)
            ours = _by_learner(ranks, test)
            milliseconds = _score_ms(bound, data.log, test)
            content: dict[str, Any] = {
                "task": "next-item",
                "data": data.name,
                "metrics": report.ranking_report(ours, options.seed),
                "baselines": {
                    name: {
                        "metrics": report.ranking_report(values, options.seed),
                        "diff": report.ranking_diff(ours, values, options.seed),
                    }
                    for name, values in theirs.items()
                },
            }
        chosen |= {**result.chosen, "validation": result.metrics}
    content |= {
        "seconds": watch.report(),
        "interactions_per_second": result.interactions_per_second,
        "parameters": result.parameters,
        "score_ms": milliseconds,
        "chosen": chosen,
        "seed": options.seed,
    }
    report.write_report(options.out, content)


def given_split(
    data: DataFolder, training: NDArray[np.bool_], valid: Cases, *, with_answers: bool
) -> Split:
    """Learn from the train rows, validate on the valid rows.

    Answers come from train rows too; without them no success head is trained.
    """
    learn = select_events(data.log, training)
    answers = select_events(learn, is_answer(learn) & with_answers)
    having = np.flatnonzero(np.diff(answers.offsets) > 0)
    held = having[::5] if len(having) >= 10 else having[:0]
    return Split(
        train=learn,
        valid_log=data.log,
        valid=valid,
        answers=answers,
        success_train=np.setdiff1d(having, held),
        success_valid=held,
    )


def _by_learner(ranks: NDArray[np.float64], cases: Cases) -> dict[str, NDArray[np.float64]]:
    return {
        "ndcg@10": per_learner(metrics.ndcg(ranks), cases.learner),
        "hr@10": per_learner(metrics.hit(ranks), cases.learner),
    }


def _score_ms(bound: BoundRecommender, log: EventLog, test: Cases) -> dict[str, float]:
    """Milliseconds from histories to the top ten of the whole catalogue."""

    def top(count: int) -> float:
        who = np.resize(np.unique(test.learner), count)
        histories = log.of(who)
        return median_ms(
            lambda: torch.from_numpy(bound.score(histories, now=np.inf).affinity).topk(
                min(10, bound.catalogue.rows)
            )
        )

    return {"1": top(1), "256": top(256)}
