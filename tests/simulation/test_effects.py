"""`python -m recommender.simulation effects`: from a report with every ablation to the figures that operators see."""

import json
from pathlib import Path
from typing import Any

import pytest

from recommender.effects import Effect, read_effects
from recommender.simulation.__main__ import main
from recommender.simulation.jobs import WITHOUT
from recommender.terms import Term


def write_report(folder: Path, **changed: Any) -> Path:
    figure = {"value": 0.1, "low": -0.1, "high": 0.3}
    policies = {name: {"diff_to_attune": {"knowledge_30d": figure}} for name in WITHOUT}
    report = {"worlds": {"small": policies}, "learners": 20, "minutes": 300.0, "seed": 1}
    path = folder / "report.json"
    path.write_text(json.dumps(report | changed), encoding="utf-8")
    return path


def test_a_report_becomes_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "effects.json"
    words = ["effects", str(write_report(tmp_path)), "--measured", "2026-11-22"]
    assert main([*words, "--json", str(out)]) == 0
    monkeypatch.setattr("recommender.effects.MEASURED", out)
    read_effects.cache_clear()
    try:
        told = read_effects()
    finally:
        read_effects.cache_clear()
    assert (str(told.measured), told.learners) == ("2026-11-22", 20)
    assert (told.minutes, told.seed) == (300.0, 1)
    assert told.by_term == {term: [Effect("small", 0.1, -0.1, 0.3)] for term in Term}


@pytest.mark.parametrize(
    ("changed", "measured"),
    [
        ({"worlds": {"small": {"attune": {}}}}, "2026-11-22"),
        ({"worlds": 7}, "2026-11-22"),
        ({}, "today"),
    ],
    ids=["a policy is missing", "no report", "no date"],
)
def test_anything_else_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: dict[str, Any], measured: str
) -> None:
    report, out = write_report(tmp_path, **changed), tmp_path / "effects.json"
    words = ["effects", str(report), "--measured", measured, "--json", str(out)]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert str(report) in said and said.count("\n") == 1
    assert not out.exists()
