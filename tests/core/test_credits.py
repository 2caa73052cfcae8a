"""Credit of events: what is hidden has no way to the score, and measures agree where they must."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from recommender.core import linear
from recommender.core.catalogue import Catalogue
from recommender.core.credits import CREDITS, Masked, explained_score, gradient_of_weight
from recommender.core.events import EventLog
from recommender.core.features import Batch, make_batch
from recommender.core.serving import BoundRecommender, Recommender, event_weight
from tests.core.conftest import make_log


@pytest.fixture
def bound(version: Path, catalogue: Catalogue) -> BoundRecommender:
    return Recommender.load(version, device="cpu").bind(catalogue)


@pytest.fixture
def batch(bound: BoundRecommender) -> Batch:
    log = make_log(30, seed=5, length=14)
    long = np.flatnonzero(np.diff(log.offsets) >= 6)
    return make_batch(log, long, None, bound.model.config.length)


def wanted_of(batch: Batch) -> torch.Tensor:
    return torch.arange(len(batch.item)) % 30 + 1


@torch.no_grad()
def test_nothing_hidden_gives_the_served_score(bound: BoundRecommender, log: EventLog) -> None:
    scores = bound.score(log, now=1.9e9)
    batch = make_batch(log, np.arange(log.learners), None, bound.model.config.length)
    nothing = torch.zeros_like(batch.mask)
    found = torch.stack(
        [
            explained_score(bound, Masked(batch, nothing), torch.full((log.learners,), item))
            for item in range(1, 31)
        ],
        1,
    )
    # The affinity is this score less what all items share.
    np.testing.assert_allclose(
        found.log_softmax(1).numpy(), scores.affinity[:, 1:], rtol=1e-4, atol=1e-3
    )


@torch.no_grad()
@pytest.mark.parametrize("deep", [True, False])
def test_what_is_hidden_may_be_anything(bound: BoundRecommender, batch: Batch, deep: bool) -> None:
    """Another outcome of a hidden event changes nothing; the last event's only where masks are deep."""
    rows = torch.arange(len(batch.item))
    hidden = torch.zeros_like(batch.mask)
    where = batch.length - 1 if deep else torch.zeros_like(batch.length)
    hidden[rows, where] = True
    changed = replace(batch, outcome=torch.where(hidden, (batch.outcome + 1) % 6, batch.outcome))
    wanted = wanted_of(batch)
    one = explained_score(bound, Masked(batch, hidden, deep), wanted)
    other = explained_score(bound, Masked(changed, hidden, deep), wanted)
    torch.testing.assert_close(one, other)
    seen = torch.zeros_like(batch.mask)
    assert not torch.allclose(
        explained_score(bound, Masked(changed, seen, deep), wanted),
        explained_score(bound, Masked(batch, seen, deep), wanted),
    )


def test_every_measure_gives_each_event_its_credit(bound: BoundRecommender, batch: Batch) -> None:
    wanted = wanted_of(batch)
    for name, credit in CREDITS.items():
        found = credit(bound, batch, wanted)
        assert found.shape == batch.item.shape, name
        assert torch.isfinite(found).all(), name
        assert found[batch.mask].abs().max() > 0, name


def test_rollout_of_a_state_is_a_distribution(bound: BoundRecommender, batch: Batch) -> None:
    with torch.no_grad():
        found = CREDITS["attention rollout"](bound, batch, wanted_of(batch))
    assert (found >= 0).all()
    assert (found.sum(1) < 1).all()  # the rest is the beginning's
    assert (found[~batch.mask] == 0).all()


@torch.no_grad()
def test_the_gradient_by_weight_is_the_slope(bound: BoundRecommender, batch: Batch) -> None:
    wanted, step = wanted_of(batch), 1e-2

    def score(event: int, log_weight: float) -> torch.Tensor:
        weight = torch.zeros_like(batch.attention)
        weight[:, event] = log_weight
        heavier = replace(batch, log_weight=weight)
        states = bound.model.last_states(heavier, bound.vectors)
        chance = bound.probability(states, batch, wanted[:, None])[:, 0]
        entries = linear.entries(batch.item, wanted[:, None], bound.index, bound.value)[:, 0]
        direct = (entries * event_weight(heavier, bound.mixture.decay)).sum(1)
        return bound.mixture.heat * bound.mixture.combine(chance, direct).log()

    slope = gradient_of_weight(bound, batch, wanted)
    for event in (0, 2):
        numeric = (score(event, step) - score(event, -step)) / (2 * step)
        torch.testing.assert_close(slope[:, event], numeric, rtol=0.05, atol=5e-3)


def test_hiding_what_counts_most_changes_more_than_hiding_what_counts_least(
    bound: BoundRecommender, batch: Batch
) -> None:
    wanted = wanted_of(batch)
    credit = CREDITS["contributions c_j(i)"](bound, batch, wanted).masked_fill(
        ~batch.mask, -torch.inf
    )
    least = credit.masked_fill(~batch.mask, torch.inf)
    with torch.no_grad():
        whole, most, few = (
            explained_score(bound, Masked(batch, hidden), wanted)
            for hidden in (
                torch.zeros_like(batch.mask),
                torch.zeros_like(batch.mask).scatter_(1, credit.argmax(1)[:, None], True),
                torch.zeros_like(batch.mask).scatter_(1, least.argmin(1)[:, None], True),
            )
        )
    assert (whole - most).mean() > (whole - few).mean()
