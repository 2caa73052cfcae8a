"""Curves of a run as points of an SVG path with its axes, so that a page needs no script to draw them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from django.utils.translation import gettext_lazy as _

from recommender.phases import label_phase

WIDTH: Final = 360
HEIGHT: Final = 160
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 10, 24
_MOST_TICKS: Final = 6
LEAST_SPAN: Final = 0.05
"""What an axis of values spans at least: noise in the third decimal shall not look like a fall."""


class Figure(NamedTuple):
    """What one column of a run's history is called, whether more is better, the sign it is stored with, a remark."""

    name: Any
    higher_is_better: bool
    sign: int = 1
    note: Any = ""


LOSS: Final = Figure(_("training loss"), higher_is_better=False)
METRICS: Final[Mapping[str, Figure]] = {
    "attention": Figure(
        _("NDCG@10 on held-out cases"),
        higher_is_better=True,
        note=_("Of the attention alone; a version's page measures the whole recommender."),
    ),
    # Stored negative, as training maximises its metric.
    "success": Figure(_("log loss on held-out answers"), higher_is_better=False, sign=-1),
}
_OTHER: Final = Figure(_("validation metric"), higher_is_better=True)


def find_metric(phase: str) -> Figure:
    """What the validation metric of a phase is."""
    return METRICS.get(phase, _OTHER)


@dataclass(frozen=True)
class Tick:
    """A mark of an axis: where it stands (x or y, in units of the box) and what it says."""

    at: float
    value: float


@dataclass(frozen=True)
class Dot:
    """One value of a curve: its epoch and where it stands."""

    epoch: int
    value: float
    x: float
    y: float


@dataclass(frozen=True)
class Chart:
    """One curve in a box of WIDTH × HEIGHT units, with its axes and the figures that tell it in words."""

    phase: str
    name: str
    higher_is_better: bool
    dots: list[Dot]
    epochs: list[Tick]
    values: list[Tick]
    note: str = ""
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    floor: int = HEIGHT - _BOTTOM

    @property
    def points(self) -> str:
        """The curve as a polyline has it: `x,y x,y …`."""
        return " ".join(f"{dot.x},{dot.y}" for dot in self.dots)

    @property
    def first(self) -> Dot:
        return self.dots[0]

    @property
    def last(self) -> Dot:
        return self.dots[-1]

    @property
    def best(self) -> Dot:
        """The best value, the earliest of equals."""
        sign = -1 if self.higher_is_better else 1
        return min(self.dots, key=lambda dot: sign * dot.value)


def draw_line(phase: str, figure: Figure, values: Mapping[int, float]) -> Chart | None:
    """Return the curve through `values` by epoch, None where there is nothing to draw."""
    if not values:
        return None
    told = {epoch: figure.sign * value for epoch, value in sorted(values.items())}
    low, high = _find_span(told.values())
    first, last = min(told), max(told)
    across = (WIDTH - _LEFT - _RIGHT) / max(last - first, 1)
    down = (HEIGHT - _TOP - _BOTTOM) / (high - low)
    dots = [
        Dot(
            epoch,
            value,
            round(_LEFT + (epoch - first) * across, 1),
            round(HEIGHT - _BOTTOM - (value - low) * down, 1),
        )
        for epoch, value in told.items()
    ]
    step = -(-(last - first + 1) // _MOST_TICKS)
    return Chart(
        phase=phase,
        name=str(figure.name),
        higher_is_better=figure.higher_is_better,
        dots=dots,
        epochs=[
            Tick(round(_LEFT + (epoch - first) * across, 1), epoch)
            for epoch in range(first, last + 1, step)
        ],
        values=[
            Tick(round(HEIGHT - _BOTTOM - (value - low) * down, 1), value)
            for value in (low, (low + high) / 2, high)
        ],
        note=str(figure.note),
    )


def _find_span(values: Collection[float]) -> tuple[float, float]:
    """The ends of an axis: those of the values, or LEAST_SPAN around them, not below 0 where they aren't."""
    low, high = min(values), max(values)
    lacking = max(0.0, LEAST_SPAN - (high - low))
    below = min(lacking / 2, low) if low >= 0 else lacking / 2
    return low - below, high + lacking - below


def draw_history(history: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """Return loss and metric of each phase of a run, in the order of the phases.

    A row of `history` is an epoch: `phase`, `epoch` from 1, `loss` and `metric`, either of which may be None.
    """
    charts = []
    for phase in dict.fromkeys(row["phase"] for row in history):
        for column, figure in (("loss", LOSS), ("metric", find_metric(phase))):
            values = {
                int(row["epoch"]): float(row[column])
                for row in history
                if row["phase"] == phase and row.get(column) is not None
            }
            if chart := draw_line(label_phase(phase), figure, values):
                charts.append(chart)
    return charts
