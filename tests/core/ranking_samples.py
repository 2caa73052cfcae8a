"""Made-up candidates of one learner, for the tests of ranking."""

from __future__ import annotations

import numpy as np

from recommender.core.ranking import Candidates

ROWS = 80


def candidates(seed: int, **changes: object) -> Candidates:
    rng = np.random.default_rng(seed)
    success = np.where(rng.random(ROWS) < 0.6, rng.random(ROWS), np.nan)
    fields: dict[str, object] = {
        "eligible": (rng.random(ROWS) < 0.8) & (np.arange(ROWS) > 0),
        "course": rng.integers(0, 4, ROWS),
        "missing_prerequisites": rng.integers(0, 3, ROWS) * (rng.random(ROWS) < 0.3),
        "remedial": (rng.random(ROWS) < 0.05).astype(float),
        "assigned": rng.random(ROWS) < 0.05,
        "teach_first": np.zeros(ROWS, dtype=np.int8),
        "declined": np.zeros(ROWS),
        "scaffold": np.zeros(ROWS),
        "reweighting": np.zeros(ROWS),
        "syllabus": rng.permutation(ROWS).astype(float),
        "success": success,
        "affinity": np.log(rng.dirichlet(np.full(ROWS, 0.2)) + 1e-12),
    }
    return Candidates(**{**fields, **changes})  # type: ignore[arg-type]


def similarity_of(seed: int):
    vectors = np.random.default_rng(seed).random((ROWS, 5))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return lambda items: vectors[items] @ vectors[items].T
