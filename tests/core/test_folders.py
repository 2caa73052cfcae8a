"""Folders of every kind end in a report within their time, or in one clear line."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recommender.core import linear
from recommender.core.cli import main
from recommender.core.config import TrainConfig

HEAD = "learner,item,order"


def write(folder: Path, rows: list[str], head: str = HEAD) -> Path:
    (folder / "interactions.csv").write_text("\n".join([head, *rows]) + "\n")
    return folder


def measure(folder: Path, *more: str) -> dict[str, Any]:
    out = folder / "out.json"
    # Time enough also on a busy machine: so small a folder is done long before.
    options = ["--minutes", "3", "--threads", "1", *more]
    assert main(["next-item", str(folder), "--json", str(out), *options]) == 0
    found: dict[str, Any] = json.loads(out.read_text())
    for value in found["metrics"].values():
        assert 0 <= value["low"] <= value["value"] <= value["high"] <= 1
    assert "# next-item" in (folder / "out.md").read_text()
    return found


def walks(learners: int, items: int, *, seed: int = 0, longest: int = 12) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [
        [int((start + k) % items) for k in range(int(length))]
        for start, length in zip(
            rng.integers(0, items, learners), rng.integers(1, longest + 1, learners), strict=True
        )
    ]


def test_only_learners_items_and_an_order(tmp_path: Path) -> None:
    rows = [f"u{u},i{i},{k}" for u, w in enumerate(walks(80, 15)) for k, i in enumerate(w)]
    found = measure(write(tmp_path, rows))
    assert "global_time" not in found
    assert found["chosen"]["global_time"] == "no timestamps"
    assert found["chosen"]["text"] == "none"
    assert "ease_recency_text" not in found["baselines"]


def test_times_bring_the_global_split(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = []
    for u, walk in enumerate(walks(400, 15, longest=14)):
        begin = int(rng.integers(0, 10_000))
        rows += [f"u{u},i{i},{k},{begin + 10 * k}" for k, i in enumerate(walk)]
    found = measure(write(tmp_path, rows, f"{HEAD},timestamp"))
    later = found["global_time"]
    assert later["trained_before"] < later["tested_from"]
    assert set(later["baselines"]) == set(found["baselines"])
    assert later["metrics"]["hr@10"]["value"] > 0
    assert "Global time split" in (tmp_path / "out.md").read_text()


def test_half_stars(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    rows = [
        f"u{u},i{i},{k},{rng.integers(1, 11) / 2}"
        for u, w in enumerate(walks(60, 15))
        for k, i in enumerate(w)
    ]
    assert measure(write(tmp_path, rows, f"{HEAD},rating"))["metrics"]["ndcg@10"]["value"] > 0


def test_one_concept_and_repeated_answers(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = [
        f"u{u},i{i},{2 * k + again},{rng.integers(2)},all"
        for u, w in enumerate(walks(40, 12))
        for k, i in enumerate(w)
        for again in range(2)
    ]
    # The second meeting of an item is excluded by the protocol: a miss for everybody.
    found = measure(write(tmp_path, rows, f"{HEAD},correct,concept"))
    assert math.isclose(found["metrics"]["hr@10"]["value"], 0)


def test_a_very_long_history_and_learners_with_one_row(tmp_path: Path) -> None:
    rows = [f"long,i{k % 997},{k}" for k in range(3000)]
    rows += [f"once{u:03d},i{u},0" for u in range(300)]
    rows += [f"u{u:03d},i{(u + k) % 997},{k}" for u in range(60) for k in range(4)]
    found = measure(write(tmp_path, rows))
    assert found["chosen"]["test_cases"] == 61


def test_a_large_catalogue_takes_neighbours_instead_of_an_inverse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear, "DENSE_LIMIT", 10)
    rows = [f"u{u},i{i},{k}" for u, w in enumerate(walks(80, 15)) for k, i in enumerate(w)]
    found = measure(write(tmp_path, rows))
    assert {"item_knn", "item_knn_recency"} <= set(found["baselines"])
    assert "ease" not in found["baselines"]
    assert "item_knn" in found["chosen"]["linear"]


def test_the_time_is_kept_in_the_middle_of_an_epoch(tmp_path: Path) -> None:
    rows = [f"u{u},i{i},{k}" for u, w in enumerate(walks(3000, 400)) for k, i in enumerate(w)]
    found = measure(write(tmp_path, rows), "--minutes", "0.05")
    assert found["chosen"]["attention_epochs"] < TrainConfig().epochs


def test_the_same_seed_gives_the_same_figures(tmp_path: Path) -> None:
    rows = [
        f"u{u},i{i},{k}" for u, w in enumerate(walks(30, 8, longest=8)) for k, i in enumerate(w)
    ]
    folder = write(tmp_path, rows)
    first, second = (measure(folder, "--seed", "5") for _ in range(2))
    for name in ("metrics", "baselines", "chosen"):
        assert first[name] == second[name]


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "one row": (lambda p: write(p, ["a,x,0"]), "interactions.csv"),
    "one learner without a test": (
        lambda p: write(p, ["a,x,0,train", "a,y,1,valid"], f"{HEAD},part"),
        "interactions.csv: column part: no row is test",
    ),
    "nothing to train on": (
        lambda p: write(p, ["a,x,0,test"], f"{HEAD},part"),
        "interactions.csv: column part: no row is train",
    ),
    "a damaged gzip": (
        lambda p: (p / "interactions.csv.gz").write_bytes(gzip.compress(HEAD.encode())[:-6]),
        "interactions.csv.gz: after line",
    ),
    "infinity": (
        lambda p: write(p, ["a,x,0,inf"], f"{HEAD},timestamp"),
        "interactions.csv: line 2: column timestamp",
    ),
    "items that are not UTF-8": (
        lambda p: (write(p, ["a,x,0"]), (p / "items.csv").write_bytes(b"item,text\nx,\xe9\n")),
        "items.csv: line 2: byte 3 is not UTF-8",
    ),
    "items without an item column": (
        lambda p: (write(p, ["a,x,0"]), (p / "items.csv").write_text("id,text\nx,a\n")),
        "items.csv: line 1: column item is missing",
    ),
    "concepts without text": (
        lambda p: (write(p, ["a,x,0"]), (p / "concepts.csv").write_text("concept\nx\n")),
        "concepts.csv: line 1: column text is missing",
    ),
}


@pytest.mark.parametrize(("make", "message"), BAD.values(), ids=BAD.keys())
def test_bad_folders_end_with_two_and_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[Path], object],
    message: str,
) -> None:
    make(tmp_path)
    out = tmp_path / "out.json"
    assert main(["next-item", str(tmp_path), "--json", str(out), "--threads", "1"]) == 2
    errors = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert not out.exists()


def test_one_item_is_ranked_first(tmp_path: Path) -> None:
    rows = ["a,x,0,train", "b,x,0,train", "c,x,0,test"]
    found = measure(write(tmp_path, rows, f"{HEAD},part"))
    assert found["metrics"]["hr@10"]["value"] == 1.0


def test_one_learner(tmp_path: Path) -> None:
    rows = [f"a,i{k},{k}" for k in range(9)]
    # Her last item occurs nowhere else, so nobody can rank it: a miss, not an error.
    assert measure(write(tmp_path, rows))["metrics"]["hr@10"]["value"] == 0.0
