"""The live ranker as the simulator calls it: the very steps of `pipeline.slates`, without a database."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from recommender.core.catalogue import Catalogue
from recommender.pipeline.catalogue import LoadedCatalogue
from recommender.pipeline.ranking import choose_exercises, rank_learner
from recommender.services.syllabus import rank_syllabus
from recommender.standing import Outline, Standing
from recommender.terms import Without


class Rehearsal:
    """A `LiveRanking` of the simulator."""

    def choose_exercises(
        self, affinity: NDArray[np.float32], standings: Sequence[Standing], outline: Outline
    ) -> NDArray[np.int64]:
        """[m, up to 200] rows that success is predicted for."""
        return choose_exercises(affinity, standings, outline.gradable)

    def rank(
        self,
        standing: Standing,
        outline: Outline,
        catalogue: Catalogue,
        *,
        affinity: NDArray[np.float32],
        success: NDArray[np.float64],
        target: float,
        key: int,
        without: Without = (),
    ) -> NDArray[np.int64]:
        """Rows of the list, best first, after teachers' rules."""
        found = rank_learner(
            standing,
            LoadedCatalogue(fingerprint="", outline=outline, catalogue=catalogue),
            affinity=affinity,
            reweighting=None,
            success=success,
            target=target,
            level=None,
            key=UUID(int=key),
            without=without,
        )
        return found.items

    def rank_syllabus(self, standing: Standing, outline: Outline) -> NDArray[np.int64]:
        """Rows of the list of who has no history."""
        return rank_syllabus(outline, standing)


LIVE: Final = Rehearsal()
