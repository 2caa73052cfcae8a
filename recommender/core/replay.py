"""Replay of feedback: what re-weighting would have changed for learners after a moment.

Everything is learned from rows before the moment T. Each row after it that its learner found helpful is
a case: her earlier rows (strictly smaller time) are the context, and the ratings among them are her
ledger. Ratings of the highest quarter of the range count as helpful, of the lowest two fifths as not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recommender.core import taste
from recommender.core.errors import BadDataError
from recommender.core.evaluation import Cases
from recommender.core.events import EventLog
from recommender.core.features import first_meeting, select_events
from recommender.core.readers import TRAIN, DataFolder, rating_outcome
from recommender.core.reweighting import Reweighting
from recommender.core.split import Split

QUANTILE = 0.8
"""Of time: where rows to learn from end and cases begin."""
HELPFUL, NOT_HELPFUL = 0.75, 0.4
"""Parts of the range of ratings from which on, and up to which, feedback is taken to be so."""
VALID_CASES = 1500


@dataclass(frozen=True)
class Replay:
    """A moment with what was known before it and what is asked after it."""

    log: EventLog  # ratings as outcomes, cut at terciles of what was known
    moment: float  # T, unix seconds
    known: NDArray[np.bool_]  # [E] before T
    signal: NDArray[np.int8]  # [E] 1 helpful, -1 not helpful, 0 neither
    context: NDArray[np.int64]  # [E] events of the learner with strictly smaller time
    surprise: NDArray[np.float64]  # [E] y - p of each rating
    cases: Cases
    row: NDArray[np.int64]  # [C] the event that each case is about
    candidates: Tensor  # bool [V] items seen before T

    def some(self, count: int, seed: int) -> Replay:
        """About `count` cases at most: fewer of each learner, and fewer learners only if need be."""
        who, place, of_each = np.unique(self.cases.learner, return_inverse=True, return_counts=True)
        if len(self.cases) <= count:
            return self
        rng = np.random.default_rng(seed)
        order = np.lexsort((rng.random(len(place)), place))
        turn = np.empty(len(order), dtype=np.int64)  # of a case among those of its learner
        turn[order] = np.arange(len(order)) - np.repeat(np.cumsum(of_each) - of_each, of_each)
        most = 1
        while np.minimum(of_each, most + 1).sum() <= count:
            most += 1
        keep = turn < most
        if len(who) > count:
            keep &= np.isin(place, rng.choice(len(who), count, replace=False))
        return self.take(np.flatnonzero(keep))

    def take(self, rows: NDArray[np.integer]) -> Replay:
        """Some of the cases."""
        return replace(self, cases=self.cases.take(rows), row=self.row[rows])


def signals(rating: NDArray[np.float64]) -> NDArray[np.int8]:
    """[E] 1 helpful, -1 not helpful, 0 neither, by the range of the ratings."""
    lowest, span = float(rating.min()), float(np.ptp(rating))
    found = np.zeros(len(rating), dtype=np.int8)
    if span > 0:
        found[rating <= lowest + NOT_HELPFUL * span] = -1
        found[rating >= lowest + HELPFUL * span] = 1
    return found


def moment_of(time: NDArray[np.floating]) -> float:
    """T of these times."""
    return float(np.quantile(time, QUANTILE))


def replay_at(data: DataFolder, moment: float, until: float = np.inf) -> Replay:
    """Learn before `moment`, ask about helpful rows from there on and before `until`.

    The rows of each learner must rise in time (`in_time`). Raises BadDataError without ratings.
    """
    if data.rating is None:
        raise BadDataError(f"{data.path}: column rating is missing")
    log, rating = data.log, data.rating
    time, item = np.asarray(log.time), np.asarray(log.item, dtype=np.int64)
    known = time < moment
    outcome = rating_outcome(rating, np.where(known, TRAIN, TRAIN + 1).astype(np.uint8))
    log = replace(log, outcome=outcome)
    signal, context = signals(rating), earlier(log)
    helpful = (rating - rating.min()) / max(float(np.ptp(rating)), 1e-9)
    rows = len(data.items) + 1
    usual = taste.usual(item[known], helpful[known], rows)
    asked = np.flatnonzero((time >= moment) & (time < until) & (signal > 0))
    met = np.bincount(item[known], minlength=rows) > 0
    met[0] = False
    return Replay(
        log=log,
        moment=moment,
        known=known,
        signal=signal,
        context=context,
        surprise=surprises(log, helpful, usual, context),
        cases=_cases(log, asked, context),
        row=asked,
        candidates=torch.from_numpy(met),
    )


def _cases(log: EventLog, rows: NDArray[np.int64], context: NDArray[np.int64]) -> Cases:
    learner = np.searchsorted(log.offsets, rows, side="right") - 1
    return Cases(learner, context[rows], np.asarray(log.item[rows], dtype=np.int64))


def in_time(data: DataFolder) -> DataFolder:
    """The same folder with each learner's rows in the order of their times."""
    log = data.log
    order = np.lexsort((np.arange(len(log)), np.asarray(log.time), log.learner_of_event()))
    columns = {name: part[order] for name, part in vars(log).items() if name != "offsets"}
    rating = None if data.rating is None else data.rating[order]
    return replace(data, log=EventLog.from_columns(log.offsets, **columns), rating=rating)


def earlier(log: EventLog) -> NDArray[np.int64]:
    """[E] how many events of the learner have a strictly smaller time: equal times are one batch."""
    learner, time = log.learner_of_event(), np.asarray(log.time)
    opens = np.ones(len(log), dtype=bool)
    opens[1:] = (learner[1:] != learner[:-1]) | (time[1:] != time[:-1])
    start = np.maximum.accumulate(np.where(opens, np.arange(len(log)), 0))
    return np.asarray(start - log.offsets[learner])


def surprises(
    log: EventLog,
    helpful: NDArray[np.float64],
    usual: NDArray[np.float64],
    context: NDArray[np.int64],
) -> NDArray[np.float64]:
    """[E] y − p of each rating: p from its item and from what the learner had said before it."""
    plain = usual[np.asarray(log.item)]
    surplus = np.concatenate([[0.0], np.cumsum(helpful - plain)])
    first = log.offsets[log.learner_of_event()]
    so_far = surplus[first + context] - surplus[first]
    return helpful - taste.expected(plain, context, so_far)


def split_before(replay: Replay, seed: int) -> Split:
    """Learn towards helpful items; a tenth of the learners is held out, as new ones come after T."""
    log, rng = replay.log, np.random.default_rng(seed)
    learner = log.learner_of_event()
    those = np.unique(learner[replay.known])
    held = np.zeros(log.learners, dtype=bool)
    held[rng.choice(those, len(those) // 10, replace=False)] = True
    asked = replay.known & held[learner] & (replay.signal > 0) & first_meeting(log)
    asked &= replay.context > 0
    learn = replay.known & ~held[learner]
    nobody = np.zeros(0, dtype=np.int64)
    return Split(
        train=select_events(log, learn),
        valid_log=log,
        valid=_cases(log, np.flatnonzero(asked), replay.context).sample(VALID_CASES, seed),
        answers=select_events(log, np.zeros(len(log), dtype=bool)),
        success_train=nobody,
        success_valid=nobody,
        targets=(replay.signal > 0)[learn],
    )


def taste_before(replay: Replay) -> tuple[Tensor, Tensor]:
    """How alike feedback on items was before T, as `taste.similarity` gives it."""
    said = np.flatnonzero(replay.known)
    return taste.similarity(
        replay.log.learner_of_event()[said],
        np.asarray(replay.log.item, dtype=np.int64)[said],
        replay.surprise[said],
        replay.log.learners,
        len(replay.candidates),
    )


def strengths(
    replay: Replay, config: Reweighting, shuffle: int | None = None
) -> NDArray[np.float64]:
    """[E] ε of each rating.

    For a placebo, `shuffle` is the seed by which each learner's strengths, with their signs, are dealt
    out anew among what she rated: as much praise and blame as before, but of other items.
    """
    kind = np.array([config.strength(name) for name in ("rated_low", "rated_mid", "rated_high")])
    found: NDArray[np.float64] = kind[replay.signal + 1] * replay.surprise
    if shuffle is None:
        return found
    dice = np.random.default_rng(shuffle).random(len(found))
    return found[np.lexsort((dice, replay.log.learner_of_event()))]
