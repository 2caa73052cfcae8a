"""Over a large catalogue candidates are scored as exactly as all items would be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from recommender.core import serving
from recommender.core.catalogue import Catalogue
from recommender.core.events import EventLog
from recommender.core.serving import BoundRecommender, Recommender
from recommender.core.shortlist import Direct, Nearest, union
from tests.core.conftest import ITEMS

NOW = 1.9e9


@pytest.fixture
def exact(version: Path, catalogue: Catalogue) -> BoundRecommender:
    return Recommender.load(version, device="cpu").bind(catalogue)


@pytest.fixture
def indexed(
    version: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> BoundRecommender:
    monkeypatch.setattr(serving, "EXACT_ROWS", 10)
    return Recommender.load(version, device="cpu").bind(catalogue)


def test_a_shortlist_of_everything_gives_the_exact_scores(
    exact: BoundRecommender, indexed: BoundRecommender, log: EventLog
) -> None:
    assert exact.nearest is None
    assert indexed.nearest is not None
    whole, few = exact.score(log, now=NOW), indexed.score(log, now=NOW)
    np.testing.assert_allclose(few.affinity[:, 1:], whole.affinity[:, 1:], atol=2e-4)
    items = np.argsort(-whole.affinity, axis=1)[:, :5]
    one, other = whole.contributions(items), few.contributions(items)
    np.testing.assert_allclose(other.share.sum(2), one.share.sum(2), atol=1e-3)


def test_the_best_are_those_of_the_scores(
    exact: BoundRecommender, indexed: BoundRecommender, log: EventLog
) -> None:
    affinity = exact.score(log, now=NOW).affinity
    for bound in (exact, indexed):
        items, found = bound.best(log, 5, now=NOW)
        np.testing.assert_allclose(found, -np.sort(-affinity, axis=1)[:, :5], atol=2e-4)
        np.testing.assert_allclose(np.take_along_axis(affinity, items, 1), found, atol=2e-4)
    items, found = exact.best(log, ITEMS + 9, now=NOW)
    assert np.isneginf(found[:, ITEMS:]).all()


def test_items_that_must_be_scored_are(
    indexed: BoundRecommender, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert indexed.nearest is not None
    search = indexed.nearest.search
    monkeypatch.setattr(indexed.nearest, "search", lambda states: search(states, 3))
    monkeypatch.setattr(serving, "DIRECT", 2)
    alone = indexed.score(log, now=NOW).affinity
    assert (np.isfinite(alone).sum(1) <= 5).all()
    among = [np.array([who % ITEMS + 1, 7]) for who in range(log.learners)]
    found = indexed.score(log, now=NOW, among=among).affinity
    for who, wanted in enumerate(among):
        assert np.isfinite(found[who, wanted]).all()
    assert np.isneginf(found[:, 0]).all()


def test_the_linear_part_is_found_exactly() -> None:
    torch.manual_seed(0)
    index = torch.stack([torch.randperm(30)[:6].sort().values for _ in range(30)]).int()
    value = torch.where(index == 0, 0.0, torch.rand(30, 6))
    item, weight = torch.randint(1, 30, (4, 8)), torch.rand(4, 8)
    dense = torch.zeros(30, 30).scatter_(1, index.long(), value)
    expected = torch.einsum("bl,blv->bv", weight, dense[item])
    found = Direct.of(item, weight, index, value)
    every = torch.arange(30).expand(4, 30).contiguous()
    torch.testing.assert_close(found.at(every), expected, rtol=1e-5, atol=1e-6)
    top = found.largest(3)
    torch.testing.assert_close(expected.gather(1, top), expected.topk(3, dim=1).values)


def test_the_nearest_and_the_sum_over_all_others() -> None:
    torch.manual_seed(0)
    topics = torch.randn(40, 16)  # items of a topic are alike, as trained vectors are
    vectors = topics[torch.randint(0, 40, (5001,))] + 0.3 * torch.randn(5001, 16)
    states = topics[:8] + 0.3 * torch.randn(8, 16)
    vectors[0] = 0
    met = torch.arange(5001) > 0
    nearest = Nearest(vectors, met)
    logits, rows = nearest.search(states, 200)
    exact = (states @ vectors.T)[:, 1:].topk(100, dim=1).indices + 1
    recall = (rows[:, :, None] == exact[:, None]).any(1).float().mean()
    assert recall > 0.9
    torch.testing.assert_close(logits, torch.einsum("bd,bkd->bk", states, vectors[rows]))
    history = rows[:, :2]
    norm = nearest.log_norm(states, logits, rows, history)
    truth = (states @ vectors.T).masked_fill(~met, -torch.inf)
    truth = truth.scatter(1, history, -torch.inf).logsumexp(1, keepdim=True)
    torch.testing.assert_close(norm, truth, rtol=0, atol=0.02)


def test_a_union_names_every_row_once() -> None:
    found = union(torch.tensor([[3, 1, 0]]), torch.tensor([[1, 5]]))
    assert sorted(found[0].tolist()) == [0, 0, 1, 3, 5]
