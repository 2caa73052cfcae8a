"""The studies of cost print whole tables on a small folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recommender.core.studies import scale, speed
from recommender.core.studies.__main__ import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """60 learners who walk through 5 chains of exercises and answer the harder chains worse."""
    rng = np.random.default_rng(0)
    lines = ["learner,item,order,correct,concept,fold"]
    for who in range(60):
        walk = [(int(c), s) for c in rng.permutation(5) for s in range(24)]
        for order, (c, s) in enumerate(walk[: rng.integers(12, 60)]):
            right = int(rng.random() < 0.9 - 0.15 * c)
            lines.append(f"u{who},i{c}-{s},{order},{right},c{c},{who % 5 + 1}")
    (tmp_path / "interactions.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def table(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main([*arguments]) == 0
    return capsys.readouterr().out


def test_speed(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "SIZES", (2000,))
    monkeypatch.setattr(speed, "ANSWERS", 300)
    monkeypatch.setattr(speed, "EXERCISES", 40)
    found = table(capsys, "speed", str(folder), "--minutes", "0.1")
    assert "| 121 | exact |" in found
    assert "| 2,000 | exact |" in found
    assert "affinities from the cached state" in found
    assert "P(correct) from running counts" in found


def test_quantisation(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = table(capsys, "quantisation", str(folder), "--minutes", "0.1")
    for name in ("float32", "int8 item matrix", "int8 linear layers", "without head 1 of block 1"):
        assert f"| {name}" in found


def test_success(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = table(capsys, "success", str(folder), "--minutes", "0.1", "--seed", "0", "--seed", "1")
    assert "| Attune, seed 1 |" in found
    assert "| 15 |" in found
    assert "Exercises nobody has answered" in found


def test_scale(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "MEASURED", (5_000,))
    monkeypatch.setattr(scale, "COMPUTED", (50_000,))
    monkeypatch.setattr(scale, "ITEMS", 100)
    found = table(capsys, "scale")
    assert "| 5,000 |" in found
    assert "| measured |" in found
    assert "| computed |" in found
    assert "nan" not in found
