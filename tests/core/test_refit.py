"""Re-weighting fitted on a version's own opinions: kept where they are few, and tastes in the version in any case."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recommender.core import refit as module
from recommender.core.artefact import read_manifest
from recommender.core.catalogue import Catalogue
from recommender.core.config import ModelConfig, TrainConfig
from recommender.core.readers import DataFolder
from recommender.core.refit import from_opinions, keep, refit
from recommender.core.reweighting import Reweighting
from recommender.core.serving import Recommender
from recommender.core.training import train

LEARNERS, ITEMS, EACH = 60, 20, 14
OURS = Reweighting(half_life_days=90.0)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    keys = tuple(str(100 + row) for row in range(1, ITEMS + 1))
    concepts = ((), *((row % 2,) for row in range(1, ITEMS + 1)))
    return Catalogue(keys, None, concepts, ("even", "odd"), np.zeros(ITEMS + 1, dtype=bool), "")


@pytest.fixture(scope="module")
def opinions(catalogue: Catalogue) -> DataFolder:
    """Half of the learners like the even items, the others the odd ones."""
    rng = np.random.default_rng(0)
    learner = np.repeat(np.arange(LEARNERS), EACH)
    item = np.concatenate([rng.permutation(ITEMS)[:EACH] + 1 for _ in range(LEARNERS)])
    value = (item % 2 == learner % 2).astype(float)
    time = 1e9 + 86_400 * rng.random(len(item)) * 100
    return from_opinions(catalogue, learner=learner, item=item, time=time, value=value)


@pytest.fixture
def version(tmp_path: Path, catalogue: Catalogue, opinions: DataFolder) -> Path:
    config = TrainConfig(minutes=0.1, epochs=1, model=ModelConfig(width=16, hidden=32, length=16))
    return train(
        opinions.log,
        catalogue,
        config=config,
        out=tmp_path / "version",
        checkpoint=None,
        start_from=None,
        on_progress=lambda _progress: None,
        should_stop=lambda: False,
        device="cpu",
    ).artefact


def fit(data: DataFolder, catalogue: Catalogue) -> tuple[Reweighting, dict[str, Any]]:
    return refit(
        data,
        catalogue,
        kept=OURS,
        minutes=0.2,
        seed=0,
        device="cpu",
        should_stop=lambda: False,
    )


def test_opinions_are_in_the_order_of_their_times(opinions: DataFolder) -> None:
    log = opinions.log
    assert (log.learners, len(log)) == (LEARNERS, LEARNERS * EACH)
    for first, end in zip(log.offsets[:-1], log.offsets[1:], strict=True):
        assert (np.diff(log.time[first:end]) >= 0).all()
    assert opinions.rating is not None
    who = log.learner_of_event()
    assert ((np.asarray(log.item) % 2 == who % 2) == (opinions.rating == 1)).all()


def test_few_opinions_keep_the_settings(catalogue: Catalogue, opinions: DataFolder) -> None:
    found, told = fit(opinions, catalogue)
    assert found == OURS
    assert told == {
        "opinions": LEARNERS * EACH,
        "learners": LEARNERS,
        "rule": "too few opinions: kept",
    }


def test_opinions_enough_are_fitted_on(
    catalogue: Catalogue, opinions: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("OPINIONS", 500), ("LEARNERS", 20), ("CASES", 50)):
        monkeypatch.setattr(module, f"FEWEST_{name}", value)
    found, told = fit(opinions, catalogue)
    assert told["cases"] >= 50
    assert told["rule"] in {"sure gain: on", "no sure gain: kept"}
    assert (found == OURS) == (told["rule"] != "sure gain: on")


def test_what_was_decided_and_the_tastes_are_in_the_version(
    version: Path, catalogue: Catalogue, opinions: DataFolder
) -> None:
    keep(version, OURS, {"rule": "too few opinions: kept"}, opinions)
    assert read_manifest(version).chosen["reweighting"] == {"rule": "too few opinions: kept"}
    loaded = Recommender.load(version, device="cpu")
    assert loaded.reweighting == OURS
    taste = loaded.bind(catalogue).taste
    assert taste is not None
    index, value = (part.numpy() for part in taste)
    alike = np.zeros((ITEMS + 1, ITEMS + 1))
    np.put_along_axis(alike, index.astype(np.int64), value, axis=1)
    rows = np.arange(1, ITEMS + 1)
    same = (rows[:, None] % 2 == rows % 2) & (rows[:, None] != rows)
    assert alike[1:, 1:][same].mean() > 0.2 > alike[1:, 1:][~same].mean()


def test_without_any_opinion_there_are_no_tastes(version: Path, catalogue: Catalogue) -> None:
    nothing = np.zeros(0)
    data = from_opinions(
        catalogue,
        learner=nothing.astype(int),
        item=nothing.astype(int),
        time=nothing,
        value=nothing,
    )
    found, told = fit(data, catalogue)
    keep(version, found, told, data)
    loaded = Recommender.load(version, device="cpu")
    assert loaded.reweighting == OURS
    assert loaded.bind(catalogue).taste is None
