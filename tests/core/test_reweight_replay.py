"""A replay of ratings asks only what could have been known, and folds what feedback there was."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from recommender.core import taste
from recommender.core.errors import BadDataError
from recommender.core.ledgers import Ledgers
from recommender.core.readers import DataFolder, read_folder
from recommender.core.replay import (
    Replay,
    earlier,
    in_time,
    replay_at,
    signals,
    split_before,
    strengths,
    taste_before,
)
from recommender.core.reweight_fit import fit_reweighting
from recommender.core.reweighting import LedgerEntry, Reweighting, event_features, fold
from recommender.core.serving import BoundRecommender

Row = tuple[str, str, int, float]
DAY = 86_400

ROWS: tuple[Row, ...] = (
    ("ann", "a", 1, 5),
    ("ann", "b", 1, 1),
    ("ann", "c", 2, 3),
    ("bob", "a", 1, 4),
    ("bob", "b", 3, 2),
    ("bob", "d", 9, 5),
    ("eve", "c", 8, 1),
    ("eve", "a", 8, 4),
    ("eve", "b", 9, 2),
    ("eve", "c", 10, 4),
)
"""Learner, item, day, rating."""


def folder(path: Path, rows: Sequence[Row] = ROWS) -> DataFolder:
    lines = ["learner,item,order,timestamp,rating"]
    lines += [
        f"{who},{item},{order},{day * DAY},{rating:g}"
        for order, (who, item, day, rating) in enumerate(rows)
    ]
    (path / "interactions.csv").write_text("\n".join(lines) + "\n")
    (path / "items.csv").write_text("item,text,concept\na,A,x\nb,B,x|y\nc,C,y\nd,D,\n")
    return read_folder(path)


@pytest.fixture
def replay(tmp_path: Path) -> Replay:
    return replay_at(folder(tmp_path), moment=8 * DAY)


def test_cases_are_helpful_rows_from_the_moment_on(replay: Replay) -> None:
    who = [replay.cases.learner[n] for n in range(len(replay.cases))]
    keys = " abcd"
    assert [(w, keys[i]) for w, i in zip(who, replay.cases.target, strict=True)] == [
        (1, "d"),
        (2, "a"),
        (2, "c"),
    ]
    assert [keys[i] for i in np.flatnonzero(replay.candidates)] == ["a", "b", "c"]


def test_rows_of_one_time_are_one_batch(replay: Replay) -> None:
    # Eve's two rows of day 8 don't see each other; the one of day 9 sees both.
    assert replay.context.tolist() == [0, 0, 2, 0, 1, 2, 0, 0, 2, 3]
    assert replay.cases.end.tolist() == [2, 0, 3]
    assert (earlier(replay.log) == replay.context).all()


def test_rows_are_put_in_the_order_of_their_times(tmp_path: Path) -> None:
    mixed = [("ann", "a", 5, 4), ("ann", "b", 2, 1), ("ann", "c", 2, 5), ("bob", "d", 1, 3)]
    data = in_time(folder(tmp_path, mixed))
    assert data.rating is not None
    assert data.rating.tolist() == [1, 5, 4, 3]
    assert earlier(data.log).tolist() == [0, 0, 2, 0]


def test_the_range_of_the_ratings_tells_helpful_from_not() -> None:
    assert signals(np.array([1.0, 2, 3, 4, 5])).tolist() == [-1, -1, 0, 1, 1]
    halves = np.arange(1, 11) / 2
    assert signals(halves).tolist() == [-1] * 4 + [0] * 3 + [1] * 3
    assert not signals(np.full(3, 4.0)).any()


def test_a_surprise_is_told_from_what_was_known_before_it(replay: Replay) -> None:
    usual = taste.usual(np.array([1, 2, 3, 1, 2]), np.array([1, 0, 0.5, 0.75, 0.25]), 5)
    assert usual[1] == pytest.approx((1.75 + 5 * 0.5) / 7)
    assert usual[4] == pytest.approx(0.5)
    assert replay.surprise[0] == pytest.approx(1 - usual[1])
    # Bob had rated a before b; Ann's b came with her a, so her a doesn't count for it.
    assert replay.surprise[1] == pytest.approx(0 - usual[2])
    assert replay.surprise[4] == pytest.approx(0.25 - (usual[2] + (0.75 - usual[1]) / 6))


def test_a_placebo_deals_out_the_same_feedback_among_other_items(replay: Replay) -> None:
    true = strengths(replay, Reweighting())
    fake = [strengths(replay, Reweighting(), shuffle=seed) for seed in range(6)]
    for found in fake:
        for start, stop in ((0, 3), (3, 6), (6, 10)):
            assert sorted(found[start:stop]) == sorted(true[start:stop])
    assert any((found != true).any() for found in fake)
    again = strengths(replay, Reweighting(), shuffle=3)
    assert again.tolist() == fake[3].tolist()


def test_strengths_of_ratings_follow_their_signals(replay: Replay) -> None:
    config = Reweighting(strengths={"rated_low": 0.5, "rated_mid": 0.0})
    found = strengths(replay, config)
    assert found[1] == pytest.approx(0.5 * replay.surprise[1])
    assert found[2] == 0
    assert found[0] == pytest.approx(replay.surprise[0])


def test_ledgers_fold_as_the_platform_does(replay: Replay, tmp_path: Path) -> None:
    config = Reweighting(step=0.9, settle=2, half_life_days=3, own=1.0)
    catalogue = folder(tmp_path).catalogue()
    strength = strengths(replay, config)
    tables = Ledgers(replay, catalogue).at_cases(config, strength)
    for case in range(len(replay.cases)):
        first = replay.log.offsets[replay.cases.learner[case]]
        ledger = [
            LedgerEntry(
                at=float(replay.log.time[row]),
                id=int(row),
                strength=float(strength[row]),
                shares=(),
                own=event_features(catalogue, int(replay.log.item[row])),
            )
            for row in range(first, first + replay.cases.end[case])
        ]
        now = float(replay.log.time[replay.row[case]])
        profile = fold(ledger, now=now, config=config)
        item = tables.item[case].toarray()[0]
        for row, key in enumerate(catalogue.keys, start=1):
            assert item[row] == pytest.approx(profile.log_weight.get(f"item:{key}", 0.0))
        for column, key in enumerate(catalogue.concept_keys, start=1):
            expected = profile.log_weight.get(f"concept:{key}", 0.0)
            assert tables.concept[case, column] == pytest.approx(expected)
    assert tables.item[1].nnz == 0  # no context, no feedback


def test_fewer_cases_are_fewer_of_each_learner(replay: Replay) -> None:
    few = replay.some(2, seed=0)
    assert few.cases.learner.tolist() == [1, 2]
    assert len(few.row) == 2
    assert replay.some(3, seed=0) is replay
    assert len(replay.some(1, seed=0).cases) == 1


def test_nothing_after_the_moment_is_learned_from(replay: Replay) -> None:
    split = split_before(replay, seed=0)
    assert len(split.train) == 5
    assert split.targets is not None
    assert split.targets.tolist() == [True, False, False, True, False]
    index, value = taste_before(replay)
    assert not value[4].any()  # d was rated after the moment only
    alike = dict(zip(index[1].tolist(), value[1].tolist(), strict=True))
    ann, bob = replay.surprise[:2], replay.surprise[3:5]
    cosine = (ann[0] * ann[1] + bob[0] * bob[1]) / np.sqrt(
        (ann[0] ** 2 + bob[0] ** 2) * (ann[1] ** 2 + bob[1] ** 2)
    )
    assert alike[2] == pytest.approx(cosine * 2 / (2 + 10), rel=1e-5)


def test_without_ratings_there_is_nothing_to_replay(tmp_path: Path) -> None:
    (tmp_path / "interactions.csv").write_text("learner,item,order,timestamp\nann,a,0,1\n")
    with pytest.raises(BadDataError, match="column rating"):
        replay_at(read_folder(tmp_path), moment=1)


def test_without_cases_the_defaults_stay(replay: Replay) -> None:
    empty = replay.take(np.zeros(0, dtype=np.int64))
    config, told = fit_reweighting(object.__new__(BoundRecommender), empty, seconds=1)
    assert config == Reweighting()
    assert "defaults" in told["rule"]
