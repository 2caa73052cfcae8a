"""Quality when the rows that are learned from are noisy; test targets stay as they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from recommender.core import report
from recommender.core.evaluation import cases_at
from recommender.core.events import EventLog
from recommender.core.markdown import figure, table
from recommender.core.protocols import Protocol, given
from recommender.core.scoring import scorer
from recommender.core.studies.workbench import NDCG, Workbench, measure

SHARE = 0.1
PAUSE = 1800.0
"""Seconds without an event that end a session."""
RUN = 5
"""Events of a session where the source knows no times."""
FLOOD = 100_000

TRAIN, VALID, TEST, NEITHER = range(4)


class Rows:
    """Events on their way to a new log: each comes from a row of the old one."""

    def __init__(self, log: EventLog, part: NDArray[np.int64]) -> None:
        self.log = log
        self.source = np.arange(len(log))
        self.owner = log.learner_of_event()
        self.key = np.arange(len(log), dtype=np.float64)  # sorts the events of a learner
        self.time = np.asarray(log.time).copy()
        self.part = part

    def add(
        self,
        source: NDArray[np.int64],
        owner: NDArray[np.int64],
        key: NDArray[np.float64],
        time: NDArray[np.float64],
    ) -> None:
        """More training events, copies of the rows `source` at other places."""
        self.source = np.concatenate([self.source, source])
        self.owner = np.concatenate([self.owner, owner])
        self.key = np.concatenate([self.key, key])
        self.time = np.concatenate([self.time, time])
        self.part = np.concatenate([self.part, np.full(len(source), TRAIN)])

    def keep(self, rows: NDArray[np.bool_]) -> None:
        for name in ("source", "owner", "key", "time", "part"):
            setattr(self, name, getattr(self, name)[rows])

    def build(self, candidates: Protocol) -> tuple[EventLog, Protocol]:
        order = np.lexsort((self.key, self.owner))
        source, part = self.source[order], self.part[order]
        counts = np.bincount(self.owner, minlength=self.log.learners)
        log = EventLog.from_columns(
            np.concatenate([[0], np.cumsum(counts)]),
            item=self.log.item[source],
            behaviour=self.log.behaviour[source],
            outcome=self.log.outcome[source],
            time=self.time[order],
        )
        protocol = Protocol(
            part == TRAIN,
            cases_at(log, np.flatnonzero(part == VALID)),
            cases_at(log, np.flatnonzero(part == TEST)),
            candidates.candidates,
            {},
        )
        return log, protocol


def inject(rows: Rows, rng: np.random.Generator) -> None:
    """Another tenth of events, of random items, each right after a random training event."""
    training = np.flatnonzero(rows.part == TRAIN)
    after = rng.choice(training, int(SHARE * len(training)))
    items, first = np.unique(rows.log.item, return_index=True)
    rows.add(
        rng.choice(first[items > 0], len(after)), rows.owner[after], after + 0.5, rows.time[after]
    )


def drop(rows: Rows, rng: np.random.Generator) -> None:
    """A tenth of the training events is missing."""
    rows.keep((rows.part != TRAIN) | (rng.random(len(rows.part)) >= SHARE))


def duplicate(rows: Rows, rng: np.random.Generator) -> None:
    """Every session of training events is there twice, one after the other."""
    training = np.flatnonzero(rows.part == TRAIN)
    owner, time = rows.owner[training], rows.time[training]
    new = np.ones(len(training), dtype=bool)
    gap = np.diff(time) > PAUSE if np.isfinite(time).all() else np.arange(1, len(time)) % RUN == 0
    new[1:] = (owner[1:] != owner[:-1]) | gap
    ends = np.append(np.flatnonzero(new)[1:], len(training)) - 1
    last = training[ends[np.cumsum(new) - 1]]
    within = (np.arange(len(training)) + 1) / (len(training) + 1)
    rows.add(training, owner, last + within, rows.time[last])


def shuffle(rows: Rows, rng: np.random.Generator) -> None:
    """Training events of a learner within the same minute come in random order."""
    training = rows.part == TRAIN
    minute = np.floor(rows.time / 60)
    # Rows are in order: a learner's events of one minute stand together.
    new = np.ones(len(minute), dtype=bool)
    new[1:] = (minute[1:] != minute[:-1]) | (np.diff(rows.owner) > 0) | ~training[1:]
    rows.key = np.cumsum(new) + np.where(training, rng.random(len(minute)) * 0.9, 0.95)


def flood(rows: Rows, rng: np.random.Generator) -> None:
    """The first learner has 100,000 more events, of random items, before all others."""
    items, first = np.unique(rows.log.item, return_index=True)
    source = rng.choice(first[items > 0], FLOOD)
    rows.add(
        source, np.zeros(FLOOD, dtype=np.int64), np.linspace(-1, 0, FLOOD, endpoint=False),
        np.full(FLOOD, rows.time[0]),
    )  # fmt: skip


NOISE: dict[str, Callable[[Rows, np.random.Generator], None]] = {
    "as it is": lambda _rows, _rng: None,
    "10% random events injected": inject,
    "10% dropped": drop,
    "sessions duplicated": duplicate,
    "shuffled within a minute": shuffle,
    "one learner with 100,000 events": flood,
}


def run(bench: Workbench) -> str:
    """Attune and the strongest linear baseline, each trained on the noisy rows."""
    whole = given(bench.data)
    log = bench.data.log
    part = np.where(whole.training, TRAIN, NEITHER)
    part[log.offsets[whole.valid.learner] + whole.valid.end] = VALID
    part[log.offsets[whole.test.learner] + whole.test.end] = TEST
    rows, clean = [], None
    for name, disturb in NOISE.items():
        if disturb is shuffle and not bench.data.timed:
            continue
        events = Rows(log, part)
        disturb(events, np.random.default_rng(bench.seeds[0]))
        noisy, protocol = events.build(whole)
        weights = bench.weights(noisy, protocol)
        bound, _ = bench.fit(noisy, protocol, weights=weights)
        ours = measure(scorer(bound, noisy), noisy, protocol.test, protocol.candidates)
        clean = clean or ours
        strong = bench.baselines(noisy, protocol, ["ease_recency"], weights)
        theirs = [measure(b.score, noisy, protocol.test, protocol.candidates) for b in strong]
        row = [name, figure(report.ranking_report(ours, 0)[NDCG])]
        row.append(figure(report.ranking_diff(ours, clean, 0)[NDCG], sign=True))
        row += [figure(float(found[NDCG].mean())) for found in theirs] or ["–"]
        row += [figure(report.ranking_diff(ours, f, 0)[NDCG], sign=True) for f in theirs] or ["–"]
        rows.append(row)
    head = [
        "training rows",
        f"Attune, {NDCG}",
        "minus clean",
        "EASE with recency",
        "Attune minus it",
    ]
    return table(head, rows)
