"""What behaviour says beside words: signals and surprises of answers, endings, attention times and ratings.

The surprise of what was to be expected is about 0, and expected surprises of opposite signals cancel out: whoever does what
everybody does leaves her profile where it was.
"""

from __future__ import annotations

import math

import numpy as np

from recommender.core import taste
from recommender.core.replay import HELPFUL, NOT_HELPFUL

FINISH_PRIOR, FINISH_RATE = 5.0, 0.8
"""So many endings, of which so many are finishes, count with those that an item has had."""
FEWEST_TIMED = 5
"""Attention times below which nothing is usual for an item."""
FAR = 2.0
"""Times as long, or as short, as usual from which on attention says something; the square of it is a whole surprise."""

Noted = tuple[str, float]
"""A signal of `reweighting.STRENGTHS`, and its surprise."""


def of_answer(*, right: bool, predicted: float) -> Noted:
    """An answer against P(correct) of the slate that the exercise came from."""
    if right:
        return "answered_right_unexpected", 1 - predicted
    return "answered_wrong_unexpected", predicted


def of_ending(*, finished: bool, finishes: int, abandonments: int) -> Noted:
    """An item finished or left, against how often learners finish it."""
    rate = finishes + FINISH_PRIOR * FINISH_RATE
    rate /= finishes + abandonments + FINISH_PRIOR
    return ("completed", 1 - rate) if finished else ("abandoned", rate)


def of_attention(seconds: float, *, usual: float | None, timed: int) -> Noted | None:
    """Attention time against the item's median of `timed` times; None where nothing is known to be usual.

    No surprise where it is within half and twice of that.
    """
    if not usual or timed < FEWEST_TIMED or seconds <= 0:
        return None
    ratio = math.log(seconds / usual) / math.log(FAR)
    surprise = min(1.0, abs(ratio) / 2) if abs(ratio) >= 1 else 0.0
    return "attention_long" if ratio > 0 else "attention_short", surprise


def usual_rating(total: float, count: int) -> float:
    """What an item is rated, drawn towards the middle."""
    return (total + taste.PRIOR * 0.5) / (count + taste.PRIOR)


def of_rating(rating: float, *, usual: float, before: int, surplus: float) -> Noted:
    """A rating in [0, 1] less what the item and the learner's `before` earlier ratings led to expect.

    `surplus` is the sum of how far those were above what is usual for their items.
    """
    name = (
        "rated_high" if rating >= HELPFUL else "rated_low" if rating <= NOT_HELPFUL else "rated_mid"
    )
    expected = float(taste.expected(np.asarray(usual), np.asarray(before), np.asarray(surplus)))
    return name, rating - expected
