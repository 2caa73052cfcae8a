"""Slip, guess and learning from real answers: Bayesian knowledge tracing (Corbett & Anderson, 1995), fitted by EM.

A concept is known or not. Known, an answer is wrong with probability slip; not known, right with probability guess; after
each answer it becomes known with probability learn. That is the simulator's practice without difficulty, readiness and
forgetting: `response.slip`, `response.guess`, `learning.right` and `learning.wrong`, `learning.start`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.core.errors import BadDataError
from recommender.core.events import RIGHT
from recommender.core.progress import OnStep, say_nothing
from recommender.core.readers import DataFolder, read_folder

Floats = NDArray[np.float64]
LONGEST = 25
"""Answers of one learner on one concept that are read; later ones say little of learning."""
ROUNDS = 40
GUESS_AT_MOST, SLIP_AT_MOST = 0.5, 0.4
"""Beyond these knowing and not knowing would change their names (Baker, Corbett & Aleven, 2008)."""
FEWEST = 50
"""Learners of a concept that is fitted by itself."""
OPPORTUNITIES = 10
"""Answers on a concept of which the practice curve is told."""


@dataclass(frozen=True)
class Tracing:
    """Parameters of knowledge tracing."""

    start: float
    learn: float
    slip: float
    guess: float


@dataclass(frozen=True)
class Sequences:
    """Answers [N, T] of one learner on one concept each, padded with -1."""

    right: NDArray[np.int8]
    concept: NDArray[np.int64]  # [N]

    def of(self, keep: NDArray[np.bool_]) -> Sequences:
        return Sequences(self.right[keep], self.concept[keep])


def read_sequences(data: DataFolder, rows: NDArray[np.bool_]) -> Sequences:
    """The chosen answers, in their order, by learner and concept; an answer on two concepts counts for both.

    Raises BadDataError where the folder has no answers or no concepts.
    """
    if not data.answered or not data.concept_keys:
        raise BadDataError(f"{data.path}: needs the columns correct and concept")
    owner = data.log.learner_of_event()
    taught = [np.array(concepts, dtype=np.int64) for concepts in data.concepts]
    width = np.array([len(each) for each in taught])[data.log.item]
    event = np.repeat(np.arange(len(owner)), width)
    concept = np.concatenate([taught[item] for item in data.log.item.tolist()])
    keep = rows[event]
    event, concept = event[keep], concept[keep]
    order = np.lexsort((event, concept, owner[event]))
    event, concept = event[order], concept[order]
    group = owner[event] * (len(data.concept_keys) + 1) + concept
    starts = np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]]))
    place = np.arange(len(event)) - np.repeat(starts, np.diff(np.append(starts, len(event))))
    number = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(event))))
    near = place < LONGEST
    table = np.full((len(starts), LONGEST), -1, dtype=np.int8)
    table[number[near], place[near]] = data.log.outcome[event[near]] == RIGHT
    return Sequences(table, concept[starts])


def fit_tracing(sequences: Sequences, *, rounds: int = ROUNDS) -> Tracing:
    """The most likely parameters, by expectation and maximisation, within the bounds above."""
    found = Tracing(start=0.5, learn=0.1, slip=0.1, guess=0.2)
    for _ in range(rounds):
        found = _improve(sequences.right, found)
    return found


def _improve(right: NDArray[np.int8], old: Tracing) -> Tracing:
    """One round: forward and backward probabilities of being known, then the parameters that fit them."""
    T = right.shape[1]
    real = right >= 0
    emit_known = np.where(right == 1, 1 - old.slip, old.slip)
    emit_not = np.where(right == 1, old.guess, 1 - old.guess)
    emit_known, emit_not = np.where(real, emit_known, 1.0), np.where(real, emit_not, 1.0)
    known = np.zeros(right.shape)  # filtered P(known | answers so far)
    prior = np.full(len(right), old.start)
    for t in range(T):
        top = prior * emit_known[:, t]
        known[:, t] = top / (top + (1 - prior) * emit_not[:, t])
        prior = known[:, t] + (1 - known[:, t]) * old.learn
    smooth = known.copy()  # P(known | all answers)
    learned = unknown = 0.0
    after = np.stack([np.ones(len(right)), np.ones(len(right))])  # likelihood of what follows
    for t in range(T - 2, -1, -1):
        ahead_known = emit_known[:, t + 1] * after[0]
        ahead_not = emit_not[:, t + 1] * after[1]
        from_not = old.learn * ahead_known + (1 - old.learn) * ahead_not
        total = known[:, t] * ahead_known + (1 - known[:, t]) * from_not
        smooth[:, t] = known[:, t] * ahead_known / total
        both = real[:, t] & real[:, t + 1]
        learned += float(((1 - known[:, t]) * old.learn * ahead_known / total)[both].sum())
        unknown += float((1 - smooth[:, t])[both].sum())
        after = np.stack([ahead_known, from_not]) / (ahead_known + from_not)
    is_known, is_not = smooth[real], 1 - smooth[real]
    answer = right[real]
    return Tracing(
        start=float(np.clip(smooth[:, 0].mean(), 0.001, 0.999)),
        learn=float(np.clip(learned / max(unknown, 1e-9), 0.001, 0.999)),
        slip=float(np.clip((is_known * (answer == 0)).sum() / is_known.sum(), 0.001, SLIP_AT_MOST)),
        guess=float(np.clip((is_not * answer).sum() / is_not.sum(), 0.001, GUESS_AT_MOST)),
    )


def describe(right: NDArray[np.integer]) -> dict[str, Any]:
    """What a practice curve looks like: right answers by opportunity, and after a right or a wrong one."""
    real = right >= 0
    by_turn = [
        float(right[real[:, t], t].mean()) if real[:, t].any() else float("nan")
        for t in range(min(OPPORTUNITIES, right.shape[1]))
    ]
    pair = real[:, 1:] & real[:, :-1]
    before, after = right[:, :-1][pair], right[:, 1:][pair]
    return {
        "by_opportunity": by_turn,
        "after_right": float(after[before == 1].mean()),
        "after_wrong": float(after[before == 0].mean()),
        "sequences": len(right),
    }


def fit_folder(folder: Path, *, on_step: OnStep = say_nothing) -> dict[str, Any]:
    """Fit on all folds but the first, and describe the first, which no parameter has seen.

    Returns the pooled parameters, the quartiles of those of the concepts with enough learners, and both descriptions.
    Raises BadDataError.
    """
    data = read_folder(folder)
    held = np.zeros(len(data.log), dtype=bool) if data.fold is None else data.fold == 1
    learned = read_sequences(data, ~held)
    pooled = fit_tracing(learned)
    count = np.bincount(learned.concept)
    large = np.flatnonzero(count >= FEWEST)
    each = []
    for number, concept in enumerate(large.tolist()):
        each.append(list(asdict(fit_tracing(learned.of(learned.concept == concept))).values()))
        on_step(number + 1, len(large))
    quartiles = np.quantile(np.array(each), [0.25, 0.5, 0.75], axis=0) if each else np.zeros((0, 4))
    names = list(asdict(pooled))
    return {
        "data": data.name,
        "answers": int((learned.right >= 0).sum()),
        "pooled": asdict(pooled),
        "concepts": {
            name: [float(x) for x in quartiles[:, place]] for place, name in enumerate(names)
        },
        "fitted_on": describe(learned.right),
        "held_out": describe(read_sequences(data, held).right) if held.any() else None,
    }
