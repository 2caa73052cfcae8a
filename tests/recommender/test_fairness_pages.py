"""A version's page tells operators of the parts of the learners, as charts and as tables."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from web_pages import sign_in

from recommender.interval_charts import Estimate, Moment, draw_band, draw_forest
from recommender.models import ModelVersion

pytestmark = pytest.mark.django_db


def told(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.05, "high": value + 0.05}


def part(name: str, value: float, learners: int = 25) -> dict[str, Any]:
    measures = {"ndcg@10": told(value), "hr@10": told(value), "mastery_error": told(0.1)}
    return {"key": name, "name": name, "learners": learners, **measures}


REPORT = {
    "least": 10,
    "all": {"learners": 60, "ndcg@10": told(0.3), "hr@10": told(0.5)},
    "dimensions": [
        {"kind": "group", "name": "", "hidden": 3, "parts": [part("7b", 0.31), part("7a", 0.2)]},
        {"kind": "pace", "name": "", "hidden": 0, "parts": [part("fast", 0.3), part("slow", 0.28)]},
        {"kind": "attribute", "name": "first language", "hidden": 2, "parts": []},
    ],
}
GATE = {
    "verdict": "a group falls behind",
    "cases": 900,
    "needed": 500,
    "diff": {"active": {"ndcg@10": {"value": 0.05, "low": 0.02, "high": 0.08}}},
    "parts": {
        "margin": 0.02,
        "least": 10,
        "worst": None,
        "dimensions": [
            {
                "kind": "attribute",
                "name": "first language",
                "hidden": 0,
                "parts": [
                    {
                        **{"key": name, "name": name, "learners": 30, "ours": 0.3, "theirs": 0.3},
                        **{"value": gain, "low": gain - 0.1, "high": gain + 0.1},
                        "behind": gain < -0.2,
                    }
                    for name, gain in (("Finnish", 0.1), ("Welsh", -0.3), ("", 0.0))
                ],
            }
        ],
    },
}


def read(client: Client, **fields: Any) -> str:
    version = ModelVersion.objects.create(
        artefact=f"v{ModelVersion.objects.count()}",
        sha256="0" * 64,
        manifest={},
        metrics={"ndcg@10": 0.3, "cases": 200},
        data_until=timezone.now(),
        **fields,
    )
    answer = client.get(f"/admin/recommender/modelversion/{version.pk}/change/")
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


@pytest.fixture
def operator(olga: Any, settings: Any, tmp_path: Path) -> Client:
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    return sign_in(olga)


def test_the_report_shows_each_part_with_the_worst_first(operator: Client) -> None:
    page = read(operator, fairness=REPORT)
    assert "How it serves parts of the learners" in page
    assert page.index('<th scope="row">7a') < page.index('<th scope="row">7b')
    # Wholly below all learners' mean: said in a word, not by colour alone.
    assert re.search(r"7a <span[^>]*>lower</span>", page)
    assert not re.search(r"7b <span[^>]*>lower</span>", page)
    assert "The slowest third" in page and "The fastest third" in page
    assert "3 parts are not told of, so that nothing is known of fewer than ten learners." in page
    assert "first language</h3> <p>No part is told of." in page
    assert page.count("NDCG@10 by Groups; the same as a table below") == 1
    assert "style=" not in page.split("attune-panel")[1]


def test_the_gate_says_who_would_lose(operator: Client) -> None:
    page = read(operator, gate=GATE)
    assert "Activation gate: a group falls behind" in page
    assert "would lose more than 0.020 in NDCG@10, and that is no chance: Welsh." in page
    assert page.index('<th scope="row">Welsh') < page.index('<th scope="row">Not declared')
    assert page.index('<th scope="row">Not declared') < page.index('<th scope="row">Finnish')
    assert "There is no report" in page


def test_a_gate_that_found_nobody_behind_says_so(operator: Client) -> None:
    gate = {**GATE, "verdict": "better"}
    (dimension,) = GATE["parts"]["dimensions"]  # type: ignore[index]
    kept = [each for each in dimension["parts"] if not each["behind"]]
    gate["parts"] = {**GATE["parts"], "dimensions": [{**dimension, "parts": kept}]}  # type: ignore[dict-item]
    page = read(operator, gate=gate)
    assert "No part of the learners is shown to lose more than 0.020 in NDCG@10." in page
    assert "would lose more" not in page


def test_of_too_few_learners_nothing_is_told(operator: Client) -> None:
    page = read(operator, fairness={"least": 10, "all": {"learners": 7}, "dimensions": []})
    assert "Its run held out fewer than 10 learners" in page
    assert "<svg viewBox" not in page


def test_of_many_parts_the_worst_are_shown(operator: Client) -> None:
    parts = [part(f"class {n}", 0.3 - n / 1000) for n in range(30)]
    groups = {"kind": "group", "name": "", "hidden": 0, "parts": parts}
    page = read(operator, fairness={**REPORT, "dimensions": [groups]})
    assert "10 more parts are served better than these." in page
    assert "Class 29" in page and "Class 9<" not in page


def test_names_are_escaped(operator: Client) -> None:
    groups = {"kind": "group", "name": "", "hidden": 0, "parts": [part("<b>7c</b>", 0.3)]}
    page = read(operator, fairness={**REPORT, "dimensions": [groups]})
    assert "<b>7c" not in page and "&lt;b&gt;7c" in page


def test_the_api_has_the_report(api: Any, olga: Any) -> None:
    version = ModelVersion.objects.create(
        artefact="v",
        sha256="0" * 64,
        manifest={},
        metrics={},
        data_until=timezone.now(),
        fairness=REPORT,
    )
    answer = api(olga).get(f"/api/v1/model-versions/{version.pk}/")
    assert answer.json()["fairness"] == REPORT
    assert "fairness" not in api(olga).get("/api/v1/model-versions/").json()["results"][0]


def test_intervals_lie_on_one_axis_with_their_rule() -> None:
    chart = draw_forest(
        [Estimate("a", 0.5, 0.0, 1.0), Estimate("b" * 60, 0.25, 0.2, 0.3, marked=True)], rule=0.5
    )
    assert chart is not None and chart.rule is not None
    first, second = chart.rows
    assert (first.left, first.right) == (chart.left, chart.right)
    assert first.x == chart.rule.at == (chart.left + chart.right) / 2
    assert second.y > first.y and second.x < first.x
    assert len(second.label) == 42 and second.label.endswith("…")
    assert [tick.value for tick in chart.ticks] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert draw_forest([]) is None


def test_a_band_narrows_about_its_value_and_shows_zero() -> None:
    band = draw_band([Moment(10, 0.5, -1.0, 2.0), Moment(30, 0.4, 0.1, 0.7)])
    assert band is not None
    assert band.xs == [band.left, band.right]
    # Up is smaller in a picture.
    assert band.highs[0] < band.values[0] < band.lows[0]
    assert (band.highs[0], band.lows[0]) == (band.top, band.floor)
    assert band.zero == pytest.approx(band.floor - (band.floor - band.top) / 3, abs=0.1)
    assert len(band.area.split()) == 4
    assert [mark.value for mark in band.across] == [10, 30]
    assert draw_band([Moment(10, 0.5, -1.0, 2.0)]) is None
