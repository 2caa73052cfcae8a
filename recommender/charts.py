"""Curves of a run as points of an SVG path, so that a page needs no script to draw them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from recommender.phases import label_phase

WIDTH: Final = 320
HEIGHT: Final = 120
_PAD: Final = 6


@dataclass(frozen=True)
class Chart:
    """One curve in a box of WIDTH × HEIGHT units, with the figures that describe it in words."""

    title: str
    points: str  # "x,y x,y …"
    first: float
    last: float
    lowest: float
    highest: float
    end: tuple[float, float]
    width: int = WIDTH
    height: int = HEIGHT


def draw_line(title: str, values: Sequence[float]) -> Chart | None:
    """Return the curve through `values` at equal distances, None where there is nothing to draw."""
    if not values:
        return None
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    step = (WIDTH - 2 * _PAD) / max(len(values) - 1, 1)
    dots = [
        (
            round(_PAD + place * step, 1),
            round(HEIGHT - _PAD - (value - low) / span * (HEIGHT - 2 * _PAD), 1),
        )
        for place, value in enumerate(values)
    ]
    return Chart(
        title=title,
        points=" ".join(f"{x},{y}" for x, y in dots),
        first=values[0],
        last=values[-1],
        lowest=low,
        highest=high,
        end=dots[-1],
    )


def draw_history(history: Sequence[dict[str, Any]], titles: Mapping[str, Any]) -> list[Chart]:
    """Return loss and metric of each phase of a run, in the order of the phases.

    `titles` gives the words for "loss" and "metric"; a phase's own name stands before them.
    """
    phases = list(dict.fromkeys(row["phase"] for row in history))
    charts = []
    for phase in phases:
        for figure in ("loss", "metric"):
            values = [
                row[figure]
                for row in history
                if row["phase"] == phase and row.get(figure) is not None
            ]
            if chart := draw_line(f"{label_phase(phase)}: {titles[figure]}", values):
                charts.append(chart)
    return charts
