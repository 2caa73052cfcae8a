"""An anomaly is called by what it looks like: each severe fault by its own name, mostly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from recommender.core import detectors
from recommender.core.anomaly_kinds import tell_kinds
from recommender.core.attention_faults import FAULTS
from recommender.core.attention_names import KINDS, OTHER, names
from recommender.core.calibration import Watcher
from recommender.core.calibration_fit import Fitted, fit_calibration, sample
from recommender.core.events import EventLog
from recommender.core.serving import BoundRecommender, Recommender
from tests.core.conftest import make_catalogue, make_log


@pytest.fixture(scope="module")
def bound(version: Path) -> BoundRecommender:
    return Recommender.load(version, device="cpu").bind(make_catalogue())


@pytest.fixture(scope="module")
def crowd() -> EventLog:
    return make_log(160, seed=3, length=26)


@pytest.fixture(scope="module")
def fitted(bound: BoundRecommender, crowd: EventLog) -> Fitted:
    with pytest.MonkeyPatch.context() as few:
        few.setattr(detectors, "STEPS", 100)
        return fit_calibration(bound, crowd, np.arange(120), seed=0)


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault != "flooded"])
def test_a_severe_fault_is_called_by_its_name(
    bound: BoundRecommender, fitted: Fitted, crowd: EventLog, fault: str
) -> None:
    seen = sample(bound, crowd, np.arange(120, 160), moments=1, severity=2.0, seed=5)
    normal = fitted.kept.standard(*seen.broken[fault])
    told = [KINDS[number] for number in tell_kinds(normal).tolist()]
    assert len(told) > 20
    assert told.count(fault) > len(told) / 2


def test_what_has_no_marks_is_another_kind() -> None:
    normal = torch.zeros(2, len(names(2)))
    normal[0, names(2).index("likeness")] = 9.0
    normal[1, names(2).index("burst")] = 9.0
    assert [KINDS[number] for number in tell_kinds(normal).tolist()] == [OTHER, "flooded"]


def test_a_watcher_tells_kinds_and_events(
    bound: BoundRecommender, fitted: Fitted, crowd: EventLog
) -> None:
    watcher = Watcher(fitted.kept, bound, crowd.learners)
    watcher.calibration.threshold.fill_(-torch.inf)
    bound.score(crowd, now=1.9e9, watch=watcher)
    window = bound.model.config.length
    assert watcher.events.tolist() == np.minimum(np.diff(crowd.offsets), window).tolist()
    assert set(watcher.kind[watcher.anomalous].tolist()) <= set(range(len(KINDS)))
