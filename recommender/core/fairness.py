"""Is a version as good for each part of the learners as for all of them?

Everything is reduced to one row a learner first, so that who does much does not count for many.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from recommender.core import metrics
from recommender.core.evaluation import per_learner
from recommender.core.learner_parts import LEAST, Dimension, Floats, Ints, show

LISTS = 10
"""So many learners' lists are put beside one another to see how different they are."""
SURE = 0.95
REPEATS = 500


@dataclass(frozen=True)
class Table:
    """One row a learner; NaN where nothing was measured of her.

    ndcg, hit: means over her held-out cases. lists [L, K]: the first items for her after the last of them, 0 without one.
    promised: mean P(correct) of the exercises among these. surplus: mean P(correct) less share right of her held-out answers.
    gap, cells: sum and number of squared errors by concept (see `mastery_gaps`).
    """

    learner: Ints
    ndcg: Floats
    hit: Floats
    lists: Ints
    promised: Floats
    surplus: Floats
    gap: Floats
    cells: Floats

    def rows(self, members: Ints) -> Ints:
        """Rows of those members who are in the table."""
        return np.flatnonzero(np.isin(self.learner, members))


def mastery_gaps(
    learner: Ints, chance: Floats, right: Floats, slots: Ints
) -> tuple[Ints, Floats, Floats]:
    """Squared errors of what was promised of a concept, by learner: learners, their sums, and their numbers.

    chance, right [A] are P(correct) and 1 or 0 of answers, slots [A, S] the concepts of their exercises (0 = none). For each
    learner and concept with at least two answers: (mean P - share right)², less the variance that the share has by chance,
    ȳ(1-ȳ)/(n-1), as otherwise few answers would look like a large error (Kumar et al., 2019, Verified uncertainty
    calibration). A sum may be negative.
    """
    concepts = int(slots.max(initial=0)) + 1
    answer, slot = np.nonzero(slots)
    cell, index = np.unique(learner[answer] * concepts + slots[answer, slot], return_inverse=True)
    count = np.bincount(index, minlength=len(cell)).astype(np.float64)
    share = np.bincount(index, weights=right[answer], minlength=len(cell)) / np.maximum(count, 1)
    told = np.bincount(index, weights=chance[answer], minlength=len(cell)) / np.maximum(count, 1)
    enough = count >= 2
    noise = share * (1 - share) / np.maximum(count - 1, 1)
    square = ((told - share) ** 2 - noise)[enough]
    who, place = np.unique(cell[enough] // concepts, return_inverse=True)
    size = len(who)
    return (
        who.astype(np.int64),
        np.bincount(place, weights=square, minlength=size).astype(np.float64),
        np.bincount(place, minlength=size).astype(np.float64),
    )


def tabulate(  # noqa: PLR0917 - columns of three tables
    case_learner: Ints,
    rank: Floats,
    lists: Ints,
    promised: Floats,
    answer_learner: Ints,
    chance: Floats,
    right: Floats,
    slots: Ints,
) -> Table:
    """One row a learner out of held-out cases [C] with the list [C, K] after each, and held-out answers [A]."""
    learner = np.union1d(case_learner, answer_learner).astype(np.int64)
    shape = len(learner)
    columns = {name: np.full(shape, np.nan) for name in ("ndcg", "hit", "promised", "surplus")}
    having = np.flatnonzero(np.isin(learner, case_learner))
    columns["ndcg"][having] = per_learner(metrics.ndcg(rank), case_learner)
    columns["hit"][having] = per_learner(metrics.hit(rank), case_learner)
    place = np.searchsorted(learner, case_learner)
    first = np.zeros((shape, lists.shape[1]), dtype=np.int64)
    first[place] = lists  # of several cases the last one stays
    columns["promised"][place] = promised
    told = np.flatnonzero(np.isin(learner, answer_learner))
    columns["surplus"][told] = per_learner(chance - right, answer_learner)
    gap, cells = np.zeros(shape), np.zeros(shape)
    who, total, count = mastery_gaps(answer_learner, chance, right, slots)
    where = np.searchsorted(learner, who)
    gap[where], cells[where] = total, count
    return Table(learner=learner, lists=first, gap=gap, cells=cells, **columns)


def describe(table: Table, dimensions: Iterable[Dimension]) -> dict[str, Any]:
    """The report of a version: figures of all learners and of each part that is large enough.

    Returns `{"least", "all": measures, "dimensions": [{"kind", "name", "hidden", "parts": [{"key", "name", "learners",
    …measures}]}]}`. Measures are `{"value", "low", "high"}`, 95% bootstrap intervals over learners, and left out where they
    rest on too few. `hidden` counts parts of which nothing is told.
    """
    everybody = np.arange(len(table.learner))
    divided = [
        (dimension, [table.rows(part.members) for part in dimension.parts])
        for dimension in dimensions
    ]
    may = {
        base: show([[row[has[row]] for row in rows] for _, rows in divided], np.flatnonzero(has))
        for base, has in _bases(table).items()
    }
    told = []
    for number, (dimension, rows) in enumerate(divided):
        shown = {base: flags[number] for base, flags in may.items()}
        parts = [
            {"key": part.key, "name": part.name, "learners": len(row)}
            | _measure(table, row, {base for base in shown if shown[base][place]})
            for place, (part, row) in enumerate(zip(dimension.parts, rows, strict=True))
            if any(flags[place] for flags in shown.values())
        ]
        met = sum(len(row) > 0 for row in rows)
        told.append(
            {
                "kind": dimension.kind,
                "name": dimension.name,
                "hidden": met - len(parts),
                "parts": parts,
            }
        )
    enough = {base for base, has in _bases(table).items() if has.sum() >= LEAST}
    return {
        "least": LEAST,
        "all": {"learners": len(everybody)} | _measure(table, everybody, enough),
        "dimensions": told,
    }


def variety(lists: Ints, among: int = LISTS) -> metrics.Interval:
    """How different the lists [n, K] of learners are: items in `among` of them, over places. Lists that are all alike have 1/among.

    The mean over all choices of `among` lists (rarefaction; Hurlbert, 1971, The nonconcept of species diversity), so that
    parts of any size can be compared; interval by the jackknife over learners. A place left empty (PAD) holds nothing.
    Raises ValueError for fewer than among + 1.
    """
    n, places = lists.shape
    if n <= among:
        raise ValueError(f"needs more than {among} lists")
    key, item = np.unique(lists, return_inverse=True)
    item = item.reshape(n, places)
    counts, real = np.bincount(item.ravel()), key > 0
    scale = among * places
    value = (real * _met(counts, n, among)).sum() / scale
    before, after = real * _met(counts, n - 1, among), real * _met(counts - 1, n - 1, among)
    without = (before.sum() - (before - after)[item].sum(1)) / scale
    deviation = math.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    reach = float(stats.norm.ppf((1 + SURE) / 2)) * deviation
    return {
        "value": float(value),
        "low": max(0.0, float(value) - reach),
        "high": min(1.0, float(value) + reach),
    }


def _bases(table: Table) -> dict[str, NDArray[np.bool_]]:
    """Of whom there is what the measures rest on."""
    return {
        "cases": np.isfinite(table.ndcg),
        "promised": np.isfinite(table.promised),
        "answers": np.isfinite(table.surplus),
        "concepts": table.cells > 0,
    }


def _measure(table: Table, rows: Ints, bases: set[str]) -> dict[str, Any]:
    has = {name: rows[of[rows]] for name, of in _bases(table).items()}
    found: dict[str, Any] = {}
    if "cases" in bases:
        found["ndcg@10"] = metrics.mean_interval(table.ndcg[has["cases"]])
        found["hr@10"] = metrics.mean_interval(table.hit[has["cases"]])
        if len(has["cases"]) > LISTS:
            found["variety"] = variety(table.lists[has["cases"]])
    if "promised" in bases:
        found["promised"] = metrics.mean_interval(table.promised[has["promised"]])
    if "answers" in bases:
        found["overestimated"] = metrics.mean_interval(table.surplus[has["answers"]])
    if "concepts" in bases:
        found["mastery_error"] = _root(table.gap[has["concepts"]], table.cells[has["concepts"]])
    return found


def _root(total: Floats, count: Floats) -> metrics.Interval:
    """√(Σ total / Σ count), 0 for a negative one, with its interval over learners."""
    rng = np.random.default_rng(0)
    picks = (rng.integers(0, len(total), len(total)) for _ in range(REPEATS))
    squares = np.array([total[pick].sum() / count[pick].sum() for pick in picks])
    value = math.sqrt(max(0.0, total.sum() / count.sum()))
    return metrics.interval(value, np.sqrt(np.maximum(squares, 0.0)))


def _met(counts: Ints, n: int, among: int) -> Floats:
    """Probability that an item on `counts` of n lists is on one of `among` of them drawn without return."""
    missed = np.ones(len(counts))
    for drawn in range(among):
        missed *= np.maximum(n - counts - drawn, 0) / (n - drawn)
    return 1 - missed
