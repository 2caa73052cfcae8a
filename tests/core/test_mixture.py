"""What the mixture's search takes into the linear part, and what it leaves out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from recommender.core import linear
from recommender.core.catalogue import Catalogue
from recommender.core.evaluation import Cases
from recommender.core.events import EventLog
from recommender.core.fitting import Kept, Mixed, fit_mixture
from recommender.core.serving import BoundRecommender, Recommender
from tests.core.conftest import ITEMS

STEP = 7
"""Every item is followed by the one this many places further on."""


@pytest.fixture
def walks() -> EventLog:
    rng = np.random.default_rng(0)
    starts = rng.integers(ITEMS, size=80)
    item = (starts[:, None] + STEP * np.arange(6)) % ITEMS + 1
    return EventLog.from_columns(
        np.arange(0, 6 * 80 + 1, 6), item=item.ravel(), time=1.7e9 + np.arange(480.0)
    )


@pytest.fixture
def bound(version: Path, catalogue: Catalogue) -> BoundRecommender:
    """A version that knows nothing of these walks."""
    return Recommender.load(version, device="cpu").bind(catalogue)


def search(bound: BoundRecommender, walks: EventLog, beside: dict[str, Kept]) -> Mixed:
    cases = Cases(
        np.arange(80), np.full(80, 5), np.asarray(walks.item, dtype=np.int64)[5::6].copy()
    )
    candidates = torch.arange(ITEMS + 1) > 0
    nothing = linear.to_rows(linear.from_rows(bound.index, bound.value) * 0)
    return fit_mixture(bound, nothing, walks, cases, candidates, beside=beside)


def test_order_is_learned_where_order_is_all(bound: BoundRecommender, walks: EventLog) -> None:
    item = np.asarray(walks.item, dtype=np.int64)
    chain = linear.markov(walks.learner_of_event(), item, ITEMS + 1)
    found = search(bound, walks, {"markov": chain})
    assert found.beside["markov"] > 0
    assert found.mixture.linear > 0
    row = linear.from_rows(*found.kept).toarray()[1]
    assert int(row.argmax()) == 1 + STEP


def test_rows_that_say_nothing_are_left_out(bound: BoundRecommender, walks: EventLog) -> None:
    empty = (torch.zeros(ITEMS + 1, 3, dtype=torch.int32), torch.zeros(ITEMS + 1, 3))
    found = search(bound, walks, {"words": empty})
    assert found.beside == {"words": 0.0}
