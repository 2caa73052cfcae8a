"""From scores to one learner's list: the steps between the model and a slate, without a database.

Refreshes and the simulator's rehearsal take the same ones, so that what is simulated is what runs.
"""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from recommender.core.ranking import Level, Ranking, RankingConfig, rank
from recommender.pipeline.catalogue import LoadedCatalogue
from recommender.pipeline.similarity import compare_items
from recommender.readiness import hold_back
from recommender.services.syllabus import as_candidates, enforce_rules
from recommender.standing import Standing
from recommender.terms import Term, Without

PREDICTED: Final = 200
"""P(correct) is predicted for so many exercises a learner: the best by affinity."""

PRACTICE_UNKNOWN: Final = 0.6
"""What a lesson is worth beside exercises, of which the best is worth 1 (`core.ranking.practice_value`).

On the demo class: at 0.5 a tenth of the first ten are lessons, at 0.6 an eighth, at 0.7 a fifth, and the target of a learner
who says "too hard" moves the first five alike.
"""


def configure(without: Without = ()) -> RankingConfig:
    """The weights of the live ranker; those of terms that are switched off are 0."""
    config = RankingConfig(epsilon=settings.EXPLORATION_RATE, practice_unknown=PRACTICE_UNKNOWN)
    if Term.PRACTICE in without:
        config = replace(config, practice=0.0)
    if Term.MEMORY in without:
        config = replace(config, memory=0.0)
    return config


def choose_exercises(
    affinity: NDArray[np.float32], standings: Sequence[Standing], gradable: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """[B, up to 200] eligible exercises, best affinity first, those without missing prerequisites before the others.

    Padded with row 0.
    """
    chosen = []
    for place, standing in enumerate(standings):
        rows = np.flatnonzero(standing.eligible & gradable)
        order = np.lexsort((-affinity[place, rows], standing.missing[rows] > 0))
        chosen.append(rows[order[:PREDICTED]])
    table = np.zeros((len(standings), max(map(len, chosen), default=0)), dtype=np.int64)
    for place, rows in enumerate(chosen):
        table[place, : len(rows)] = rows
    return table


def rank_learner(
    standing: Standing,
    loaded: LoadedCatalogue,
    *,
    affinity: NDArray[np.float32],
    reweighting: tuple[NDArray[np.float32], NDArray[np.float32]] | None,
    success: NDArray[np.float64],
    target: float,
    level: Level | None,
    key: uuid.UUID,
    without: Without = (),
) -> Ranking:
    """Rank one learner's candidates; `key` seeds what is drawn, so that it can be drawn again.

    `without` are terms that are switched off, for `standing.assess`, too: what they would add is left out, and all else
    stays as it is.
    """
    outline = loaded.outline
    if not {Term.READINESS, Term.PREREQUISITES} & set(without):
        standing = hold_back(outline, standing, success)
    # The model learns which item is met next, each item once: of what is due again its affinity says nothing.
    added: NDArray[np.float64] | None = None
    if reweighting is not None:
        core, own = reweighting
        affinity, added = affinity - core, (core + own).astype(np.float64)
    unsaid = np.ones_like(standing.review) if Term.AFFINITY in without else standing.review
    first = np.where(unsaid, np.float32(-np.inf), affinity)
    candidates = as_candidates(
        outline,
        standing,
        place=outline.order,
        affinity=first,
        success=success,
        reweighting=added,
    )
    ranking = rank(
        candidates,
        config=configure(without),
        target_success=target,
        rng=np.random.default_rng(key.int),
        explore=not (candidates.assigned & standing.eligible).any(),
        similarity=lambda rows: compare_items(loaded.catalogue, rows),
        level=level,
    )
    order = enforce_rules(ranking.items, standing)
    return Ranking(
        ranking.items[order],
        ranking.score[order],
        {name: values[order] for name, values in ranking.terms.items()},
        ranking.exploration,
    )
