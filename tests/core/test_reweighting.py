"""Feedback becomes weights by a pure fold, and weights reach every part of the score."""

from __future__ import annotations

import dataclasses
import math
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from recommender.core.catalogue import Catalogue
from recommender.core.events import COMPLETED, EventLog
from recommender.core.reweighting import (
    DAY,
    LedgerEntry,
    Profile,
    Reweighting,
    credit,
    event_features,
    fold,
)
from recommender.core.serving import BoundRecommender, Recommender
from recommender.core.weights import Weights

NOW = 1.9e9
CONFIG = Reweighting(
    step=0.5,
    settle=1e12,
    broad=1.0,
    half_life_days=10,
    limit=4,
    event=1.0,
    candidate=1.0,
    alike=1.0,
)
ALGEBRA = (("concept:algebra", "kind:video"), 3.0)
SETS = (("concept:sets",), -1.0)


@pytest.fixture
def bound(version: Path, catalogue: Catalogue) -> BoundRecommender:
    return Recommender.load(version, device="cpu").bind(catalogue)


def entry(number: int, *, day: float = 0, strength: float = 1.0, shares=(ALGEBRA, SETS)):  # type: ignore[no-untyped-def]
    return LedgerEntry(at=NOW + day * DAY, id=number, strength=strength, shares=shares)


def test_feedback_moves_features_by_their_share_of_the_contributions() -> None:
    profile = fold([entry(1, strength=-0.8)], now=NOW, config=CONFIG)
    assert profile.log_weight == pytest.approx(
        {
            "concept:algebra": 0.5 * -0.8 * 3 / 4,
            "kind:video": 0.5 * -0.8 * 3 / 4,
            "concept:sets": 0.5 * -0.8 * 1 / 4,
        }
    )
    assert profile.moved["concept:sets"] == ((1, pytest.approx(-0.1)),)
    assert profile.weight("concept:sets") == pytest.approx(math.exp(-0.1))
    assert profile.weight("concept:never met") == 1


def test_an_empty_ledger_is_an_empty_profile() -> None:
    profile = fold([], now=NOW, config=CONFIG)
    assert profile.empty
    assert profile == Profile(CONFIG)
    assert fold([entry(1, shares=())], now=NOW, config=CONFIG).empty


def test_the_fold_depends_on_what_is_in_the_ledger_only() -> None:
    entries = [
        entry(n, day=n % 4, strength=(-1) ** n * n / 9, shares=[ALGEBRA] if n % 3 else [SETS])
        for n in range(1, 12)
    ]
    once = fold(entries, now=NOW + 5 * DAY, config=CONFIG)
    shuffled = [*entries, *entries[3:7]]
    random.Random(3).shuffle(shuffled)
    assert fold(shuffled, now=NOW + 5 * DAY, config=CONFIG) == once
    assert fold(entries, now=NOW + 5 * DAY, config=CONFIG) == once


def test_taking_an_entry_back_is_folding_without_it() -> None:
    # The second entry runs into the limit: subtracting what it moved would not be enough.
    entries = [entry(1, strength=2), entry(2, strength=4), entry(3, day=1, strength=-1)]
    without = fold([entries[0], entries[2]], now=NOW + DAY, config=CONFIG)
    expected = 0.75 * 0.5 ** (1 / 10) - 0.375
    assert without.weight("concept:algebra") == pytest.approx(math.exp(expected))
    assert [who for who, _ in without.moved["concept:algebra"]] == [1, 3]


def test_weights_halve_with_the_half_life() -> None:
    full = fold([entry(1)], now=NOW, config=CONFIG).log_weight["concept:algebra"]
    half = fold([entry(1)], now=NOW + 10 * DAY, config=CONFIG).log_weight["concept:algebra"]
    assert half == pytest.approx(full / 2)
    later = fold([entry(1), entry(2, day=10)], now=NOW + 20 * DAY, config=CONFIG)
    assert later.log_weight["concept:algebra"] == pytest.approx((full / 2 + full) / 2)


def test_weights_stay_within_their_limits_after_every_step() -> None:
    up = [entry(n, strength=4) for n in range(9)]
    profile = fold(up, now=NOW, config=CONFIG)
    assert profile.weight("concept:algebra") == pytest.approx(4)
    assert sum(delta for _, delta in profile.moved["concept:algebra"]) == pytest.approx(math.log(4))
    back = fold([*up, entry(9, strength=-1)], now=NOW, config=CONFIG)
    assert back.log_weight["concept:algebra"] == pytest.approx(math.log(4) - 0.375)


def test_the_learner_narrows_the_limits_of_a_feature() -> None:
    ledger = [entry(1, strength=3)]
    limits = {"concept:algebra": (0.5, 1.25), "kind:quiz": (2.0, 2.0)}
    profile = fold(ledger, now=NOW, config=CONFIG, limits=limits)
    assert profile.weight("concept:algebra") == pytest.approx(1.25)
    assert profile.weight("kind:quiz") == pytest.approx(2)
    assert profile.weight("kind:video") == pytest.approx(math.exp(0.5 * 3 * 3 / 4))
    assert "kind:quiz" not in profile.moved
    with pytest.raises(ValueError, match="concept:sets"):
        fold(ledger, now=NOW, config=CONFIG, limits={"concept:sets": (0.1, 1)})


def test_feedback_from_after_the_moment_does_not_count() -> None:
    assert fold([entry(1, day=1)], now=NOW, config=CONFIG).empty


@pytest.mark.parametrize(
    "change",
    [
        {"step": -1},
        {"step": math.nan},
        {"half_life_days": 0},
        {"settle": 0},
        {"crowd": 0},
        {"own": 1.5},
        {"limit": 1},
        {"candidate": math.inf},
        {"strengths": {"loved": 1.0}},
        {"strengths": {"helpful": 9.0}},
    ],
)
def test_settings_that_make_no_sense_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="reweighting: "):
        Reweighting(**change)  # type: ignore[arg-type]


def test_settings_come_back_from_a_manifest() -> None:
    config = Reweighting(step=0.2, strengths={"helpful": 0.5})
    assert Reweighting.read(config.to_dict()) == config
    assert config.strength("helpful", surprise=0.5) == 0.25
    assert config.strengths["not_helpful"] == Reweighting().strengths["not_helpful"]
    assert Reweighting.read(None) == Reweighting()
    for broken in ({"speed": 1}, {"step": "fast"}, {"strengths": 3}, 7):
        with pytest.raises(ValueError, match="reweighting: "):
            Reweighting.read(broken)


def profiles(catalogue: Catalogue, learners: int) -> list[Profile | None]:
    """Every third learner has an empty profile, in the two ways there are."""
    found: list[Profile | None] = []
    for who in range(learners):
        topic = f"concept:topic-{who % 6}"
        weights = {topic: 0.9, f"concept:topic-{(who + 1) % 6}": -1.2, "behaviour:completed": 0.3}
        empty = Profile(CONFIG) if who % 2 else None
        found.append(Profile(CONFIG, weights) if who % 3 else empty)
    return found


def test_learners_with_empty_profiles_get_the_very_same_bits(
    bound: BoundRecommender, log: EventLog
) -> None:
    plain = bound.score(log, now=NOW).affinity
    weights = Weights.of(profiles(bound.catalogue, log.learners), bound.catalogue)
    tuned = bound.score(log, now=NOW, weights=weights).affinity
    who = np.arange(log.learners)
    assert tuned[who % 3 == 0].tobytes() == plain[who % 3 == 0].tobytes()
    assert (np.abs(tuned[:, 1:] - plain[:, 1:])[who % 3 > 0].max(1) > 1e-3).all()
    assert Weights.of([None, Profile(CONFIG)], bound.catalogue) is None


def test_contributions_add_up_with_weights(bound: BoundRecommender, log: EventLog) -> None:
    weights = Weights.of(profiles(bound.catalogue, log.learners), bound.catalogue)
    scores = bound.score(log, now=NOW, weights=weights)
    items = np.tile(np.arange(1, 6), (log.learners, 1))
    told = scores.contributions(items)
    total = told.prior + told.share.sum(2)
    wanted = np.take_along_axis(scores.affinity, items, axis=1)
    np.testing.assert_allclose(total, wanted, atol=1e-5)


def test_events_of_a_concept_that_weighs_less_contribute_less(
    bound: BoundRecommender, log: EventLog
) -> None:
    who = int(np.argmax(np.diff(log.offsets)))
    hers = log.of(np.array([who]))
    topics = (np.asarray(hers.item) - 1) % 6
    topic = int(topics[-3])
    item = np.array([[int(hers.item[-3])]])
    config = dataclasses.replace(CONFIG, candidate=0.0)
    low = Weights.of([Profile(config, {f"concept:topic-{topic}": -math.log(4)})], bound.catalogue)

    def attention(weights: Weights | None) -> float:
        scores = bound.score(hers, now=NOW, weights=weights)
        (_, batch), *_ = scores.batches
        with torch.inference_mode():
            alpha = bound.model.explain(batch, bound.vectors).alpha[0, :, 1:].mean(0).numpy()
        assert np.isfinite(scores.contributions(item).share).all()
        return float(alpha[topics == topic].sum())

    assert attention(low) < 0.6 * attention(None)


def test_a_candidate_gains_what_its_features_weigh(bound: BoundRecommender) -> None:
    nobody = EventLog.empty(1)
    plain = bound.score(nobody, now=NOW).affinity[0]
    config = dataclasses.replace(CONFIG, candidate=0.5)
    weights = Weights.of([Profile(config, {"concept:topic-2": 1.0})], bound.catalogue)
    tuned = bound.score(nobody, now=NOW, weights=weights).affinity[0]
    carries = np.array([2 in row for row in bound.catalogue.concepts])
    gained = tuned[1:] - plain[1:]
    np.testing.assert_allclose(
        gained[carries[1:]].mean() - gained[~carries[1:]].mean(), 0.5, atol=1e-5
    )


def test_an_opinion_counts_less_for_what_is_like_its_item_the_more_there_are(
    bound: BoundRecommender,
) -> None:
    rows = bound.catalogue.rows
    index = torch.arange(rows).remainder(rows - 1)[:, None] + 1  # of each item the next one
    taste = index.roll(-1, 0), torch.full((rows, 1), 0.5)
    config = dataclasses.replace(CONFIG, alike=2.0, crowd=3.0)
    keys = bound.catalogue.keys[:3]

    def gained(many: int) -> float:
        profile = Profile(config, {f"item:{key}": 0.3 for key in keys[:many]})
        weights = Weights.of([profile], bound.catalogue)
        assert weights is not None
        return float(weights.of_candidates(taste)[0, taste[0][1, 0]])

    assert gained(1) == pytest.approx(2.0 * 0.3 * 0.5 / (1 + 1 / 3))
    assert gained(3) == pytest.approx(2.0 * 0.3 * 0.5 / (1 + 3 / 3))


def test_an_event_weighs_the_mean_of_its_concepts_with_behaviour_and_kind(
    catalogue: Catalogue, bound: BoundRecommender, log: EventLog
) -> None:
    several = dataclasses.replace(
        catalogue,
        concepts=((), (0, 1), *catalogue.concepts[2:]),
        kinds=("", "video", *["quiz"] * (catalogue.rows - 2)),
    )
    assert event_features(several, 1, COMPLETED) == (
        "item:item-1",
        "concept:topic-0",
        "concept:topic-1",
        "behaviour:completed",
        "kind:video",
    )
    profile = Profile(
        CONFIG,
        {"concept:topic-0": 0.6, "behaviour:completed": 0.1, "kind:video": 0.2, "kind:gone": 1.0},
    )
    weights = Weights.of([profile], several)
    assert weights is not None
    hers = EventLog.from_columns(np.array([0, 3]), item=np.array([1, 2, 7]))
    (_, batch), *_ = bound.score(hers, now=NOW).batches
    expected = [0.6 / 2 + 0.1 + 0.2, 0.1, 0.1 + 0.6]
    np.testing.assert_allclose(weights.of_events(batch)[0].numpy(), expected, atol=1e-6)


def test_credit_reads_contributions_of_a_slate(bound: BoundRecommender, log: EventLog) -> None:
    scores = bound.score(log, now=NOW)
    told = scores.contributions(np.full((log.learners, 1), 4))
    who = int(np.argmax(np.diff(log.offsets)))
    shares = credit(bound.catalogue, log, who, told.event[who, 0], told.share[who, 0])
    assert len(shares) == min(32, int(np.diff(log.offsets)[who]))
    first = int(log.offsets[who] + told.event[who, 0, 0])
    assert shares[0][1] == pytest.approx(float(told.share[who, 0, 0]))
    assert shares[0][0] == event_features(
        bound.catalogue, int(log.item[first]), int(log.behaviour[first])
    )
    profile = fold([LedgerEntry(NOW, 1, -1.0, shares)], now=NOW, config=CONFIG)
    assert -0.5 - 1e-9 <= min(profile.log_weight.values()) < 0
