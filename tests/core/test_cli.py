"""``python -m recommender.core``: a complete report, or exit 2 with one clear line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from recommender.core.cli import main
from recommender.core.serving import Recommender

ROOT = Path(__file__).resolve().parents[2]
KEYS = {
    *("task", "data", "metrics", "baselines", "seconds", "interactions_per_second", "parameters"),
    *("score_ms", "chosen", "seed", "version"),
}


def interval(value: object) -> bool:
    return isinstance(value, dict) and set(value) == {"value", "low", "high"}


def test_next_item_writes_the_whole_report_and_a_version(data: Path, tmp_path: Path) -> None:
    out, version = tmp_path / "out.json", tmp_path / "version"
    arguments = ["next-item", str(data), "--json", str(out), "--minutes", "1", "--seed", "3"]
    assert main([*arguments, "--save", str(version), "--device", "cpu"]) == 0
    report = json.loads(out.read_text())
    assert set(report) - {"global_time", "calibration"} == KEYS
    assert report["task"] == "next-item"
    assert report["data"] == data.name
    assert report["seed"] == 3
    assert set(report["metrics"]) == {"ndcg@10", "hr@10"}
    assert set(report["baselines"]) == {
        *("popularity", "markov", "item_knn", "ease", "ease_recency", "ease_recency_text")
    }
    for baseline in report["baselines"].values():
        for table in (baseline["metrics"], baseline["diff"]):
            assert set(table) == {"ndcg@10", "hr@10"}
            assert all(interval(v) for v in table.values())
    assert set(report["seconds"]) == {"encode", "train", "baselines", "evaluate", "total"}
    assert set(report["score_ms"]) == {"1", "256"}
    # In a chain the next item follows from the last one; popularity cannot know that.
    assert report["baselines"]["popularity"]["diff"]["ndcg@10"]["low"] > 0
    assert Recommender.load(version, device="cpu").manifest.items == 40


def test_success_writes_the_whole_report(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    command = [sys.executable, "-m", "recommender.core", "success", str(data)]
    done = subprocess.run(
        [*command, "--json", str(out), "--minutes", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "%|" in done.stderr  # the progress bar
    report = json.loads(out.read_text())
    assert set(report) - {"global_time", "calibration"} == KEYS
    assert set(report["metrics"]) == {"auc", "accuracy", "log_loss", "ece"}
    assert set(report["baselines"]) == {
        *("item_mean", "pfa", "logistic_counts", "logistic_counts_average")
    }
    assert report["metrics"]["auc"]["value"] > 0.6
    assert report["interactions_per_second"] > 0


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    return errors[0]


def test_bad_rows_end_with_two_and_leave_no_report(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "interactions.csv").write_text("learner,item,order\na,x,0\nb,y,0\na,z,1\n")
    line = refused(capsys, "next-item", str(tmp_path), "--json", str(tmp_path / "out.json"))
    assert "interactions.csv: line 4: column learner" in line
    assert not (tmp_path / "out.json").exists()


def test_success_needs_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "interactions.csv").write_text("learner,item,order\na,x,0\n")
    line = refused(capsys, "success", str(tmp_path), "--json", str(tmp_path / "out.json"))
    assert "column correct" in line


def test_a_place_that_cannot_be_written_is_told_at_once(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(capsys, "next-item", str(data), "--json", str(tmp_path / "no" / "out.json"))
    assert "no such folder" in line


def test_a_folder_of_something_else_is_not_overwritten(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "keep").mkdir()
    (tmp_path / "keep" / "thesis.txt").write_text("years of work")
    line = refused(
        capsys,
        *("next-item", str(data), "--json", str(tmp_path / "out.json"), "--minutes", "0.2"),
        *("--save", str(tmp_path / "keep")),
    )
    assert "--save" in line
    assert (tmp_path / "keep" / "thesis.txt").exists()


def test_one_learner_and_two_items_are_enough(tmp_path: Path) -> None:
    (tmp_path / "interactions.csv").write_text(
        "learner,item,order,part\na,x,0,train\nb,y,0,train\nb,x,1,test\n"
    )
    out = tmp_path / "out.json"
    assert main(["next-item", str(tmp_path), "--json", str(out), "--minutes", "0.5"]) == 0
    report = json.loads(out.read_text())
    assert report["metrics"]["hr@10"]["value"] == 1.0


def test_a_folder_without_parts_holds_out_the_last_rows(tmp_path: Path) -> None:
    rows = [f"u{u},i{(u + k) % 7},{k}" for u in range(12) for k in range(5)]
    (tmp_path / "interactions.csv").write_text("learner,item,order\n" + "\n".join(rows) + "\n")
    out = tmp_path / "out.json"
    assert main(["next-item", str(tmp_path), "--json", str(out), "--minutes", "0.5"]) == 0
    assert json.loads(out.read_text())["chosen"]["split"] == "last two rows"
