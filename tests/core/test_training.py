"""A run ends in a version; interrupted and resumed it ends in the same one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from recommender.core.artefact import read_artefact, read_manifest
from recommender.core.catalogue import Catalogue
from recommender.core.errors import BadDataError, Cancelled
from recommender.core.events import EventLog
from recommender.core.progress import Progress
from recommender.core.rules import softmax_over_all
from recommender.core.serving import Recommender
from recommender.core.split import hold_out
from recommender.core.training import TrainResult
from tests.core.conftest import make_catalogue, make_log, tiny_config

Train = Callable[..., TrainResult]


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    return read_artefact(folder)[2]


def same_weights(one: Path, other: Path) -> None:
    first, second = tensors(one), tensors(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def test_a_run_learns_what_follows_what(version: Path) -> None:
    manifest = read_manifest(version)
    # 30 items by chance: about a third of the hits at ten.
    assert manifest.metrics["hr@10"] > 0.6
    assert 0 <= manifest.metrics["auc"] <= 1
    assert manifest.items == 30
    assert manifest.chosen["loss"] == "full softmax"
    assert manifest.window is not None
    assert manifest.window[0] < manifest.window[1]


def test_the_same_seed_gives_the_same_weights(
    run_training: Train, log: EventLog, catalogue: Catalogue, version: Path, tmp_path: Path
) -> None:
    run_training(log, catalogue, tmp_path / "again")
    same_weights(tmp_path / "again", version)


@pytest.mark.parametrize("stop_after", [4, 20, 45])
def test_a_run_that_was_interrupted_ends_in_the_same_version(
    run_training: Train,
    log: EventLog,
    catalogue: Catalogue,
    version: Path,
    tmp_path: Path,
    stop_after: int,
) -> None:
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > stop_after

    checkpoint = tmp_path / "checkpoint"
    with pytest.raises(Cancelled):
        run_training(log, catalogue, tmp_path / "out", checkpoint=checkpoint, should_stop=stop)
    assert not (tmp_path / "out").exists()
    run_training(log, catalogue, tmp_path / "out", checkpoint=checkpoint)
    same_weights(tmp_path / "out", version)


@pytest.mark.parametrize("phase", ["linear", "mixture"])
def test_a_phase_without_epochs_tells_its_steps_and_stops_between_them(
    run_training: Train, log: EventLog, catalogue: Catalogue, tmp_path: Path, phase: str
) -> None:
    told: list[Progress] = []

    def stop() -> bool:
        return bool(told) and told[-1].phase == phase and told[-1].step == 1

    with pytest.raises(Cancelled):
        run_training(log, catalogue, tmp_path / "out", on_progress=told.append, should_stop=stop)
    steps = [p.step for p in told if p.phase == phase and p.steps > 1]
    assert steps == sorted(steps)
    assert (told[-1].phase, told[-1].step) == (phase, 1)
    assert told[-1].steps > 3
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_of_other_data_is_refused(
    run_training: Train, log: EventLog, catalogue: Catalogue, tmp_path: Path
) -> None:
    run_training(log, catalogue, tmp_path / "out", checkpoint=tmp_path / "checkpoint")
    with pytest.raises(BadDataError, match="another run"):
        run_training(make_log(50), catalogue, tmp_path / "out", checkpoint=tmp_path / "checkpoint")


def test_progress_tells_epochs_losses_and_the_time_left(
    run_training: Train, log: EventLog, catalogue: Catalogue, tmp_path: Path
) -> None:
    told: list[Progress] = []
    run_training(log, catalogue, tmp_path / "out", on_progress=told.append)
    phases = list(dict.fromkeys(p.phase for p in told))
    assert phases == ["linear", "attention", "answers", "success", "mixture", "save"]
    epochs = [p for p in told if p.phase == "attention"]
    assert all(1 <= p.epoch <= p.epochs and p.step <= p.steps for p in epochs)
    assert epochs[-1].loss is not None
    assert epochs[-1].metric is not None
    assert epochs[-1].seconds_left is not None


def test_a_run_goes_on_from_an_older_version_by_item_key(
    run_training: Train, log: EventLog, version: Path, tmp_path: Path
) -> None:
    before = make_catalogue()
    # A catalogue with one more item, in another order.
    order = np.concatenate([[0], np.arange(30, 0, -1)])
    place = np.argsort(order)
    assert before.text is not None
    text = np.concatenate([before.text[order], before.text[1:2]])
    after = Catalogue(
        keys=(*(before.keys[row - 1] for row in order[1:]), "new"),
        text=text,
        concepts=(*(before.concepts[row] for row in order), (0,)),
        concept_keys=before.concept_keys,
        gradable=np.concatenate([before.gradable[order], [False]]),
        encoder=before.encoder,
    )
    moved = replace(log, item=place[log.item].astype(np.int32))
    config = tiny_config(epochs=1, rate=1e-9, average=0.0, success_epochs=1)
    run_training(moved, after, tmp_path / "next", config=config, start_from=version)
    old = tensors(version)["next_item.items.id"]
    new = tensors(tmp_path / "next")["next_item.items.id"]
    torch.testing.assert_close(new[1:31], old[order[1:]], rtol=0, atol=1e-5)


def test_nothing_held_out_is_learned_from(log: EventLog) -> None:
    split = hold_out(log, tiny_config())
    assert len(split.valid) == log.learners // 5
    for who, end, target in zip(
        split.valid.learner, split.valid.end, split.valid.target, strict=True
    ):
        first = split.train.offsets[who]
        kept = split.train.item[first : split.train.offsets[who + 1]]
        assert len(kept) == end
        assert target not in kept
    assert not set(split.success_train) & set(split.success_valid)


def test_one_learner_with_one_event_is_enough(
    run_training: Train, catalogue: Catalogue, tmp_path: Path
) -> None:
    log = EventLog.from_columns(np.array([0, 1]), item=np.array([4]), time=np.array([1.7e9]))
    run_training(log, catalogue, tmp_path / "out")
    bound = Recommender.load(tmp_path / "out", device="cpu").bind(catalogue)
    affinity = bound.score(log, now=1.8e9).affinity
    assert np.isfinite(affinity[:, 1:]).all()
    assert np.isnan(bound.predict_success(log, np.array([[1, 2]]), now=1.8e9)).all()


def test_a_log_without_events_is_refused(
    run_training: Train, catalogue: Catalogue, tmp_path: Path
) -> None:
    with pytest.raises(BadDataError, match="nothing to learn"):
        run_training(EventLog.empty(3), catalogue, tmp_path / "out")


def test_a_catalogue_without_text_or_concepts_trains(
    run_training: Train, log: EventLog, tmp_path: Path
) -> None:
    bare = Catalogue(
        keys=make_catalogue().keys,
        text=None,
        concepts=((),) * 31,
        concept_keys=(),
        gradable=np.ones(31, dtype=bool),
        encoder="",
    )
    run_training(log, bare, tmp_path / "out")
    bound = Recommender.load(tmp_path / "out", device="cpu").bind(bare)
    chance = bound.predict_success(log, np.full((log.learners, 2), 3), now=1.8e9)
    assert ((chance > 0) & (chance < 1)).all()


@pytest.mark.parametrize(
    ("items", "events", "minutes", "over_all"),
    [
        (10_000, 10_000_000, 1.0, True),
        (17_000, 235_000, 30.0, True),
        (17_000, 235_000, 8.0, False),
        (1_000_000, 10_000_000, 30.0, False),
    ],
)
def test_the_softmax_is_over_all_items_where_time_allows(
    items: int, events: int, minutes: float, over_all: bool
) -> None:
    config = tiny_config(minutes=minutes)
    assert softmax_over_all(items, events, config) == over_all


def test_a_sample_of_the_items_teaches_as_well(
    run_training: Train, log: EventLog, catalogue: Catalogue, tmp_path: Path
) -> None:
    config = tiny_config(sampled=True, negatives=20)
    result = run_training(log, catalogue, tmp_path / "out", config=config)
    assert result.chosen["loss"] == "sampled softmax"
    assert result.metrics["hr@10"] > 0.5


def test_item_knn_stands_in_where_ease_would_take_too_long(
    run_training: Train,
    log: EventLog,
    catalogue: Catalogue,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("recommender.core.linear.DENSE_LIMIT", 10)
    result = run_training(log, catalogue, tmp_path / "out")
    assert "item_knn" in result.chosen["linear"]  # type: ignore[operator]
    assert result.metrics["hr@10"] > 0.5
