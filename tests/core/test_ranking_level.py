"""After "too hard" a list is easier, after "too easy" harder; what was said of an item is of that item."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ranking_samples import ROWS, candidates, similarity_of

from recommender.core.ranking import Candidates, Level, Ranking, RankingConfig, rank

FIRST = 5
seeds = st.integers(0, 10_000)


def pool_of(seed: int) -> Candidates:
    """Lessons and exercises, some of them introducing and asking, nothing called for by others."""
    rng = np.random.default_rng(seed)
    lesson = rng.random(ROWS) < rng.uniform(0.2, 0.8)
    return candidates(
        seed,
        success=np.where(lesson, np.nan, rng.uniform(0.2, 1, ROWS)),
        missing_prerequisites=np.zeros(ROWS, dtype=np.int64),
        remedial=np.zeros(ROWS),
        assigned=np.zeros(ROWS, dtype=bool),
        teach_first=np.where(rng.random(ROWS) < 0.3, np.where(lesson, 1, -1), 0).astype(np.int8),
    )


def listed(pool: Candidates, seed: int = 0, *, explore: bool = False, **options: object) -> Ranking:
    return rank(
        pool,
        config=RankingConfig(epsilon=1.0),
        rng=np.random.default_rng(seed),
        explore=explore,
        similarity=similarity_of(seed),
        **options,  # type: ignore[arg-type]
    )


def mean_of(pool: Candidates, found: Ranking) -> float:
    known = pool.success[found.items[:FIRST]]
    known = known[np.isfinite(known)]
    return float(known.mean()) if len(known) else float("nan")


@given(seed=seeds, easier=st.booleans(), presses=st.integers(1, 4))
@settings(max_examples=120, deadline=None)
def test_each_press_makes_the_first_five_easier_while_there_is_room(
    seed: int, easier: bool, presses: int
) -> None:
    pool, target, sign = pool_of(seed), 0.7, 1 if easier else -1
    found = listed(pool, seed)
    for _press in range(presses):
        mean = mean_of(pool, found)
        asked = pool.success[found.items[:FIRST]]
        if not np.isfinite(asked).any():
            return
        pressed = found.items[:FIRST][np.isfinite(asked)][0]
        declined = pool.declined.copy()
        declined[pressed] = 1.0
        pool = replace(pool, declined=declined)
        target = float(np.clip(target + sign * 0.05, 0.5, 0.9))
        level = Level(np.full(ROWS, mean), easier=easier, strength=1.0)
        found = listed(pool, seed, target_success=target, level=level)
        past = pool.eligible & (sign * (pool.success - mean) > 0)
        past &= (pool.declined == 0) & (pool.teach_first >= 0)
        if not past.any():
            return
        assert sign * (mean_of(pool, found) - mean) > 0
        assert found.items[0] != pressed


@given(seed=seeds)
@settings(max_examples=40, deadline=None)
def test_exploration_brings_nothing_back_that_is_too_hard(seed: int) -> None:
    pool = pool_of(seed)
    level = Level(np.full(ROWS, 0.6), easier=True, strength=1.0)
    found = listed(pool, seed, explore=True, level=level)
    if found.exploration is not None:
        success = pool.success[found.exploration.item]
        assert not success < 0.6
    pressed = int(found.items[3])
    pool = replace(pool, declined=np.where(np.arange(ROWS) == pressed, 0.1, 0.0))
    for draw in range(20):
        drawn = listed(pool, draw, explore=True).exploration
        assert drawn is not None
        assert drawn.item != pressed


def test_a_level_fades() -> None:
    pool = pool_of(1)
    plain = listed(pool)
    before = None
    for strength in (1.0, 0.5, 0.25):
        found = listed(pool, level=Level(np.full(ROWS, 0.9), easier=True, strength=strength))
        lost = float(found.terms["level"].min())
        assert lost == pytest.approx(-6.0 * strength)
        assert before is None or lost > before
        before = lost
    gone = listed(pool, level=Level(np.full(ROWS, 0.9), easier=True, strength=0.0))
    assert gone.terms["practice"].sum() == pytest.approx(plain.terms["practice"].sum())


def test_what_was_declined_stays_on_the_list_with_a_term_of_its_own() -> None:
    pool = pool_of(2)
    first = int(listed(pool).items[0])
    found = listed(replace(pool, declined=np.where(np.arange(ROWS) == first, 1.0, 0.0)))
    place = found.items.tolist().index(first)
    assert place >= FIRST
    assert found.terms["declined"][place] == -7.0
    assert np.count_nonzero(found.terms["declined"]) == 1


def test_what_helps_with_it_comes_forward() -> None:
    pool = pool_of(2)
    lessons = [item for item in listed(pool).items.tolist() if np.isnan(pool.success[item])]
    helper = lessons[len(lessons) // 2]
    before = listed(pool).items.tolist().index(helper)
    found = listed(replace(pool, scaffold=np.where(np.arange(ROWS) == helper, 1.0, 0.0)))
    assert found.items.tolist().index(helper) < before


@pytest.mark.parametrize("where", [0, -1], ids=["of the best", "of the last"])
def test_what_feedback_adds_acts_alike_wherever_an_item_stands(where: int) -> None:
    """Affinity is cut off at e^-6 of the best; what a learner said is not."""
    pool = replace(pool_of(3), affinity=np.linspace(-30.0, 0.0, ROWS))
    plain = listed(pool)
    item = int(np.sort(plain.items)[::-1][where])
    found = listed(replace(pool, reweighting=np.where(np.arange(ROWS) == item, 1.5, 0.0)))
    scores = [
        dict(zip(one.items.tolist(), one.score - one.terms["diversity"], strict=True))
        for one in (plain, found)
    ]
    assert scores[1][item] - scores[0][item] == pytest.approx(1.5 / 6)
    del scores[0][item], scores[1][item]
    assert scores[0] == scores[1]
