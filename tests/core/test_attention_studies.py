"""The studies of attention print complete tables, and standardising statistics does what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from recommender.core import calibration_fit, detectors
from recommender.core.attention_faults import FAULTS
from recommender.core.credits import CREDITS
from recommender.core.detectors import Autoencoder, Either, Exposed, RobustDistance, Standard
from recommender.core.metrics import auc
from recommender.core.studies import calibration, faithfulness
from recommender.core.studies.__main__ import main

BRIEF = ["--minutes", "0.05", "--epochs", "1", "--seed", "0"]


def tables(text: str) -> list[list[list[str]]]:
    """The tables of a text, rows of cells."""
    found: list[list[list[str]]] = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        elif found[-1]:
            found.append([])
    return [table for table in found if table]


def test_calibration_tells_detection_repair_and_cost(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration_fit, "FEWEST", 12)
    monkeypatch.setattr(detectors, "STEPS", 20)
    monkeypatch.setattr(calibration, "FOLDS", 2)
    assert main(["calibration", str(data), *BRIEF]) == 0
    detection, shipped, alone, cost = tables(capsys.readouterr().out)
    assert {row[0] for row in detection[3:]} == set(FAULTS)
    assert len(detection) == 3 + 3 * len(FAULTS)
    areas = [float(cell.split(" / ")[0]) for row in detection[3:] for cell in row[2:]]
    assert all(0 <= area <= 1 for area in areas)
    assert len(shipped) == len(alone) == 3 + 2 * len(FAULTS)
    assert [row[0] for row in cost[2:4]] == ["scoring", "with statistics and detector"]


def test_faithfulness_compares_every_measure(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faithfulness, "LEARNERS", 20)
    assert main(["faithfulness", str(data), *BRIEF]) == 0
    deep, shallow = tables(capsys.readouterr().out)
    for table in (deep, shallow):
        assert [row[0] for row in table[2:]] == [*CREDITS, "random events"]
    effect = {row[0]: float(row[1].split()[0]) for row in deep[2:]}
    assert effect["contributions c_j(i)"] > effect["random events"]


def test_a_version_that_is_none_ends_with_two(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["faithfulness", str(data), "--version", str(tmp_path)]) == 2
    assert "manifest.json" in capsys.readouterr().err


def correlated(count: int, seed: int) -> torch.Tensor:
    """Two statistics that go together, and one of its own."""
    rng = np.random.default_rng(seed)
    one = rng.normal(size=count)
    return torch.tensor(
        np.stack([one, one + 0.2 * rng.normal(size=count), rng.normal(size=count)], 1),
        dtype=torch.float32,
    )


def test_standard_scores_do_not_depend_on_the_length() -> None:
    rng = np.random.default_rng(0)
    length = torch.tensor(np.exp(rng.uniform(np.log(8), np.log(128), 6000))).long()
    size = length.float().log2()[:, None]
    skewed = (correlated(6000, 1) * 0.5).exp() * size + size**2
    z = Standard.fit(skewed, length)(skewed, length)
    for part in (length < 20, (length >= 20) & (length < 60), length >= 60):
        torch.testing.assert_close(z[part].mean(0), torch.zeros(3), atol=0.12, rtol=0)
        torch.testing.assert_close(z[part].std(0), torch.ones(3), atol=0.12, rtol=0)


def test_standard_scores_rise_and_are_cut() -> None:
    length = torch.full((500,), 32)
    values = correlated(500, 2)
    standard = Standard.fit(values, length)
    line = torch.linspace(-50, 50, 101)[:, None].expand(-1, 3).contiguous()
    z = standard(line, torch.full((101,), 32))
    assert (z.diff(dim=0) >= 0).all()
    assert z.abs().max() == detectors.FARTHEST


def test_a_statistic_that_never_varies_is_no_trouble() -> None:
    length = torch.tensor([8, 16, 40] * 30)
    values = torch.cat([correlated(90, 3), torch.zeros(90, 1)], 1)
    standard = Standard.fit(values, length)
    z = standard(values, length)
    assert torch.isfinite(z).all()
    assert torch.isfinite(RobustDistance(4).fit(z, 0)(z)).all()


def test_detectors_see_what_breaks_a_correlation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each statistic alone is as usual; only together they are odd."""
    monkeypatch.setattr(detectors, "STEPS", 600)
    healthy, fresh = correlated(2000, 4), correlated(400, 5)
    odd = fresh.clone()
    odd[:, 1] = -odd[:, 1]
    odd = odd[fresh[:, 0].abs() > 1]
    truth = np.r_[np.zeros(len(fresh)), np.ones(len(odd))]
    torch.manual_seed(0)
    fitted = (
        RobustDistance(3).fit(healthy, 0),
        Autoencoder(3, hidden=16, code=2).fit(healthy, 0),
        Exposed(3).fit(healthy, odd, 0),
    )
    either = Either(3).fit(fitted[1], Exposed(3).fit(healthy, healthy + 5, 0), healthy)
    for detector in (*fitted, either):  # the last one was shown something else
        with torch.no_grad():
            score = detector(torch.cat([fresh, odd])).double().numpy()
        assert auc(score, truth) > 0.9, type(detector).__name__
