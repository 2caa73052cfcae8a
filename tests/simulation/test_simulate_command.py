"""`manage.py simulate`: what it writes, what it refuses, and that a killed run goes on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from recommender.simulation import jobs, runs
from tests.simulation.conftest import write_world

METRICS = {"knowledge_30d", "knowledge_per_hour", "frustration", "coverage"}
Simulate = Callable[..., dict[str, Any]]


def call(**options: Any) -> None:
    """The command with these options, a repeated one for each entry of a list."""
    words: list[str] = []
    for name, given in options.items():
        for value in given if isinstance(given, list) else [given]:
            words += [f"--{name}={value}"]
    call_command("simulate", *words)


@pytest.fixture
def simulate(tmp_path: Path, world_file: Path) -> Simulate:
    """Run the command in this process and return its report."""

    def run(*policies: str, out: str = "out.json", **changed: Any) -> dict[str, Any]:
        options = {"world": [world_file], "learners": 12, "minutes": 45.0, "seed": 5}
        path = tmp_path / out
        call(**{"policy": list(policies), "json": path, "processes": 1} | options | changed)
        return json.loads(path.read_text(encoding="utf-8"))

    return run


def test_every_policy_is_measured_beside_attune(simulate: Simulate) -> None:
    found = simulate(*jobs.POLICIES)["worlds"]
    assert set(found) == {"small"}
    assert set(found["small"]) == set(jobs.POLICIES)
    for policy, told in found["small"].items():
        assert set(told) == METRICS | {"diff_to_attune"}
        assert set(told["diff_to_attune"]) == METRICS
        for name in METRICS:
            value, apart = told[name], told["diff_to_attune"][name]
            assert value["low"] <= value["value"] <= value["high"], (policy, name)
            ours = found["small"]["attune"][name]["value"]
            assert apart["value"] == pytest.approx(ours - value["value"])
        assert 0 <= told["frustration"]["value"] <= 1
        assert 0 <= told["coverage"]["value"] <= 1
    # The truth is worth something, and the same learners make differences surer than the figures themselves.
    oracle, random = found["small"]["oracle"], found["small"]["random"]
    assert oracle["knowledge_30d"]["value"] > random["knowledge_30d"]["value"]


def test_without_attune_there_is_no_difference_to_it(simulate: Simulate) -> None:
    assert simulate("random")["worlds"]["small"]["random"]["diff_to_attune"] == {}


def test_the_same_arguments_give_the_same_report(simulate: Simulate, tmp_path: Path) -> None:
    one = simulate("syllabus", "random")
    assert one == simulate("syllabus", "random", out="again.json")
    assert one != simulate("syllabus", "random", seed=6)
    assert not list(tmp_path.glob("*.parts"))


def test_a_killed_run_goes_on_and_ends_the_same(
    simulate: Simulate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "BATCH", 5)
    whole = simulate("popularity", "attune")
    began: list[str] = []
    real = jobs.BatchJob.run

    def dies(job: jobs.BatchJob, on_share: jobs.OnShare) -> None:
        began.append(job.result.name)
        if len(began) == 4:
            raise KeyboardInterrupt
        real(job, on_share)

    monkeypatch.setattr(jobs.BatchJob, "run", dies)
    with pytest.raises(KeyboardInterrupt):
        simulate("popularity", "attune", out="killed.json")
    assert not (tmp_path / "killed.json").exists()
    kept = sorted(path.name for path in (tmp_path / "killed.json.parts" / "small").glob("*.npz"))
    assert kept == sorted(began[:3])

    trained: list[int] = []
    monkeypatch.setattr(jobs, "train_version", lambda *a, **k: trained.append(1))
    assert simulate("popularity", "attune", out="killed.json") == whole
    assert began[4:] == ["attune-0.npz", "attune-5.npz", "attune-10.npz"]
    assert not trained
    assert not (tmp_path / "killed.json.parts").exists()


def test_other_arguments_begin_anew(
    simulate: Simulate, tmp_path: Path, small: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = tmp_path / "out.json.parts"
    monkeypatch.setattr(runs.shutil, "rmtree", lambda folder: None)
    simulate("random")
    assert parts.is_dir()
    monkeypatch.undo()
    small["learning"]["lesson"] = 0.9
    write_world(tmp_path, small)
    changed = simulate("random")
    assert changed == simulate("random", out="fresh.json")


def test_a_folder_in_the_way_is_left_alone(simulate: Simulate, tmp_path: Path) -> None:
    (tmp_path / "out.json.parts").mkdir()
    (tmp_path / "out.json.parts" / "letter.txt").write_text("dear Bob", encoding="utf-8")
    with pytest.raises(CommandError, match="stands in the way"):
        simulate("random")
    assert (tmp_path / "out.json.parts" / "letter.txt").exists()


def test_processes_do_not_change_the_figures(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "BATCH", 6)
    one = simulate("mastery")
    assert one == simulate("mastery", out="two.json", processes=2)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"learners": 0}, "--learners 0"),
        ({"minutes": 0.0}, "--minutes 0.0"),
        ({"minutes": float("nan")}, "--minutes nan"),
        ({"seed": -1}, "--seed -1"),
        ({"processes": 0}, "--processes 0"),
        ({"json": Path("/nowhere/at/all/out.json")}, "no such folder"),
        ({"json": Path("/")}, "is a folder"),
        ({"policy": ["guru"]}, "--policy guru: no such policy; there are attune"),
        ({"world": [Path("/nowhere/world.json")]}, "world.json: cannot be read"),
    ],
)
def test_bad_options_are_told_in_one_line(
    tmp_path: Path, world_file: Path, changed: dict[str, Any], told: str
) -> None:
    options = {
        "policy": ["random"],
        "world": [world_file],
        "learners": 3,
        "minutes": 10.0,
        "seed": 0,
        "json": tmp_path / "out.json",
    }
    with pytest.raises(CommandError) as caught:
        call(**options | changed)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.returncode == 2


def test_a_world_without_its_graph_is_left_out_aloud(
    simulate: Simulate, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    report = simulate("random", world=[], learners=2, minutes=5.0)
    assert set(report["skipped"]) == {"deep-map"}
    assert len(report["worlds"]) >= 4
    assert "deep-map is left out" in "".join(capsys.readouterr())


def test_a_world_that_was_asked_for_must_have_its_graph(simulate: Simulate) -> None:
    from recommender.simulation.world import SHIPPED

    with pytest.raises(CommandError, match=r"deep-map\.json: graph\.folder: .*--graph DIR"):
        simulate("random", world=[SHIPPED / "deep-map.json"])
