"""Estimates with their intervals as lines of an SVG: one below the other, or one after the other in time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from recommender.charts import WIDTH, Tick

_SIDE, _TOP, _AXIS = 10, 6, 24
_ROW: Final = 34
_LINE: Final = 24
"""Of a row's height the label takes what lies above the interval."""
_HEIGHT, _LEFT = 180, 46
_TICKS: Final = 4
LEAST_SPAN: Final = 0.02
"""What an axis spans at least."""
_LONGEST: Final = 42


class Estimate(NamedTuple):
    """A value with the interval about it; `marked` is drawn as what needs a look."""

    label: str
    value: float
    low: float
    high: float
    marked: bool = False


@dataclass(frozen=True)
class Whisker:
    """One estimate and where its line lies."""

    estimate: Estimate
    label: str
    y: float
    x: float
    left: float
    right: float

    @property
    def text_at(self) -> float:
        return self.y - _LINE + 14


@dataclass(frozen=True)
class Forest:
    """Estimates below one another on one axis; `rule` is the value that they are held against, if any."""

    rows: Sequence[Whisker]
    ticks: Sequence[Tick]
    rule: Tick | None
    width: int = WIDTH
    left: int = _SIDE
    right: int = WIDTH - _SIDE

    @property
    def floor(self) -> int:
        return _TOP + _ROW * len(self.rows)

    @property
    def height(self) -> int:
        return self.floor + _AXIS


def draw_forest(estimates: Sequence[Estimate], *, rule: float | None = None) -> Forest | None:
    """Return the estimates in their order, None where there are none."""
    if not estimates:
        return None
    ends = [end for each in estimates for end in (each.low, each.high)]
    low, high = _widen([*ends, *([rule] if rule is not None else [])])
    across = (WIDTH - 2 * _SIDE) / (high - low)

    def place(value: float) -> float:
        return round(_SIDE + (value - low) * across, 1)

    return Forest(
        rows=[
            Whisker(
                each,
                each.label if len(each.label) <= _LONGEST else each.label[: _LONGEST - 1] + "…",
                _TOP + _ROW * number + _LINE,
                place(each.value),
                place(each.low),
                place(each.high),
            )
            for number, each in enumerate(estimates)
        ],
        ticks=[Tick(place(value), value) for value in _divide(low, high)],
        rule=None if rule is None else Tick(place(rule), rule),
    )


class Moment(NamedTuple):
    """An estimate after so many cases."""

    cases: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Band:
    """A value and its interval as the cases came in; the rule is at 0."""

    moments: Sequence[Moment]
    xs: Sequence[float]
    values: Sequence[float]
    lows: Sequence[float]
    highs: Sequence[float]
    across: Sequence[Tick]
    up: Sequence[Tick]
    zero: float
    width: int = WIDTH
    height: int = _HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _SIDE
    top: int = _TOP
    floor: int = _HEIGHT - _AXIS

    @property
    def line(self) -> str:
        """The value as a polyline has it."""
        return _join(self.xs, self.values)

    @property
    def area(self) -> str:
        """The interval as a polygon has it: along the upper ends, and back along the lower ones."""
        back = _join(list(reversed(self.xs)), list(reversed(self.lows)))
        return f"{_join(self.xs, self.highs)} {back}"


def draw_band(moments: Sequence[Moment]) -> Band | None:
    """Return the band through at least two moments, else None."""
    if len(moments) < 2:
        return None
    low, high = _widen([0.0, *(end for each in moments for end in (each.low, each.high))])
    first, last = moments[0].cases, moments[-1].cases
    right, floor = WIDTH - _SIDE, _HEIGHT - _AXIS
    along = (right - _LEFT) / max(last - first, 1)
    rise = (floor - _TOP) / (high - low)

    def height(value: float) -> float:
        return round(floor - (value - low) * rise, 1)

    counts = dict.fromkeys((first, moments[len(moments) // 2].cases, last))
    return Band(
        moments=moments,
        xs=[round(_LEFT + (each.cases - first) * along, 1) for each in moments],
        values=[height(each.value) for each in moments],
        lows=[height(each.low) for each in moments],
        highs=[height(each.high) for each in moments],
        across=[Tick(round(_LEFT + (count - first) * along, 1), count) for count in counts],
        up=[Tick(height(value), value) for value in (low, 0.0, high)],
        zero=height(0.0),
    )


def _join(xs: Sequence[float], ys: Sequence[float]) -> str:
    return " ".join(f"{x},{y}" for x, y in zip(xs, ys, strict=True))


def _widen(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    lacking = max(0.0, LEAST_SPAN - (high - low)) / 2
    return low - lacking, high + lacking


def _divide(low: float, high: float) -> list[float]:
    return [low + (high - low) * step / (_TICKS - 1) for step in range(_TICKS)]
