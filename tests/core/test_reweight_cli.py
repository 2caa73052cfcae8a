"""``python -m recommender.core reweight`` from a folder of ratings to a report and a version."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from recommender.core.cli import main
from recommender.core.serving import Recommender
from recommender.core.studies import __main__ as studies

LEARNERS, ITEMS, TOPICS = 60, 40, 4


def write(folder: Path, *, concepts: bool = True, rated: bool = True, noise: bool = False) -> Path:
    """Learners who like two topics and dislike the others, rating in bursts with halves of stars."""
    folder.mkdir()
    rng = np.random.default_rng(5)
    lines = ["learner,item,order,timestamp" + (",rating" if rated else "")]
    for who in range(LEARNERS):
        liked = rng.permutation(TOPICS)[:2]
        time = 1_000_000 + who * 10_000
        for order, item in enumerate(rng.permutation(ITEMS)[: rng.integers(8, 20)]):
            time += int(rng.integers(0, 3))
            likes = rng.random() < 0.5 if noise else item % TOPICS in liked
            star = (4.5 if likes else 1.5) + rng.choice([-0.5, 0, 0.5])
            lines.append(f"u{who},i{item},{order},{time}" + (f",{star:g}" if rated else ""))
    (folder / "interactions.csv").write_text("\n".join(lines) + "\n")
    about = [f"i{n},Item {n}" + (f",topic {n % TOPICS}" if concepts else "") for n in range(ITEMS)]
    head = "item,text,concept" if concepts else "item,text"
    (folder / "items.csv").write_text("\n".join([head, *about]) + "\n")
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_ratings_are_replayed_with_feedback_off_on_and_shuffled(tmp_path: Path) -> None:
    out, kept = tmp_path / "report.json", tmp_path / "version"
    data = write(tmp_path / "data")
    assert (
        main(["reweight", str(data), "--json", str(out), "--minutes", "0.4", "--save", str(kept)])
        == 0
    )
    report = json.loads(out.read_text())
    assert report["task"] == "reweight"
    assert set(report["metrics"]) == {
        "ndcg@10_off",
        "ndcg@10_on",
        "ndcg@10_gain",
        "ndcg@10_placebo_gain",
    }
    value = {name: found["value"] for name, found in report["metrics"].items()}
    assert 0 < value["ndcg@10_off"] < 1
    assert value["ndcg@10_gain"] == pytest.approx(value["ndcg@10_on"] - value["ndcg@10_off"])
    for found in report["metrics"].values():
        assert found["low"] <= found["value"] <= found["high"]
    assert set(report["seconds"]) == {"encode", "train", "baselines", "evaluate", "total"}
    assert set(report["score_ms"]) == {"1", "256"}
    assert report["baselines"]["off"]["diff"]["ndcg@10"] == report["metrics"]["ndcg@10_gain"]
    assert report["chosen"]["cases"] == report["chosen"]["cases_in_all"] > 0
    version = Recommender.load(kept, device="cpu")
    assert version.reweighting.to_dict() == report["chosen"]["reweighting"]
    assert version.parts.taste is not None


def test_likes_that_are_as_clear_as_this_raise_the_ranking(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    data = write(tmp_path / "data", concepts=False)
    assert main(["reweight", str(data), "--json", str(out), "--minutes", "0.4"]) == 0
    report = json.loads(out.read_text())
    assert report["chosen"]["reweighting"]["step"] > 0
    assert report["metrics"]["ndcg@10_gain"]["value"] > 0
    placebo = report["metrics"]["ndcg@10_placebo_gain"]["value"]
    assert placebo < report["metrics"]["ndcg@10_gain"]["value"]


def test_ratings_that_tell_nothing_turn_it_off(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    data = write(tmp_path / "data", noise=True)
    assert main(["reweight", str(data), "--json", str(out), "--minutes", "0.4"]) == 0
    report = json.loads(out.read_text())
    assert report["chosen"]["reweighting"]["step"] == 0
    assert report["metrics"]["ndcg@10_gain"] == {"value": 0, "low": 0, "high": 0}
    assert report["metrics"]["ndcg@10_on"] == report["metrics"]["ndcg@10_off"]


def test_a_folder_without_ratings_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write(tmp_path / "data", rated=False)
    assert main(["reweight", str(data), "--json", str(tmp_path / "report.json")]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert "column rating is missing" in error
    assert not (tmp_path / "report.json").exists()


def test_a_study_tells_each_seed_and_their_mean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = str(write(tmp_path / "data", concepts=False))
    seeds = ["--seed", "3", "--seed", "4"]
    assert studies.main(["reweight", data, "--minutes", "0.2", *seeds]) == 0
    head, _, *rows = capsys.readouterr().out.strip().splitlines()
    assert "placebo's gain" in head
    assert [row.split("|")[1].strip() for row in rows] == ["3", "4", "**mean**"]
    assert all("[" in row.split("|")[4] for row in rows)


def test_a_study_of_a_folder_without_ratings_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = str(write(tmp_path / "data", rated=False))
    assert studies.main(["reweight", data]) == 2
    assert "column rating is missing" in capsys.readouterr().err
