"""Two processes under torchrun train the same model as one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from recommender.core.crew import Crew
from recommender.core.losses import full_softmax

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """120 learners who walk through chains of items: the next item follows from the last."""
    rng = np.random.default_rng(0)
    lines = ["learner,item,order"]
    for who in range(120):
        walk = [8 * int(c) + s for c in rng.permutation(4) for s in range(8)]
        lines += [
            f"u{who},i{item},{order}" for order, item in enumerate(walk[: rng.integers(6, 30)])
        ]
    folder = tmp_path / "walks"
    folder.mkdir()
    (folder / "interactions.csv").write_text("\n".join(lines) + "\n")
    return folder


def measure(data: Path, out: Path, *launcher: str) -> dict[str, object]:
    command = [*launcher, "-m", "recommender.core", "next-item", str(data), "--json", str(out)]
    done = subprocess.run(
        [sys.executable, *command, "--minutes", "0.5", "--device", "cpu"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, object] = json.loads(out.read_text())
    return found


def test_two_processes_reach_the_quality_of_one(data: Path, tmp_path: Path) -> None:
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    two = measure(data, tmp_path / "two.json", *launcher)
    one = measure(data, tmp_path / "one.json")
    assert two["chosen"]["processes"] == 2
    assert "processes" not in one["chosen"]
    assert two["metrics"]["ndcg@10"]["value"] > one["metrics"]["ndcg@10"]["value"] - 0.05
    assert sorted(p.name for p in tmp_path.glob("*.json")) == ["one.json", "two.json"]


def test_bad_input_ends_all_processes(tmp_path: Path) -> None:
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = ["-m", "recommender.core", "next-item", str(tmp_path), "--json", str(tmp_path / "o")]
    done = subprocess.run(
        [sys.executable, *launcher, *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    assert "error: " in done.stderr


def test_every_batch_of_an_epoch_is_done_by_somebody() -> None:
    batches = list(range(7))
    done = [Crew(rank, 3).steps(batches) for rank in range(3)]
    assert {len(part) for part in done} == {3}
    assert set().union(*done) == set(batches)
    assert Crew(0, 1).steps(batches) == batches
    assert Crew(1, 3).part(2048) == 682


def test_the_loss_is_whole_under_bfloat16() -> None:
    torch.manual_seed(0)
    states = torch.randn(20, 8, requires_grad=True)
    vectors, targets = torch.randn(30, 8, requires_grad=True), torch.randint(0, 30, (20,))
    exact = full_softmax(states, vectors, targets)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = full_softmax(states, vectors, targets)
    torch.testing.assert_close(mixed, exact)
    mixed.backward()  # type: ignore[no-untyped-call]
    assert states.grad is not None


LEAVING = """
from pathlib import Path
import torch
from recommender.core.crew import help_out, joined

with joined() as crew:
    if crew.leads:
        weight = torch.nn.Parameter(torch.ones(3))
        optimiser = torch.optim.AdamW([weight])
        weight.sum().backward()
        optimiser.step()
    else:
        help_out(lambda job, crew: None)
threads = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
assert not any("gloo" in name for name in threads), threads
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are named on Linux only")
def test_nothing_of_a_crew_is_left_when_it_ends(tmp_path: Path) -> None:
    """Threads that outlive the group abort the process when it ends."""
    script = tmp_path / "leaving.py"
    script.write_text(LEAVING)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", "2", str(script)),
        ],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
