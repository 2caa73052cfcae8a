"""Does a part of the learners fall behind with one version, beside another one on the same cases?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from scipy import stats

from recommender.core.learner_parts import LEAST, Dimension, Floats, Ints, Part, show

ERROR = 0.05


def compare_parts(
    learner: Ints, ours: Floats, theirs: Floats, dimensions: Iterable[Dimension], *, margin: float
) -> dict[str, Any]:
    """Ours less theirs, learner by learner, within each part; which parts fall behind by more than `margin`.

    learner [L] with a mean quality of both, ours and theirs [L]. The intervals of all parts hold at once with 95%
    (Student's, Bonferroni), as the worst of many is looked for. Behind is a part whose whole interval lies below -margin.
    Returns `{"margin", "least", "dimensions": [{"kind", "name", "hidden", "parts": [{"key", "name", "learners", "ours",
    "theirs", "value", "low", "high", "behind"}]}], "worst": the part of the lowest value with its kind, or None}`.
    """
    divided = [
        (
            dimension,
            [np.flatnonzero(np.isin(learner, part.members)) for part in dimension.parts],
        )
        for dimension in dimensions
    ]
    may = show([rows for _, rows in divided], np.arange(len(learner)))
    found: list[tuple[Dimension, list[tuple[Part, Ints]], int]] = []
    for (dimension, rows), shown in zip(divided, may, strict=True):
        kept = [
            (part, row) for part, row, ok in zip(dimension.parts, rows, shown, strict=True) if ok
        ]
        found.append((dimension, kept, sum(len(row) > 0 for row in rows) - len(kept)))
    compared = sum(len(kept) for _dimension, kept, _hidden in found)
    told: list[dict[str, Any]] = [
        {
            "kind": dimension.kind,
            "name": dimension.name,
            "hidden": hidden,
            "parts": [
                {"key": part.key, "name": part.name}
                | _difference(ours[row], theirs[row], ERROR / compared, margin)
                for part, row in kept
            ],
        }
        for dimension, kept, hidden in found
    ]
    worst = min(
        (
            {"kind": dimension["kind"], "dimension": dimension["name"], **part}
            for dimension in told
            for part in dimension["parts"]
        ),
        key=lambda part: float(part["value"]),
        default=None,
    )
    return {"margin": margin, "least": LEAST, "dimensions": told, "worst": worst}


def list_behind(compared: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The parts of a comparison that fall behind, each with the kind and name of its dimension."""
    return [
        {"kind": dimension["kind"], "dimension": dimension["name"], **part}
        for dimension in compared["dimensions"]
        for part in dimension["parts"]
        if part["behind"]
    ]


def _difference(ours: Floats, theirs: Floats, error: float, margin: float) -> dict[str, Any]:
    gain = ours - theirs
    n = len(gain)
    reach = float(stats.t.ppf(1 - error / 2, n - 1) * gain.std(ddof=1) / math.sqrt(n))
    value = float(gain.mean())
    return {
        "learners": n,
        "ours": float(ours.mean()),
        "theirs": float(theirs.mean()),
        "value": value,
        "low": value - reach,
        "high": value + reach,
        "behind": value + reach < -margin,
    }
