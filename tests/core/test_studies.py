"""The studies print complete tables, and their noise does what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recommender.core.protocols import given
from recommender.core.readers import read_folder
from recommender.core.studies import robustness
from recommender.core.studies.__main__ import main


def table(text: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|") and "---" not in line
    ]


@pytest.mark.parametrize(
    ("study", "rows"),
    [
        ("seeds", {"Attune, seed 0", "**Attune, mean**", "popularity", "ease_recency_text"}),
        ("ablation", {"as shipped", "attention alone", "sampled softmax", "without any text"}),
        ("robustness", {*robustness.NOISE}),
        ("cold-start", {"popularity", "nearest by words", "**Attune**", "0", "10"}),
    ],
)
def test_a_study_prints_its_tables(
    data: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    study: str,
    rows: set[str],
) -> None:
    monkeypatch.setattr(robustness, "FLOOD", 500)
    assert main([study, str(data), "--minutes", "0.05", "--epochs", "1", "--seed", "0"]) == 0
    printed = table(capsys.readouterr().out)
    assert rows <= {row[0] for row in printed}
    assert len({len(row) for row in printed if row[0] in rows}) <= 2


def test_a_folder_that_cannot_be_read_ends_with_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["seeds", str(tmp_path)]) == 2
    assert "interactions.csv" in capsys.readouterr().err


@pytest.fixture
def noisy(data: Path) -> robustness.Rows:
    folder = read_folder(data)
    whole = given(folder)
    part = np.where(whole.training, robustness.TRAIN, robustness.NEITHER)
    part[folder.log.offsets[whole.test.learner] + whole.test.end] = robustness.TEST
    return robustness.Rows(folder.log, part)


@pytest.mark.parametrize(
    ("name", "factor"),
    [("10% random events injected", 1.1), ("10% dropped", 0.9), ("sessions duplicated", 2.0)],
)
def test_noise_changes_the_number_of_training_rows(
    noisy: robustness.Rows, data: Path, name: str, factor: float
) -> None:
    before = int((noisy.part == robustness.TRAIN).sum())
    tests = int((noisy.part == robustness.TEST).sum())
    robustness.NOISE[name](noisy, np.random.default_rng(0))
    log, protocol = noisy.build(given(read_folder(data)))
    assert protocol.training.sum() == pytest.approx(factor * before, rel=0.04)
    assert len(protocol.test) == tests
    # Each target is still the last event of its learner.
    assert (protocol.test.end == np.diff(log.offsets)[protocol.test.learner] - 1).all()


def test_a_duplicated_session_follows_itself(noisy: robustness.Rows, data: Path) -> None:
    noisy.keep(noisy.owner == 0)
    items = noisy.log.item[noisy.source[noisy.part == robustness.TRAIN]]
    noisy.time = np.arange(len(noisy.time)) * 100.0  # one session
    robustness.duplicate(noisy, np.random.default_rng(0))
    log, protocol = noisy.build(given(read_folder(data)))
    assert log.item[protocol.training].tolist() == [*items, *items]


def test_shuffling_stays_within_the_minute(noisy: robustness.Rows, data: Path) -> None:
    noisy.time = np.arange(len(noisy.time)) * 20.0  # three events a minute
    robustness.shuffle(noisy, np.random.default_rng(0))
    log, _ = noisy.build(given(read_folder(data)))
    owner = log.learner_of_event()
    minutes = np.floor(log.time / 60)
    assert (np.diff(minutes)[np.diff(owner) == 0] >= 0).all()
    assert (np.diff(log.time) < 0).any()
