"""A report in Markdown says what its JSON says."""

from __future__ import annotations

from recommender.core.markdown import as_markdown, figure


def test_figures() -> None:
    assert figure({"value": 0.12345, "low": -0.1, "high": 0.2}, sign=True) == (
        "+0.1235 [-0.1000, 0.2000]"
    )
    assert figure(None) == "–"
    assert figure(3) == "3"


def test_a_report_with_its_baselines() -> None:
    interval = {"value": 0.5, "low": 0.4, "high": 0.6}
    text = as_markdown(
        {
            "task": "next-item",
            "data": "walks",
            "metrics": {"hr@10": interval},
            "baselines": {
                "popularity": {"metrics": {"hr@10": interval}, "diff": {"hr@10": interval}}
            },
            "chosen": {"model": {"width": 64}},
            "seed": 3,
        }
    )
    assert "# next-item: walks" in text
    assert "| `popularity` | 0.5000 [0.4000, 0.6000] | +0.5000 [0.4000, 0.6000] |" in text
    assert "| **Attune** | 0.5000 [0.4000, 0.6000] |  |" in text
    assert "| chosen.model.width | 64 |" in text
    assert "| seed | 3 |" in text
