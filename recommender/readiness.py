"""Whether a learner is ready for what builds on a concept: by what the model promises of it, beside what she has done.

A lesson that was finished says that she has met a concept, and not that she can do anything with it. Pure functions on
the columns of `standing`.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.standing import Outline, Standing

READY: Final = 0.5
"""From this mean P(correct) of its open exercises on, a concept carries what builds on it."""


def hold_back(outline: Outline, standing: Standing, success: NDArray[np.float64]) -> Standing:
    """Return the standing in which concepts that aren't ready count as missing where they are needed.

    Not ready is a concept that counts as met by what she did, while the mean of `success` ([V] P(correct), NaN = not
    predicted) over the exercises on it that are open to her is below READY. Nothing is held back by a concept that has
    no open exercise, or none with a prediction, nor by one of which she marked something as known: there her word
    counts. And nothing of what helps with an item that she called too hard.

    Missing is an order, and removes nothing from a list; what a teacher wants and remedies stand above it.
    """
    rows, concepts = outline.teaches
    width = len(outline.concept_ids)
    counts = (standing.eligible & outline.gradable & np.isfinite(success))[rows]
    number = np.bincount(concepts[counts], minlength=width)
    total = np.bincount(concepts[counts], weights=success[rows[counts]], minlength=width)
    weak = standing.doubtful & (number > 0) & (total < READY * number)
    if not weak.any():
        return standing
    rows, concepts = outline.needs
    more = np.bincount(rows, weights=weak[concepts], minlength=outline.rows).astype(np.int64)
    more[standing.scaffold > 0] = 0
    return replace(standing, missing=standing.introductions.pass_on(standing.missing + more))
