"""A cached learner state equals what is computed from her whole history, event after event."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recommender.core.catalogue import Catalogue
from recommender.core.config import ModelConfig
from recommender.core.events import ANSWERED, COMPLETED, RIGHT, WRONG, EventLog
from recommender.core.live import Event, LiveLearner
from recommender.core.serving import BoundRecommender, Recommender
from recommender.core.training import train
from tests.core.conftest import ITEMS, make_catalogue, make_log, tiny_config

NOW = 1.9e9


@pytest.fixture(scope="module", params=[1, 2], ids=["one block", "two blocks"])
def bound(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> BoundRecommender:
    catalogue: Catalogue = make_catalogue()
    out: Path = tmp_path_factory.mktemp("live") / "version"
    sizes = ModelConfig(width=16, heads=2, blocks=request.param, length=8, hidden=16)
    train(
        make_log(),
        catalogue,
        config=tiny_config(model=sizes),
        out=out,
        checkpoint=None,
        start_from=None,
        on_progress=lambda _: None,
        should_stop=lambda: False,
        device="cpu",
    )
    return Recommender.load(out, device="cpu").bind(catalogue)


def events(count: int) -> list[Event]:
    """Repeats, retries and an item that the catalogue lacks among them."""
    rng = np.random.default_rng(3)
    found = []
    for step in range(count):
        item = int(rng.integers(0, ITEMS + 1)) if step % 4 else 5
        if step % 5 == 1:
            item = found[-1].item
        answered = item % 2 == 1
        outcome = int(rng.choice([RIGHT, WRONG])) if answered else 0
        behaviour = ANSWERED if answered else COMPLETED
        found.append(
            Event(item, behaviour, outcome, float(rng.integers(0, 90)), 1.7e9 + 3600.0 * step)
        )
    return found


def as_log(told: list[Event]) -> EventLog:
    names = ("item", "behaviour", "outcome", "attention", "time")
    columns = {name: np.array([getattr(e, name) for e in told]) for name in names}
    return EventLog.from_columns(np.array([0, len(told)]), **columns)


def test_every_event_leads_to_the_recomputed_state(bound: BoundRecommender) -> None:
    told = events(30)
    live = LiveLearner.of(bound, EventLog.empty(1))
    candidates = np.arange(1, ITEMS + 1)
    assert bound.success is not None
    for step, event in enumerate(told, start=1):
        live.append(event)
        history = as_log(told[:step])
        expected = bound.score(history, now=NOW).affinity[0]
        np.testing.assert_allclose(live.affinity(), expected, rtol=1e-5, atol=1e-5)
        chance = bound.predict_success(history, candidates[None], now=NOW)[0]
        np.testing.assert_allclose(live.predict_success(candidates), chance, atol=1e-5)


def test_it_may_begin_anywhere(bound: BoundRecommender) -> None:
    told = events(24)
    live = LiveLearner.of(bound, as_log(told[:13]))
    for event in told[13:]:
        live.append(event)
    expected = bound.score(as_log(told), now=NOW).affinity[0]
    np.testing.assert_allclose(live.affinity(), expected, rtol=1e-5, atol=1e-5)


def test_a_learner_without_events_has_the_prior(bound: BoundRecommender) -> None:
    live = LiveLearner.of(bound, EventLog.empty(1))
    expected = bound.score(EventLog.empty(1), now=NOW).affinity[0]
    np.testing.assert_allclose(live.affinity(), expected, atol=1e-5)
    candidates = np.arange(0, 9)
    chance = bound.predict_success(EventLog.empty(1), candidates[None], now=NOW)[0]
    np.testing.assert_allclose(live.predict_success(candidates), chance, atol=1e-5)
