"""What a learner has mastered: the share of a concept's exercises that she would get right now, and how sure that is.

The mean comes from the success head where a version has one. The interval comes from the evidence: a Beta distribution about
the mean, as if so many answers had been given as recent ones are worth, and PRIOR_ANSWERS more. FADE, PRIOR_ANSWERS and PRIOR
are those under which the next five answers on a concept were most likely (Beta-binomial, 17,360 cases of public answer data;
`docs/adr/0038-mastery-with-its-evidence.md`). That what was answered last says most is Galyardt and Goldin's finding (2015,
Move your lamp post: recent data reflects learner knowledge better than older data).
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

FADE: Final = 0.93
"""What an answer is worth beside the one after it on the same concept."""
PRIOR_ANSWERS: Final = 4.0
PRIOR: Final = 0.7
"""The mean before any answer, where no version predicts one."""
SURENESS: Final = 0.8
"""The interval holds so much of the distribution, and leaves as much out below as above."""
MASTERED: Final = 0.7
"""Mastered is what lies above this with the whole interval: the success at which practice begins to teach less."""


class Level(StrEnum):
    """What may be said of a concept."""

    MASTERED = "mastered"
    UNSURE = "unsure"
    NOT_YET = "not_yet"


class Mastery(NamedTuple):
    """One learner's mastery of one concept; `mean`, `low` and `high` are probabilities of a right answer."""

    concept_id: int
    mean: float
    low: float
    high: float
    answers: int

    @property
    def level(self) -> Level:
        """What is sure of it."""
        return find_level(low=self.low, high=self.high)


def find_level(*, low: float, high: float) -> Level:
    """Mastered or not yet where the whole interval says so, else unsure."""
    if low >= MASTERED:
        return Level.MASTERED
    return Level.NOT_YET if high < MASTERED else Level.UNSURE


def weigh_evidence(
    rights: Sequence[bool], *, predicted: float | None = None
) -> tuple[float, float]:
    """Return the parameters (a, b) of the Beta distribution after these answers, the oldest first.

    With `predicted`, the mean P(right) over the concept's exercises, that is its mean; else the answers' own.
    """
    right = wrong = 0.0
    for answer in rights:
        right, wrong = FADE * right + answer, FADE * wrong + (not answer)
    if predicted is None:
        return right + PRIOR_ANSWERS * PRIOR, wrong + PRIOR_ANSWERS * (1 - PRIOR)
    strength = right + wrong + PRIOR_ANSWERS
    # Beta has no mean of 0 or 1, and nothing is that sure.
    mean = min(max(predicted, 0.001), 0.999)
    return strength * mean, strength * (1 - mean)
