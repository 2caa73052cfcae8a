"""Whether a repair stays is decided by learners left without it, and looking often is no mistake."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.core.repair_trial import (
    HARMS,
    STAYS,
    TRYING,
    UNREPAIRED,
    USELESS,
    WITHDRAWN,
    confidence_sequence,
    effect_of,
    is_repaired,
    judge,
)


def outcomes(count: int, ours: float, theirs: float, seed: int = 0) -> list[tuple[bool, float]]:
    rng = np.random.default_rng(seed)
    arm = rng.random(count) >= UNREPAIRED
    return [(bool(a), float(rng.random() < (ours if a else theirs))) for a in arm]


def test_a_fifth_stays_unrepaired_and_the_same_fifth() -> None:
    arms = [is_repaired("version:average", f"learner-{n}") for n in range(5000)]
    assert 1 - np.mean(arms) == pytest.approx(UNREPAIRED, abs=0.02)
    assert arms == [is_repaired("version:average", f"learner-{n}") for n in range(5000)]
    other = [is_repaired("version:temperature", f"learner-{n}") for n in range(5000)]
    both = np.mean([not a and not b for a, b in zip(arms, other, strict=True)])
    assert both == pytest.approx(UNREPAIRED**2, abs=0.015)


def test_a_repair_that_helps_stays() -> None:
    assert judge(outcomes(1500, 0.7, 0.3)).state == STAYS


def test_a_repair_that_harms_is_withdrawn_at_once() -> None:
    verdict = judge(outcomes(1500, 0.2, 0.7))
    assert verdict.state == HARMS
    assert verdict.state in WITHDRAWN
    assert verdict.effect.high < 0
    early = next(
        n for n in range(50, 1500, 10) if judge(outcomes(1500, 0.2, 0.7)[:n]).state == HARMS
    )
    assert early < 600


def test_a_repair_that_is_never_shown_to_help_is_withdrawn_in_the_end() -> None:
    same = outcomes(2500, 0.4, 0.4)
    assert judge(same[:1999]).state == TRYING
    assert judge(same[:2000]).state == USELESS


def test_nobody_yet() -> None:
    verdict = judge([])
    assert verdict.state == TRYING
    assert (verdict.effect.low, verdict.effect.high) == (-1.0, 1.0)


def test_a_decision_holds_whatever_comes_after() -> None:
    good = outcomes(1500, 0.8, 0.2)
    assert judge(good).state == STAYS
    assert judge(good + outcomes(5000, 0.0, 1.0, seed=1)).state != USELESS


def test_looking_after_every_learner_rarely_errs() -> None:
    """200 trials without any effect, watched throughout: a plain 95% interval errs in half of them."""
    rng = np.random.default_rng(7)
    wrong = 0
    for _ in range(200):
        arm = rng.random(800) >= UNREPAIRED
        value = (rng.random(800) < 0.4).astype(float)
        effect = effect_of(value[arm], value[~arm])  # the narrowest of all its prefixes
        wrong += effect.low > 0 or effect.high < 0
    assert wrong <= 10


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_intervals_only_narrow(values: list[float]) -> None:
    bounds = [confidence_sequence(np.array(values[:n]), 0.05) for n in range(1, len(values) + 1)]
    assert all(0 <= b.low <= 1 and 0 <= b.high <= 1 for b in bounds)
    assert all(a.low <= b.low and a.high >= b.high for a, b in itertools.pairwise(bounds))


def test_outcomes_outside_their_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        confidence_sequence(np.array([0.2, 1.5]), 0.05)
