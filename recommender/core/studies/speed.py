"""What scoring costs: catalogues of three sizes, one more event, many answers."""

from __future__ import annotations

import copy
import time

import numpy as np
import torch

from recommender.core.catalogue import Catalogue
from recommender.core.events import ANSWERED, RIGHT, WRONG, EventLog
from recommender.core.live import Event, LiveLearner
from recommender.core.markdown import table
from recommender.core.measure_common import median_ms
from recommender.core.protocols import given
from recommender.core.serving import BoundRecommender
from recommender.core.shortlist import EXACT_ROWS, Nearest
from recommender.core.studies.workbench import Workbench

SIZES = (8_000, 100_000, 1_000_000)
MANY, FEW = 256, 4
"""Learners at once; over a million items exact scoring is timed for a few of them."""
CELLS = 1 << 26
"""Scores that are held at once."""
ENTRIES = 50_000_000
"""Of the linear part over an enlarged catalogue; its rows are cut where there would be more."""
ANSWERS, EXERCISES = 10_000, 200


def run(bench: Workbench) -> str:
    """Three tables, from a version trained on the folder; larger catalogues are made from its own."""
    protocol = given(bench.data)
    bound, _ = bench.fit(bench.data.log, protocol, answers=bench.data.answered)
    who = np.resize(np.unique(protocol.test.learner), MANY)
    log = bench.data.log.of(who)
    rows = []
    for size in (bound.catalogue.rows, *SIZES):
        bench.bar.stage(f"{size:,} items")
        rows += _sized(enlarge(bound, size), log)
    head = ["items", "path", "1 learner, ms", f"{MANY} learners, ms", "recall@100", "index, s"]
    return "\n".join(
        [
            f"Top 100 of the catalogue; exact up to {EXACT_ROWS:,} items, beyond through the index:\n",
            table(head, rows),
            _one_more(bound, log),
            _answers(bound),
        ]
    )


def enlarge(bound: BoundRecommender, size: int) -> BoundRecommender:
    """The same version over copies of its items, moved a little, each with neighbours of its own."""
    if size <= bound.catalogue.rows:
        return bound
    random = torch.Generator().manual_seed(0)
    count = bound.catalogue.rows - 1
    base = torch.arange(size - 1) % count + 1
    shift = bound.vectors[1:].std(0) * 0.3 * torch.randn(size - 1, 64, generator=random)
    large = copy.copy(bound)
    large.vectors = torch.cat([bound.vectors[:1], bound.vectors[base] + shift])
    large.met = torch.cat([bound.met[:1], bound.met[base]])
    large.bias = None if bound.bias is None else torch.cat([bound.bias[:1], bound.bias[base]])
    copies = (size - 1) // count
    kept = min(bound.index.shape[1], max(1, ENTRIES // size))
    largest = bound.value.abs().topk(kept, dim=1).indices
    columns, values = bound.index.gather(1, largest), bound.value.gather(1, largest)
    drawn = torch.randint(0, copies, (size - 1, kept), generator=random, dtype=torch.int32)
    moved = torch.where(columns[base] > 0, columns[base] + drawn * count, 0)
    index, order = moved.sort(dim=1)
    large.index = torch.cat([columns[:1], index])
    large.value = torch.cat([values[:1], values[base].gather(1, order)])
    large.catalogue = Catalogue(
        keys=tuple(map(str, range(1, size))),
        text=None,
        concepts=((),) * size,
        concept_keys=(),
        gradable=np.zeros(size, dtype=bool),
        encoder="",
    )
    return large


def _sized(bound: BoundRecommender, log: EventLog) -> list[list[str]]:
    size = bound.catalogue.rows
    few = MANY if size * MANY <= CELLS else FEW
    part = log.of(np.arange(few))
    exact, indexed = copy.copy(bound), copy.copy(bound)
    exact.nearest = None
    began = time.perf_counter()
    indexed.nearest = Nearest(bound.vectors, bound.met)
    built = time.perf_counter() - began
    one = log.of(np.array([0]))
    truth, _ = exact.best(part, 100, now=np.inf)
    found, _ = indexed.best(part, 100, now=np.inf)
    recall = np.mean([len(np.intersect1d(a, b)) / 100 for a, b in zip(truth, found, strict=True)])
    note = "" if few == MANY else f" (computed from {few})"
    return [
        [
            f"{size:,}",
            "exact",
            f"{median_ms(lambda: exact.best(one, 100, now=np.inf), 3):.1f}",
            f"{median_ms(lambda: exact.best(part, 100, now=np.inf), 1) * MANY / few:,.0f}{note}",
            "1",
            "",
        ],
        [
            "",
            "index",
            f"{median_ms(lambda: indexed.best(one, 100, now=np.inf)):.1f}",
            f"{median_ms(lambda: indexed.best(log, 100, now=np.inf), 1):,.0f}",
            f"{recall:.4f}",
            f"{built:.1f}",
        ],
    ]


def _one_more(bound: BoundRecommender, log: EventLog) -> str:
    """Appending one event to a cached state, beside computing the state again."""
    who = int(np.argmax(np.diff(log.offsets)))
    history = log.of(np.array([who]))
    length = bound.model.config.length
    # A window that still grows: with several blocks one that moves is computed anew.
    short = history.between(np.array([0]), np.array([max(1, min(len(history), length - 9))]))
    began = LiveLearner.of(bound, short)
    fresh = iter(np.setdiff1d(np.arange(1, bound.catalogue.rows), short.item).tolist())
    again = median_ms(lambda: bound.score(short, now=np.inf), 21)
    live = median_ms(lambda: began.append(Event(next(fresh), int(history.behaviour[0]))))
    scored = median_ms(began.affinity, 21)
    return f"One event more after {len(short)}, for one learner:\n\n" + table(
        ["", "ms"],
        [
            ["affinities from the history", f"{again:.2f}"],
            ["appending to the cached state", f"{live:.2f}"],
            ["affinities from the cached state", f"{scored:.2f}"],
        ],
    )


def _answers(bound: BoundRecommender) -> str:
    """Predicting success after many answers, from the history and from running counts."""
    if bound.success is None:
        return "The folder has no answers, so that no success is predicted.\n"
    rng = np.random.default_rng(0)
    gradable = np.flatnonzero(bound.catalogue.gradable)
    log = EventLog.from_columns(
        np.array([0, ANSWERS]),
        item=rng.choice(gradable, ANSWERS),
        behaviour=np.full(ANSWERS, ANSWERED),
        outcome=rng.choice([RIGHT, WRONG], ANSWERS),
    )
    wanted = rng.choice(gradable, EXERCISES)
    live = LiveLearner.of(bound, log)
    event = Event(int(wanted[0]), ANSWERED, RIGHT)
    whole = median_ms(lambda: bound.predict_success(log, wanted[None], now=np.inf))
    return f"{EXERCISES} exercises after {ANSWERS:,} answers, for one learner:\n\n" + table(
        ["", "ms"],
        [
            ["P(correct) from the history", f"{whole:.1f}"],
            [
                "P(correct) from running counts",
                f"{median_ms(lambda: live.predict_success(wanted)):.1f}",
            ],
            ["taking in one more answer", f"{median_ms(lambda: live.append(event), 21):.2f}"],
        ],
    )
