"""What memory says for an item: the term of the utility that brings back what fades."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def memory_urgency(retrievability: Floats, floor: float) -> Floats:
    """How much a review brings back: 0 where nothing is lost, 1 where retrievability is at `floor` or below.

    What is lost is 1 - retrievability, and a review restores it: to take the largest expected gain of recall first is
    the greedy rule of Hunziker et al. (2019, Teaching multiple concepts to a forgetful learner). Below the floor
    nothing is more urgent, so that what is long forgotten leaves room for what is new. NaN counts 0.
    """
    lost = np.clip((1 - retrievability) / (1 - floor), 0.0, 1.0)
    return np.where(np.isfinite(retrievability), lost, 0.0)
