"""``success`` on folders of every kind: whatever is missing, the report is whole."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from recommender.core.cli import main


def write(folder: Path, *, concept: bool, fold: bool, time: bool, text: bool) -> Path:
    """60 learners of different ability at 30 exercises; the first ones are hard."""
    rng = np.random.default_rng(0)
    names = ["learner", "item", "order", "correct"]
    extra = [
        name for name, there in (("concept", concept), ("fold", fold), ("timestamp", time)) if there
    ]
    lines = [",".join(names + extra)]
    for who in range(60):
        ability = rng.normal()
        for order, item in enumerate(rng.integers(0, 30, rng.integers(5, 40))):
            right = int(rng.random() < 1 / (1 + np.exp(1 - item / 8 - ability)))
            values = {
                "concept": f"c{item % 4}",
                "fold": who % 5 + 1,
                "timestamp": 10**9 + 60 * order,
            }
            row = [f"u{who}", f"i{item}", order, right, *(values[name] for name in extra)]
            lines.append(",".join(map(str, row)))
    (folder / "interactions.csv").write_text("\n".join(lines) + "\n")
    if text:
        rows = [f"i{n},solve the equation number {n}" for n in range(30)]
        (folder / "items.csv").write_text("\n".join(["item,text", *rows]) + "\n")
    return folder


@pytest.mark.parametrize(
    "kind",
    [
        {"concept": True, "fold": True, "time": False, "text": False},
        {"concept": False, "fold": False, "time": False, "text": False},
        {"concept": False, "fold": True, "time": True, "text": True},
    ],
    ids=["one concept", "no concept and no fold", "text and time"],
)
def test_whatever_is_missing(
    kind: dict[str, bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    out = tmp_path / "out.json"
    folder = write(tmp_path, **kind)
    assert (
        main(["success", str(folder), "--json", str(out), "--minutes", "1", "--threads", "1"]) == 0
    )
    report = json.loads(out.read_text())
    for name in ("auc", "log_loss", "ece"):
        assert np.isfinite(report["metrics"][name]["value"])
    assert report["metrics"]["auc"]["value"] > 0.6
    assert len(report["baselines"]) == 4
    assert sum(bin_["answers"] for bin_ in report["calibration"]) > 100
    assert report["chosen"]["folds"] == ("given" if kind["fold"] else "by learner")
