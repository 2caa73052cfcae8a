"""From scores to a slate: pure functions for one learner at a time.

Utility adds up named terms; prerequisites are a hard order below which nothing can rise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recommender.core.memory import memory_urgency

Floats = NDArray[np.float64]
SPAN = 6.0
"""So many units of log-probability make up the range of affinity."""
Similarity = Callable[[NDArray[np.int64]], Floats]
"""Items [n] -> similarities [n, n] between 0 and 1, for diversification."""


@dataclass(frozen=True)
class RankingConfig:
    """Weights of the terms and sizes of the slate.

    Affinity lies in 0..1 and practice in -1..1 before their weights, so the weight of `remedial` lifts
    above all of both, and that of `assigned` above everything. `teach_first` parts a lesson from the
    exercises that it introduces by twice its weight: a little more than the best practice, affinity and
    variety can make up for together (1.5, 1 and 0.18), and less than a remedy or a teacher's wish. The
    weight of `level` takes an exercise behind all lessons and behind exercises on its right side, that of
    `declined` an item behind these, too; remedies and a teacher's wishes stay above.

    The weight of `memory` puts a review that is at `memory_floor` beside a new exercise whose practice is worth as
    much more: reviews are mostly easy, so by practice alone they would all come last.
    """

    target_success: float = 0.7
    epsilon: float = 0.1
    top: int = 100
    per_course: int = 20
    explore_from: int = 50
    explore_slots: int = 10
    diversify: int = 30
    mmr_lambda: float = 0.85
    affinity: float = 1.0
    practice: float = 3.0
    memory: float = 2.0
    memory_floor: float = 0.7
    practice_width: float = 0.3
    practice_unknown: float = 0.5
    teach_first: float = 1.35
    declined: float = 7.0
    scaffold: float = 1.5
    level: float = 6.0
    level_step: float = 0.05
    level_rank: int = 5
    remedial: float = 8.0
    assigned: float = 20.0

    def __post_init__(self) -> None:
        if not (0 <= self.epsilon <= 1 and 0 < self.mmr_lambda <= 1):
            raise ValueError("epsilon must be in [0, 1], mmr_lambda in (0, 1]")
        if not 0 <= self.memory_floor < 1:
            raise ValueError("memory_floor must be in [0, 1)")
        if not 0 < self.target_success < 1 or self.practice_width <= 0:
            raise ValueError("target_success must be in (0, 1), practice_width positive")
        sizes = (self.top, self.explore_from, self.explore_slots, self.diversify)
        if min(sizes) < 1 or self.per_course < 0:
            raise ValueError("top, explore_from, explore_slots and diversify must be at least 1")


@dataclass
class Candidates:
    """The catalogue as one learner meets it; every array has V rows, row 0 is PAD."""

    eligible: NDArray[np.bool_]
    course: NDArray[np.int64]  # any number per course, -1 = none
    missing_prerequisites: NDArray[np.int64]  # unmet prerequisite concepts
    remedial: (
        Floats  # 1 where it teaches an unmet direct prerequisite of a concept she is failing at
    )
    assigned: NDArray[np.bool_]  # pinned or assigned by her teacher
    teach_first: NDArray[
        np.int8
    ]  # 1 introduces a concept or comes back to it, -1 asks about one not introduced, else 0
    declined: Floats  # 0..1, by the learner, as too hard or too easy
    scaffold: Floats  # 0..1 where it teaches what an item that was too hard needs
    syllabus: Floats  # position in the course, rising
    success: Floats  # P(correct), NaN = unknown or not an exercise
    affinity: Floats  # log-probabilities, any scale; not read by `syllabus`
    reweighting: Floats  # what feedback adds to them, in the same unit; 0 = nothing
    retrievability: Floats | None = (
        None  # of what is to be reviewed; NaN or None = not to be reviewed
    )


@dataclass(frozen=True)
class Level:
    """What the next list is measured by: the predicted success of the one that was too hard, or too easy."""

    success: Floats  # [V] P(correct) that exercises should exceed, or stay below
    easier: bool  # exceed
    strength: float  # 1 = said just now, fading to 0

    def meets(self, success: Floats, pool: NDArray[np.int64]) -> NDArray[np.bool_]:
        """[n] whether exercises of these P(correct) are on the right side; without a prediction: no."""
        past = success - self.success[pool]
        return np.isfinite(success) & ((past >= 0) if self.easier else (past <= 0))

    def aim(self, target: float, step: float, pool: NDArray[np.int64]) -> Floats:
        """[n] the target, as far as it falls short of a step beyond this level moved there."""
        short = self.success[pool] + (step if self.easier else -step) - target
        short = np.maximum(short, 0.0) if self.easier else np.minimum(short, 0.0)
        return np.clip(target + self.strength * short, 0.05, 0.95)


@dataclass(frozen=True)
class Exploration:
    """The one slot that was drawn at random."""

    slot: int  # index into the ranking, never 0
    item: int
    probability: float  # with which this item was shown in this slot
    among: NDArray[np.int64]  # all that could have been drawn, each with the same probability


@dataclass(frozen=True)
class Ranking:
    """A slate: items [K] from best to worst, with the terms that add up to their scores."""

    items: NDArray[np.int64]
    score: Floats
    terms: dict[str, Floats] = field(default_factory=dict)
    exploration: Exploration | None = None


def practice_value(
    success: Floats, target: Floats | float, width: float, unknown: float = 0.5
) -> Floats:
    """How much practising teaches at this P(correct): 1 at the target, 0 at `width` from it, at least -1.

    The zone of proximal development (Vygotsky, 1978): too easy and too hard teach little; practice was
    found most efficient with 70 to 85% right (Wilson et al., 2019, The eighty five percent rule for
    optimal learning). The parabola makes a shifted target act alike everywhere: between any two
    exercises the gap moves by the same amount for the same difference in P(correct), so a higher target
    never makes the chosen exercises harder. An item without a prediction is worth `unknown`.
    """
    value = np.maximum(1 - ((success - target) / width) ** 2, -1.0)
    return np.where(np.isfinite(success), value, unknown)


def rank(
    candidates: Candidates,
    *,
    config: RankingConfig,
    target_success: float | None = None,
    rng: np.random.Generator,
    explore: bool,
    similarity: Similarity | None = None,
    level: Level | None = None,
) -> Ranking:
    """The slate of a learner with a history.

    Assigned items come first among those whose prerequisites are met; an item with missing
    prerequisites never stands above one without. `target_success` is the learner's own target.

    With a `level`, exercises on its wrong side stand behind, and the best one on its right side that she is
    ready for is among the first `config.level_rank`: so the mean P(correct) of the exercises there is past
    the level, unless a teacher or a failing concept calls for others, or there is none past it.
    The first `config.top` by utility, then what is needed for `config.per_course` of each course.
    """
    pool = np.flatnonzero(candidates.eligible)
    if not len(pool):
        return Ranking(pool, np.zeros(0))
    target = config.target_success if target_success is None else target_success
    terms = _terms(candidates, pool, config, target, level)
    utility = np.sum(list(terms.values()), axis=0)
    missing = candidates.missing_prerequisites[pool]
    order = np.lexsort((candidates.syllabus[pool], -utility, missing))
    penalty = np.zeros(len(pool))
    if similarity is not None:
        rule = np.stack([missing, -terms["assigned"], -terms["remedial"]], axis=1)
        order, penalty = _diversify(order, pool, utility, rule, config, similarity)
    if level is not None:
        order = _promote_exercise(order, pool, candidates, level, config)
    order = _promote_remedy(order, candidates.remedial[pool], missing)
    chosen = _with_courses(order, candidates.course[pool], config)
    exploration = None
    if explore:
        held = (terms["declined"] < 0) | (terms["level"] < 0)
        chosen, exploration = _explore(chosen, pool, held, candidates, config, rng)
    terms["diversity"] = penalty
    kept = {name: values[chosen] for name, values in terms.items()}
    return Ranking(pool[chosen], (utility + penalty)[chosen], kept, exploration)


def syllabus(candidates: Candidates, *, config: RankingConfig) -> Ranking:
    """The slate of a learner without events, or without a model: the course's own order.

    Assigned items first, items with missing prerequisites last.
    """
    pool = np.flatnonzero(candidates.eligible)
    if not len(pool):
        return Ranking(pool, np.zeros(0))
    assigned = candidates.assigned[pool].astype(np.float64) * config.assigned
    place = candidates.syllabus[pool].astype(np.float64)
    missing = candidates.missing_prerequisites[pool]
    order = np.lexsort((pool, place, -assigned, missing > 0))
    chosen = _with_courses(order, candidates.course[pool], config)
    terms = {
        "assigned": assigned[chosen],
        "syllabus": -place[chosen],
        "prerequisites": -missing[chosen].astype(np.float64),
    }
    return Ranking(pool[chosen], np.sum(list(terms.values()), axis=0), terms)


def _terms(
    candidates: Candidates,
    pool: NDArray[np.int64],
    config: RankingConfig,
    target: float,
    level: Level | None,
) -> dict[str, Floats]:
    """Each term [n] of the candidates in the pool, weighted.

    `teach_first`: novices learn more from being shown than from problems they have no method for
    (Sweller & Cooper, 1985, on worked examples), and the advantage turns round as they come to know
    (the expertise reversal effect: Kalyuga et al., 2003). So it is a constant for each item, which
    leaves the order among exercises to `practice`, and ends for a concept with the first look at what
    teaches it or the first right answer.

    `memory` doesn't lift what the learner holds back by her own word, of the item or of the list.

    `reweighting` is in the unit of affinity, but neither scaled by the best candidate's nor cut off where
    affinity is: it acts alike on whatever it is about.
    """
    success = candidates.success[pool].astype(np.float64)
    value = practice_value(
        success,
        target if level is None else level.aim(target, config.level_step, pool),
        config.practice_width,
        config.practice_unknown,
    )
    behind = np.zeros(len(pool))
    if level is not None:
        behind[np.isfinite(success) & ~level.meets(success, pool)] = -level.strength
    added = candidates.reweighting[pool].astype(np.float64)
    urgency = np.zeros(len(pool))
    if candidates.retrievability is not None:
        urgency = memory_urgency(
            candidates.retrievability[pool].astype(np.float64), config.memory_floor
        )
        urgency[(behind < 0) | (candidates.declined[pool] > 0)] = 0.0
    return {
        "affinity": config.affinity * scale_affinity(candidates.affinity[pool].astype(np.float64)),
        "reweighting": config.affinity * added / SPAN,
        "practice": config.practice * value,
        "memory": config.memory * urgency,
        "teach_first": config.teach_first * candidates.teach_first[pool].astype(np.float64),
        "declined": -config.declined * candidates.declined[pool].astype(np.float64),
        "scaffold": config.scaffold * candidates.scaffold[pool].astype(np.float64),
        "level": config.level * behind,
        "remedial": config.remedial * candidates.remedial[pool].astype(np.float64),
        "assigned": config.assigned * candidates.assigned[pool].astype(np.float64),
        "prerequisites": -candidates.missing_prerequisites[pool].astype(np.float64),
    }


def scale_affinity(affinity: Floats) -> Floats:
    """Affinities to 0..1: the best is 1, and e^-SPAN of its probability or less is 0."""
    known = np.isfinite(affinity)
    if not known.any():
        return np.zeros_like(affinity)
    best = affinity[known].max()
    return np.where(known, np.clip(1 + (np.where(known, affinity, best) - best) / SPAN, 0, 1), 0.0)


def _diversify(  # noqa: PLR0917 - the arguments of one step of `rank`
    order: NDArray[np.int64],
    pool: NDArray[np.int64],
    utility: Floats,
    rule: Floats,
    config: RankingConfig,
    similarity: Similarity,
) -> tuple[NDArray[np.int64], Floats]:
    """Maximal marginal relevance (Carbonell & Goldstein, 1998) within the head of the order.

    Rules [n, 3] are stronger than variety: an item only changes places with its equals in missing
    prerequisites, assignment and need for remedy.
    """
    head = order[: config.diversify]
    alike = similarity(pool[head])
    weight = (1 - config.mmr_lambda) / config.mmr_lambda
    value = utility[head]
    penalty = np.zeros(len(pool))
    loss = np.zeros(len(head))  # of each, beside the most similar one above it
    done: list[int] = []
    for equals in _groups(rule[head]):
        left = equals
        while len(left):
            pick = int(np.argmax(value[left] + loss[left]))
            best = int(left[pick])
            penalty[head[best]] = loss[best]
            done.append(best)
            left = np.delete(left, pick)
            np.minimum(loss, -weight * alike[best], out=loss)
    return np.concatenate([head[done], order[config.diversify :]]), penalty


def _groups(rule: Floats) -> list[NDArray[np.int64]]:
    """Rows [n, 3] of the same rule, the smallest rule first, each in their order."""
    order = np.lexsort(rule.T[::-1])
    changes = (rule[order[1:]] != rule[order[:-1]]).any(axis=1)
    return np.split(order, np.flatnonzero(changes) + 1)


def _promote_remedy(
    order: NDArray[np.int64], remedial: Floats, missing: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The best remedy stands among the first three, whatever a teacher has assigned."""
    able = np.flatnonzero((remedial[order] > 0) & (missing[order] == 0))
    if not len(able) or able[0] <= 2:
        return order
    rest = np.delete(order, able[0])
    return np.insert(rest, 2, order[able[0]])


def _promote_exercise(
    order: NDArray[np.int64],
    pool: NDArray[np.int64],
    candidates: Candidates,
    level: Level,
    config: RankingConfig,
) -> NDArray[np.int64]:
    """The best exercise past the level stands among the first few, below what a teacher has assigned.

    Not one that lacks anything, asks about what is yet to be introduced, or was declined itself. Without
    it a list that was too hard might be followed by lessons only.
    """
    rows = pool[order]
    able = level.meets(candidates.success[rows].astype(np.float64), rows)
    able &= (candidates.missing_prerequisites[rows] == 0) & (candidates.declined[rows] == 0)
    able &= candidates.teach_first[rows] >= 0
    places = np.flatnonzero(able)
    last = max(config.level_rank - 1, int(candidates.assigned[rows].sum()))
    if not len(places) or places[0] <= last:
        return order
    return np.insert(np.delete(order, places[0]), last, order[places[0]])


def _with_courses(
    order: NDArray[np.int64], course: NDArray[np.int64], config: RankingConfig
) -> NDArray[np.int64]:
    """The top, then the best of each course that has fewer than its share in it."""
    kept = np.zeros(len(order), dtype=bool)
    kept[: config.top] = True
    ordered = course[order]
    for one in np.unique(ordered[ordered >= 0]):
        kept[np.flatnonzero(ordered == one)[: config.per_course]] = True
    return order[kept]


def _explore(  # noqa: PLR0917 - the arguments of one step of `rank`
    chosen: NDArray[np.int64],
    pool: NDArray[np.int64],
    held: NDArray[np.bool_],
    candidates: Candidates,
    config: RankingConfig,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], Exploration | None]:
    """With probability epsilon one slot below the first is drawn uniformly from the eligible top.

    Neither assigned items nor remedies nor items with missing prerequisites take part, nor what asks
    about a concept that is yet to be introduced, nor what is held back [n] by her own word; and none of
    them is moved by more than the one place that the drawn item needs: exploration bends no rule.
    """
    items = pool[chosen[: config.explore_from]]
    free = (candidates.missing_prerequisites[items] == 0) & ~candidates.assigned[items]
    free &= (candidates.remedial[items] == 0) & (candidates.teach_first[items] >= 0)
    free &= ~held[chosen[: config.explore_from]]
    free[0] = False
    places = np.flatnonzero(free)
    if rng.random() >= config.epsilon or len(places) < 2:
        return chosen, None
    slots = places[: config.explore_slots]
    slot, drawn = int(rng.choice(slots)), int(rng.choice(places))
    moved = np.insert(np.delete(chosen, drawn), slot, chosen[drawn])
    probability = config.epsilon / (len(slots) * len(places))
    among = pool[chosen[places]]
    return moved, Exploration(slot, int(pool[chosen[drawn]]), probability, among)
