"""A version that is to serve learns what healthy attention is, within its share of the run's time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from recommender.core import calibration_fit, detectors, reference
from recommender.core.artefact import read_artefact
from recommender.core.catalogue import Catalogue
from recommender.core.errors import Cancelled
from recommender.core.events import EventLog
from recommender.core.progress import Progress
from recommender.core.serving import Recommender
from recommender.core.training import TrainResult
from tests.core.conftest import make_log, tiny_config

Train = Callable[..., TrainResult]
STEPS = 2 * calibration_fit.MOMENTS + 8
"""Two samples, the autoencoder, the exposed network with all and without each of five faults, the choice."""


@pytest.fixture(autouse=True)
def _brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detectors, "STEPS", 60)


@pytest.fixture
def crowd() -> EventLog:
    return make_log(100, seed=3, length=26)


def test_a_version_that_is_to_serve_carries_the_healthy_reference(
    run_training: Train, crowd: EventLog, catalogue: Catalogue, tmp_path: Path
) -> None:
    told: list[Progress] = []
    config = tiny_config(epochs=1, success_epochs=1, calibrate=True, minutes=10.0)
    found = run_training(
        crowd, catalogue, tmp_path / "with", config=config, on_progress=told.append
    )
    own = Recommender.load(tmp_path / "with", device="cpu").parts.calibration
    assert own is not None
    chosen = found.chosen["calibration"]
    assert isinstance(chosen, dict)
    assert chosen["kept"] == own.kept == max(chosen["area"], key=chosen["area"].__getitem__)
    steps = [p.step for p in told if p.phase == "calibration"]
    assert steps == sorted(steps)
    assert set(steps) == set(range(STEPS + 1))
    assert list(dict.fromkeys(p.phase for p in told))[-3:] == ["mixture", "calibration", "save"]


def test_the_reference_changes_nothing_else(
    run_training: Train, crowd: EventLog, catalogue: Catalogue, tmp_path: Path
) -> None:
    for name, calibrate in (("with", True), ("without", False)):
        config = tiny_config(epochs=1, success_epochs=1, calibrate=calibrate, minutes=10.0)
        run_training(crowd, catalogue, tmp_path / name, config=config)
    with_, without = (read_artefact(tmp_path / name)[2] for name in ("with", "without"))
    assert {name for name in with_ if name not in without} == {
        name for name in with_ if name.startswith("calibration.")
    }
    assert all(with_[name].equal(tensor) for name, tensor in without.items())


def test_too_few_learners_are_told_and_leave_a_version_without(
    run_training: Train, log: EventLog, catalogue: Catalogue, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(calibration_fit, "FEWEST", 1000)
    config = tiny_config(epochs=1, success_epochs=1, calibrate=True)
    found = run_training(log, catalogue, tmp_path / "few", config=config)
    told = found.chosen["calibration"]
    assert isinstance(told, dict)
    assert "events or more" in told["missing"]
    assert told["learners"] < told["fewest"]
    assert Recommender.load(tmp_path / "few", device="cpu").parts.calibration is None


@pytest.mark.parametrize(
    ("left", "seconds"),
    [(-20.0, 3), (0.0, 3), (5.9, 3), (30.0, 15)],
    ids=["overdrawn", "nothing left", "little left", "half a minute left"],
)
def test_it_may_take_5_percent_of_the_time_or_half_of_what_is_left(
    run_training: Train, crowd: EventLog, catalogue: Catalogue, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, left: float, seconds: int,
) -> None:  # fmt: skip
    """The clock of the fit goes on by two thirds of a second at each look."""
    run_training(crowd, catalogue, tmp_path / "out", config=tiny_config(epochs=1, success_epochs=1))
    bound = Recommender.load(tmp_path / "out", device="cpu").bind(catalogue)
    ticks = (number * 2 / 3 for number in range(10_000))
    monkeypatch.setattr(reference, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    looks: list[int] = []
    config = tiny_config(calibrate=True, minutes=1.0)
    own, told = reference.fit_reference(
        bound, crowd, config, lambda done, _of: looks.append(done), left=left
    )
    assert own is None
    assert told["calibration"] == {
        "missing": f"not fitted within the {seconds} seconds that the run had for it",
        "seconds": seconds,
    }
    assert len(looks) == seconds * 3 // 2 + 1


def test_a_reference_that_takes_too_long_is_left_out(
    run_training: Train, crowd: EventLog, catalogue: Catalogue, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    ticks = iter(range(0, 1_000_000, 60))
    monkeypatch.setattr(reference, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    config = tiny_config(epochs=1, success_epochs=1, calibrate=True)
    found = run_training(crowd, catalogue, tmp_path / "late", config=config)
    assert "that the run had for it" in str(found.chosen["calibration"])
    assert Recommender.load(tmp_path / "late", device="cpu").parts.calibration is None


def test_a_run_can_be_stopped_while_the_reference_is_fitted(
    run_training: Train, crowd: EventLog, catalogue: Catalogue, tmp_path: Path
) -> None:
    told: list[Progress] = []
    config = tiny_config(epochs=1, success_epochs=1, calibrate=True, minutes=10.0)
    with pytest.raises(Cancelled):
        run_training(
            crowd, catalogue, tmp_path / "out", config=config, on_progress=told.append,
            should_stop=lambda: bool(told) and told[-1].phase == "calibration",
        )  # fmt: skip
    assert (told[-1].phase, told[-1].step) == ("calibration", 0)
    assert not (tmp_path / "out").exists()
