"""Attention gone wrong: who notices it, what repairing it is worth, and what looking costs."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from recommender.core import attention_faults as faults
from recommender.core import metrics
from recommender.core.attention_statistics import MIN_EVENTS, how_usual
from recommender.core.calibration import REPAIRS, Calibration, Treatment, Watcher
from recommender.core.calibration_fit import Fitted, area_of, fit_calibration, sample
from recommender.core.evaluation import Cases, exclude
from recommender.core.events import EventLog
from recommender.core.features import make_batch
from recommender.core.markdown import figure, table
from recommender.core.mixture import FLOOR
from recommender.core.protocols import given
from recommender.core.serving import BoundRecommender, Watch
from recommender.core.studies.workbench import Workbench

FOLDS = 3
"""Each learner is judged by references that were fitted on the others."""
CASES = 2000
AT_ONCE = 64
UNSHOWN = ", never shown it"
HEALTHY = "none"
SHIPPED, ALONE = "as shipped", "attention alone"
Values = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Fold:
    """Learners, as rows of the cases, and a reference fitted on the others."""

    rows: NDArray[np.int64]
    fitted: Fitted


def run(bench: Workbench) -> str:
    """Three tables: detection, repair, cost."""
    log, protocol = bench.data.log, given(bench.data)
    bound = bench.one(log, protocol)
    seed = bench.seeds[0]
    able = protocol.test.take(np.flatnonzero(protocol.test.end >= MIN_EVENTS))
    cases = able.sample(CASES, seed)
    first = log.offsets[cases.learner]
    history = log.between(first, first + cases.end)
    place = np.random.default_rng(seed).permutation(len(cases)) % FOLDS
    folds = []
    for number in range(FOLDS):
        bench.bar.stage(f"reference {number + 1} of {FOLDS}")
        others = np.flatnonzero(place != number)
        folds.append(
            Fold(
                np.flatnonzero(place == number), fit_calibration(bound, history, others, seed=seed)
            )
        )
    bench.bar.stage("detection")
    kept = folds[0].fitted.kept
    parts = [
        f"{len(cases)} learners with {MIN_EVENTS} events or more; kept: {kept.kept}.\n",
        _detection(bound, history, folds, seed),
        _repair(bench, bound, history, cases, protocol.candidates, folds, seed),
        _cost(bound, history, kept),
    ]
    return "\n".join(parts)


def _detection(bound: BoundRecommender, history: EventLog, folds: list[Fold], seed: int) -> str:
    """Area under ROC / detected at the threshold for 1% false alarms, means over folds."""
    found: dict[tuple[str, str, str], list[tuple[float, float]]] = defaultdict(list)
    alarms: dict[str, list[float]] = defaultdict(list)
    for fold in folds:
        judges = dict(fold.fitted.detectors)
        for level, severity in enumerate(faults.SEVERITIES):
            told = sample(
                bound, history, fold.rows, moments=1, severity=float(level), seed=seed + 9
            )
            for kind, broken in told.broken.items():
                blind = {n + UNSHOWN: by[kind] for n, by in fold.fitted.unshown.items()}
                for name, judge in {**judges, **blind}.items():
                    with torch.no_grad():
                        healthy = judge.score(told.healthy, told.length)
                        score = judge.score(*broken)
                        area = area_of(judge, healthy, *broken)
                    hit = float((score > judge.threshold).float().mean())
                    found[kind, severity, name].append((area, hit))
                    if level == 0 and kind == faults.FAULTS[0]:
                        alarms[name].append(float((healthy > judge.threshold).float().mean()))
    names = list(alarms)
    rows = [["none: false alarms", "", *(figure(float(np.mean(alarms[n]))) for n in names)]]
    for kind in faults.FAULTS:
        for severity in faults.SEVERITIES:
            cells = [np.mean(found[kind, severity, name], axis=0) for name in names]
            rows.append([kind, severity, *(f"{area:.3f} / {hit:.2f}" for area, hit in cells)])
    return table(["fault", "severity", *names], rows)


def _repair(  # noqa: PLR0917 - what is repaired
    bench: Workbench,
    bound: BoundRecommender,
    history: EventLog,
    cases: Cases,
    candidates: torch.Tensor,
    folds: list[Fold],
    seed: int,
) -> str:
    """NDCG@10 of faulty learners, unrepaired and with those repaired whom the detector finds."""
    usual = how_usual(bound)

    def measured(
        log: EventLog, fault: tuple[str, float] | None, how: str | None, always: bool = False
    ) -> tuple[Values, NDArray[np.bool_]]:
        values = {name: np.zeros(len(cases)) for name in (SHIPPED, ALONE)}
        flagged = np.zeros(len(cases), dtype=bool)
        for fold in folds:
            judge = fold.fitted.kept
            threshold = judge.threshold.clone()
            if always:
                judge.threshold.fill_(-torch.inf)
            part = log.of(fold.rows)
            treat = partial(_treat_all, how, part.learners)
            watcher = Watcher(judge, bound, part.learners, treat=treat, usual=usual)
            watch = watcher if fault is None else faults.breaking(watcher, fault, seed)
            scores = _ranked(bench, bound, part, cases.take(fold.rows), candidates, watch)
            for name, found in scores.items():
                values[name][fold.rows] = found
            flagged[fold.rows] = watcher.anomalous
            judge.threshold.copy_(threshold)
        return values, flagged

    clean, _ = measured(history, None, None)
    rows: dict[str, list[list[str]]] = {SHIPPED: [], ALONE: []}

    def tell(
        name: str, base: Values, against: Values, repaired: list[Values], share: float
    ) -> None:
        for part, lines in rows.items():
            gains = [fixed[part] - base[part] for fixed in repaired]
            lines.append(
                [name, f"{share:.2f}", figure(float(base[part].mean()))]
                + [figure(metrics.mean_interval(base[part] - against[part], seed), sign=True)]
                + [figure(metrics.mean_interval(gain, seed), sign=True) for gain in gains]
            )

    everybody = [measured(history, None, how, always=True)[0] for how in REPAIRS]
    tell("none, everybody repaired", clean, clean, everybody, 1.0)
    for kind in faults.FAULTS:
        for level in (1, 2):
            bench.bar.stage(f"repair {kind}")
            log = history
            fault: tuple[str, float] | None = (kind, float(level))
            if kind == faults.FLOODED:
                fault = None
                rng = np.random.default_rng(seed)
                window = bound.model.config.length
                log = faults.flood(history, float(level), bound.catalogue.rows, window, rng)
            base, flagged = measured(log, fault, None)
            fixed = [measured(log, fault, how)[0] for how in REPAIRS]
            name = f"{kind}, {faults.SEVERITIES[level]}"
            tell(name, base, clean, fixed, float(flagged.mean()))
    head = [
        "fault",
        "found",
        "NDCG@10",
        "minus healthy",
        *(f"{how} minus faulty" for how in REPAIRS),
    ]
    return "\n".join(f"{part}:\n\n{table(head, lines)}" for part, lines in rows.items())


@torch.inference_mode()
def _ranked(  # noqa: PLR0917 - one measurement
    bench: Workbench,
    bound: BoundRecommender,
    history: EventLog,
    cases: Cases,
    candidates: torch.Tensor,
    watch: Watch,
) -> Values:
    """NDCG@10 of each case, by the mixture and by its attention part."""
    found: dict[str, list[NDArray[np.float64]]] = {SHIPPED: [], ALONE: []}
    for start in range(0, len(cases), AT_ONCE):
        rows = slice(start, min(start + AT_ONCE, len(cases)))
        who = np.arange(rows.start, rows.stop)
        batch = make_batch(history, who, None, bound.model.config.length).to(bound.device)
        probability = bound.attention_score(replace(batch, adjust=watch(rows, batch)))
        direct = bound.linear_score(batch, bound.mixture.decay)
        mixed = bound.mixture.combine(probability, direct)
        part = cases.take(who)
        for name, scores in ((SHIPPED, mixed), (ALONE, probability.clamp(min=FLOOR * FLOOR))):
            open_ = exclude(scores.cpu(), bench.data.log, part, candidates)
            ranks = metrics.ranks(open_, torch.from_numpy(part.target))
            found[name].append(metrics.ndcg(ranks.double().numpy()))
    return {name: np.concatenate(values) for name, values in found.items()}


def _treat_all(how: str | None, learners: int) -> Treatment | None:
    return None if how is None else Treatment(how, np.ones(learners, dtype=bool))


def _cost(bound: BoundRecommender, history: EventLog, kept: Calibration) -> str:
    """Processor time of scoring 256 learners, plain, watched, and with every one of them repaired."""
    few = history.of(np.arange(min(256, history.learners)))
    usual = how_usual(bound)

    def watched(how: str | None) -> Callable[[], object]:
        def call() -> object:
            treat = partial(_treat_all, how, few.learners)
            watcher = Watcher(kept, bound, few.learners, treat=treat, usual=usual)
            return bound.score(few, now=np.inf, watch=watcher)

        return call

    threshold = kept.threshold.clone()
    calls: dict[str, Callable[[], object]] = {
        "scoring": lambda: bound.score(few, now=np.inf),
        "with statistics and detector": watched(None),
        **{f"and {how} for all": watched(how) for how in REPAIRS},
    }
    spent: dict[str, list[float]] = defaultdict(list)
    for turn in range(8):
        for name, call in calls.items():
            kept.threshold.copy_(
                torch.tensor(-torch.inf) if name.endswith("for all") else threshold
            )
            start = time.process_time()
            call()
            if turn:  # the first one warms up
                spent[name].append(1000 * (time.process_time() - start))
    kept.threshold.copy_(threshold)
    plain = float(np.median(spent["scoring"]))
    rows = [
        [name, f"{np.median(found):.0f} ms", f"{1 - plain / np.median(found):.1%}"]
        for name, found in spent.items()
    ]
    return table([f"{few.learners} learners, processor time", "median of 7", "share"], rows)
