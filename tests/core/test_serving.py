"""A loaded version scores, explains and predicts; evaluation and slates see the same numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from recommender.core.catalogue import Catalogue
from recommender.core.errors import IncompatibleArtefact
from recommender.core.events import EventLog
from recommender.core.features import is_answer, select_events
from recommender.core.scoring import scorer
from recommender.core.serving import BoundRecommender, Recommender
from recommender.core.success_training import predict_answers
from tests.core.conftest import ITEMS, make_catalogue, make_log

NOW = 1.9e9


@pytest.fixture
def bound(version: Path, catalogue: Catalogue) -> BoundRecommender:
    return Recommender.load(version, device="cpu").bind(catalogue)


def test_affinities_are_log_probabilities(bound: BoundRecommender, log: EventLog) -> None:
    affinity = bound.score(log, now=NOW).affinity
    assert affinity.shape == (log.learners, ITEMS + 1)
    assert np.isneginf(affinity[:, 0]).all()
    np.testing.assert_allclose(np.exp(affinity).sum(1), 1, rtol=1e-4)


def test_two_loads_give_the_same_bits(
    version: Path, catalogue: Catalogue, bound: BoundRecommender, log: EventLog
) -> None:
    again = Recommender.load(version, device="cpu").bind(catalogue)
    one, other = bound.score(log, now=NOW).affinity, again.score(log, now=NOW).affinity
    assert one.tobytes() == other.tobytes()


def test_the_company_in_a_batch_changes_nothing(bound: BoundRecommender, log: EventLog) -> None:
    together = bound.score(log, now=NOW).affinity
    for who in (0, 7, 31):
        alone = bound.score(log.of(np.array([who])), now=NOW).affinity[0]
        np.testing.assert_allclose(alone, together[who], atol=1e-5)


def test_a_learner_without_events_gets_the_prior(bound: BoundRecommender) -> None:
    scores = bound.score(EventLog.empty(2), now=NOW)
    assert np.isfinite(scores.affinity[:, 1:]).all()
    told = scores.contributions(np.array([[1, 2], [3, 4]]))
    assert (told.event == -1).all()
    assert (told.share == 0).all()
    np.testing.assert_allclose(told.prior[0], scores.affinity[0, [1, 2]], atol=1e-6)


def test_contributions_add_up_to_the_affinity(bound: BoundRecommender, log: EventLog) -> None:
    scores = bound.score(log, now=NOW)
    items = np.argsort(-scores.affinity, axis=1)[:, :6]
    told = scores.contributions(items, top=64)
    explained = told.prior + told.share.sum(-1)
    np.testing.assert_allclose(
        explained, np.take_along_axis(scores.affinity, items, 1), rtol=1e-4, atol=1e-4
    )
    kept = told.event[0, 0][told.event[0, 0] >= 0]
    assert sorted(kept) == list(range(len(kept)))
    few = scores.contributions(items, top=2)
    np.testing.assert_array_equal(few.event, told.event[..., :2])
    assert (np.abs(few.share[..., 0]) >= np.abs(few.share[..., 1])).all()


def test_two_items_of_a_slate_have_different_reasons(bound: BoundRecommender) -> None:
    log = make_log(12, seed=5, length=14)
    scores = bound.score(log, now=NOW)
    items = np.tile(np.arange(1, 31), (12, 1))
    told = scores.contributions(items, top=1)
    long = np.diff(log.offsets) >= 8
    assert all(len(np.unique(row)) > 1 for row in told.event[long, :, 0])


def test_share_is_the_first_order_effect_in_the_linear_part(
    version: Path, catalogue: Catalogue, log: EventLog
) -> None:
    """With the attention silent, removing an event's entry changes log s by its share."""
    bound = Recommender.load(version, device="cpu").bind(catalogue)
    bound.mixture = type(bound.mixture)(linear=1e6, decay=1.0, heat=1.0)
    bound.value = bound.value.abs()
    one = log.of(np.array([int(np.argmax(np.diff(log.offsets)))]))
    scores = bound.score(one, now=NOW)
    target = np.array([[int(np.argmax(scores.affinity[0]))]])
    told = scores.contributions(target, top=64)
    np.testing.assert_allclose(
        told.share.sum(), 1, rtol=1e-3
    )  # s is linear: its shares are all of it


def test_an_unknown_item_is_ranked_by_its_text(version: Path, catalogue: Catalogue) -> None:
    assert catalogue.text is not None
    grown = Catalogue(
        keys=(*catalogue.keys, "fresh-alike", "fresh-other"),
        text=np.concatenate([catalogue.text, catalogue.text[2:3], -catalogue.text[2:3]]),
        concepts=(*catalogue.concepts, (1,), (2,)),
        concept_keys=catalogue.concept_keys,
        gradable=np.concatenate([catalogue.gradable, [True, True]]),
        encoder=catalogue.encoder,
    )
    bound = Recommender.load(version, device="cpu").bind(grown)
    # Item 2 belongs to topic 1, as do 8, 14, 20: after those, its twin is nearer than its opposite.
    log = EventLog.from_columns(
        np.array([0, 3]), item=np.array([8, 14, 20]), time=1.7e9 + np.arange(3.0)
    )
    affinity = bound.score(log, now=NOW).affinity[0]
    assert affinity[31] > affinity[32]
    chance = bound.predict_success(log, np.array([[31, 32]]), now=NOW)
    assert ((chance > 0) & (chance < 1)).all()


def test_another_order_of_the_catalogue_changes_no_score(
    version: Path, catalogue: Catalogue, bound: BoundRecommender, log: EventLog
) -> None:
    assert catalogue.text is not None
    order = np.concatenate([[0], np.random.default_rng(0).permutation(ITEMS) + 1])
    place = np.argsort(order)
    shuffled = Catalogue(
        keys=tuple(catalogue.keys[row - 1] for row in order[1:]),
        text=catalogue.text[order],
        concepts=tuple(catalogue.concepts[row] for row in order),
        concept_keys=catalogue.concept_keys,
        gradable=catalogue.gradable[order],
        encoder=catalogue.encoder,
    )
    columns = {
        n: getattr(log, n) for n in ("behaviour", "outcome", "attention", "time", "received")
    }
    moved = EventLog.from_columns(log.offsets, item=place[log.item], **columns)
    other = Recommender.load(version, device="cpu").bind(shuffled)
    here, there = bound.score(log, now=NOW).affinity, other.score(moved, now=NOW).affinity
    np.testing.assert_allclose(there[:, place], here, atol=1e-5)
    wanted = np.tile(np.arange(1, 11), (log.learners, 1))
    np.testing.assert_allclose(
        other.predict_success(moved, place[wanted], now=NOW),
        bound.predict_success(log, wanted, now=NOW),
        atol=1e-5,
    )


def test_vectors_of_another_encoder_are_refused(version: Path) -> None:
    with pytest.raises(IncompatibleArtefact, match="encoder"):
        Recommender.load(version, device="cpu").bind(make_catalogue(encoder="other"))


def test_only_exercises_have_a_predicted_success(bound: BoundRecommender, log: EventLog) -> None:
    chance = bound.predict_success(log, np.tile([0, 1, 2, 3], (log.learners, 1)), now=NOW)
    assert np.isnan(chance[:, [0, 2]]).all()
    assert ((chance[:, [1, 3]] > 0) & (chance[:, [1, 3]] < 1)).all()


def test_events_after_now_are_not_read(bound: BoundRecommender, log: EventLog) -> None:
    one = log.of(np.array([3]))
    middle = float(one.time[1]) + 1
    early = EventLog.from_columns(
        np.array([0, 2]),
        **{n: getattr(one, n)[:2] for n in ("item", "behaviour", "outcome", "attention", "time")},
    )
    far = EventLog.from_columns(
        one.offsets,
        **{n: getattr(one, n) for n in ("item", "behaviour", "outcome", "attention")},
        time=np.where(np.arange(len(one)) < 2, one.time, one.time + 1e6),
    )
    np.testing.assert_allclose(
        bound.score(far, now=middle).affinity, bound.score(early, now=middle).affinity, atol=1e-6
    )


def test_evaluation_and_slates_see_the_same_numbers(bound: BoundRecommender, log: EventLog) -> None:
    ends = np.diff(log.offsets)
    evaluated = scorer(bound, log)(np.arange(log.learners), ends).numpy()
    np.testing.assert_allclose(evaluated, bound.score(log, now=NOW).affinity, atol=1e-5)

    answers = select_events(log, is_answer(log))
    assert bound.success is not None
    logits, rows = predict_answers(
        bound.success, answers, np.arange(log.learners), bound.text, torch.device("cpu")
    )
    count = bound.success.count[torch.from_numpy(answers.item.astype(np.int64))[rows]]
    chance = bound.success.calibrated(logits, count).numpy()
    for probability, row in list(zip(chance, rows.tolist(), strict=True))[::9]:
        who = int(np.searchsorted(answers.offsets, row, side="right") - 1)
        first = answers.offsets[who : who + 1]
        before = answers.between(first, np.array([row]))
        slate = bound.predict_success(before, answers.item[[row]][None], now=NOW)
        np.testing.assert_allclose(slate[0, 0], probability, atol=1e-5)
