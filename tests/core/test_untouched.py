"""Items that nobody has touched are scored as those whose texts are nearest, and lifted a little."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from recommender.core.catalogue import Catalogue
from recommender.core.events import EventLog
from recommender.core.live import LiveLearner
from recommender.core.serving import BoundRecommender, Recommender
from recommender.core.training import TrainResult
from recommender.core.untouched import CROWD, LIFT, NEIGHBOURS, Untouched
from tests.core.conftest import ITEMS

NOW = 1.9e9
TWIN = 8
"""Item 8 has a text of its own here; the new item's text is the same."""


@pytest.fixture
def apart(catalogue: Catalogue) -> Catalogue:
    """Texts of which no two are alike, so that a twin has no other neighbour."""
    text = np.zeros((ITEMS + 1, ITEMS), dtype=np.float32)
    text[1:] = np.eye(ITEMS)
    return replace(catalogue, text=text)


def grow(catalogue: Catalogue, text: np.ndarray) -> Catalogue:
    assert catalogue.text is not None
    return Catalogue(
        keys=(*catalogue.keys, "new"),
        text=np.concatenate([catalogue.text, text[None]]),
        concepts=(*catalogue.concepts, ()),
        concept_keys=catalogue.concept_keys,
        gradable=np.concatenate([catalogue.gradable, [False]]),
        encoder=catalogue.encoder,
    )


@pytest.fixture
def version_apart(
    run_training: Callable[..., TrainResult], apart: Catalogue, log: EventLog, tmp_path: Path
) -> Recommender:
    return Recommender.load(run_training(log, apart, tmp_path / "v").artefact, device="cpu")


def test_a_twin_scores_as_its_neighbour_and_more(
    version_apart: Recommender, apart: Catalogue, log: EventLog
) -> None:
    assert apart.text is not None
    before = version_apart.bind(apart)
    bound = version_apart.bind(grow(apart, apart.text[TWIN]))
    affinity, old = bound.score(log, now=NOW).affinity, before.score(log, now=NOW).affinity
    above = affinity[:, TWIN] - affinity[:, TWIN].min() > 1e-3  # not at the floor of the mixture
    lifted = affinity[:, ITEMS + 1] - affinity[:, TWIN]
    # The attention's probabilities end at 1, before the lift does.
    assert (lifted[above] <= bound.mixture.heat * math.log(LIFT) + 1e-4).all()
    assert np.median(lifted[above]) == pytest.approx(bound.mixture.heat * math.log(LIFT), abs=1e-3)
    # All others stand to each other as before.
    apart_now, apart_then = (a[:, 1 : ITEMS + 1] - a[:, 1:2] for a in (affinity, old))
    np.testing.assert_allclose(apart_now, apart_then, atol=1e-4)


def test_contributions_of_a_new_item_add_up(
    version_apart: Recommender, apart: Catalogue, log: EventLog
) -> None:
    assert apart.text is not None
    bound = version_apart.bind(grow(apart, apart.text[TWIN] + apart.text[9]))
    scores = bound.score(log, now=NOW)
    told = scores.contributions(np.full((log.learners, 1), ITEMS + 1), top=64)
    np.testing.assert_allclose(
        told.prior[:, 0] + told.share[:, 0].sum(-1), scores.affinity[:, ITEMS + 1], atol=1e-4
    )
    assert (np.abs(told.share[:, 0]).sum(-1) > 0).mean() > 0.9


def test_an_appended_event_gives_the_same_score(
    version_apart: Recommender, apart: Catalogue, log: EventLog
) -> None:
    assert apart.text is not None
    bound = version_apart.bind(grow(apart, apart.text[TWIN]))
    one = log.of(np.array([int(np.argmax(np.diff(log.offsets)))]))
    live = LiveLearner.of(bound, one)
    np.testing.assert_allclose(live.affinity(), bound.score(one, now=NOW).affinity[0], atol=1e-5)


def test_a_text_like_no_other_changes_nothing(
    version_apart: Recommender, apart: Catalogue, log: EventLog
) -> None:
    bound = version_apart.bind(grow(apart, np.zeros(ITEMS, dtype=np.float32)))
    assert isinstance(bound, BoundRecommender)
    assert bound.bias is None
    assert np.isfinite(bound.score(log, now=NOW).affinity[:, 1:]).all()


def test_neighbours_are_the_most_similar_items_with_events() -> None:
    torch.manual_seed(0)
    text = torch.randn(200, 16)
    text[0] = 0
    met = torch.rand(200) < 0.8
    met[0] = False
    found = Untouched.find(text, met, met)
    assert found is not None
    assert not met[found.item].any()
    assert met[found.neighbour].all()
    torch.testing.assert_close(found.share.sum(1), torch.ones(len(found.item)))
    unit = torch.nn.functional.normalize(text, dim=1)
    for row, item in enumerate(found.item.tolist()):
        cosine = unit @ unit[item]
        best = cosine.masked_fill(~met, -2).topk(NEIGHBOURS).indices
        assert set(best.tolist()) == set(found.neighbour[row].tolist())


def test_a_text_about_something_else_is_no_neighbour() -> None:
    text = torch.nn.functional.normalize(
        torch.randn(60, 2000, generator=torch.Generator().manual_seed(0))
    )
    met = torch.arange(60) < 50
    met[0] = False
    assert Untouched.find(text, met, met) is None


def test_many_new_items_are_lifted_less() -> None:
    text = torch.ones(101, 4)
    text[0] = 0
    lifts = []
    for known in (99, 50, 10):
        met = (torch.arange(101) > 0) & (torch.arange(101) <= known)
        found = Untouched.find(text, met, met)
        assert found is not None
        lifts.append(found.lift)
    assert lifts == [LIFT, pytest.approx(CROWD), pytest.approx(CROWD / 9)]


def test_an_event_on_a_new_item_says_what_one_on_its_neighbour_says(
    version_apart: Recommender, apart: Catalogue
) -> None:
    assert apart.text is not None
    bound = version_apart.bind(grow(apart, apart.text[TWIN]))
    one, other = (
        EventLog.from_columns(np.array([0, 1]), item=np.array([row]), time=np.array([1.7e9]))
        for row in (TWIN, ITEMS + 1)
    )
    affinity = np.concatenate([bound.score(log, now=NOW).affinity for log in (one, other)])
    others = [row for row in range(1, ITEMS + 1) if row != TWIN]
    gap = affinity[:, others] - affinity[:, others[:1]]
    np.testing.assert_allclose(gap[0], gap[1], atol=1e-4)


def test_an_item_with_a_few_events_keeps_what_is_its_own() -> None:
    text = torch.eye(4)[[0, 1, 1, 2]]
    text[0] = 0
    met = torch.tensor([False, True, True, True])
    warm = torch.tensor([False, True, False, True])  # item 2 is like item 1, and has few events
    assert Untouched.find(text, met, warm) is None
