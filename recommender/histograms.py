"""Histograms beside their reference, and shares by day, as rectangles of an SVG: so that a page needs no script to draw them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

WIDTH: Final = 360
_LABELS, _FIGURES, _ROW = 132, 40, 20
_LEFT, _TOP, _FLOOR, _HEIGHT = 40, 10, 26, 190
LEAST_SPAN: Final = 0.05
"""What an axis of shares spans at least: one reading among a hundred shall not look like a wave."""


@dataclass(frozen=True)
class Bin:
    """One bin: its share now and in the reference, and where its two bars lie, in units of the box."""

    name: str
    now: float
    reference: float
    y: float
    width: float
    reference_width: float

    @property
    def text_at(self) -> float:
        return self.y + _ROW / 2

    @property
    def told(self) -> tuple[str, str]:
        """Both shares in words."""
        return format_share(self.now), format_share(self.reference)


@dataclass(frozen=True)
class Histogram:
    """Bins from top to bottom; the empty ones at both ends are left out."""

    bins: Sequence[Bin]
    width: int = WIDTH
    left: int = _LABELS
    right: int = WIDTH - _FIGURES
    row: int = _ROW

    @property
    def height(self) -> int:
        return _ROW * len(self.bins) + 4

    @property
    def fullest(self) -> Bin:
        return max(self.bins, key=lambda each: each.now)

    @property
    def fullest_reference(self) -> Bin:
        return max(self.bins, key=lambda each: each.reference)


def draw_histogram(
    now: Sequence[int], reference: Sequence[int], names: Sequence[str]
) -> Histogram | None:
    """Return the shares of `now` [B] beside those of the `reference` [B]; None where either is empty."""
    if not sum(now) or not sum(reference):
        return None
    used = [place for place, both in enumerate(zip(now, reference, strict=True)) if any(both)]
    within = range(used[0], used[-1] + 1)
    shares = [(now[place] / sum(now), reference[place] / sum(reference)) for place in within]
    across = (WIDTH - _LABELS - _FIGURES) / max(max(pair) for pair in shares)
    return Histogram(
        [
            Bin(
                names[place],
                share,
                usual,
                2 + _ROW * number,
                round(share * across, 1),
                round(usual * across, 1),
            )
            for number, (place, (share, usual)) in enumerate(zip(within, shares, strict=True))
        ]
    )


@dataclass(frozen=True)
class Part:
    """One kind's share of a day, as a piece of its column."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True)
class Day:
    """One day: how many readings there were, how many of each kind were out of range, and its column."""

    day: date
    read: int
    counts: Sequence[int]
    x: float
    width: float
    parts: Sequence[Part]

    @property
    def share(self) -> str:
        return format_share(sum(self.counts) / self.read) if self.read else "–"

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 1)

    @property
    def right(self) -> float:
        return round(self.x + self.width, 1)


@dataclass(frozen=True)
class Days:
    """Columns of days, with the shares that the axis names."""

    days: Sequence[Day]
    ticks: Sequence[tuple[float, str]]  # y, share
    expected: float  # y of the share that healthy readings have
    width: int = 2 * WIDTH
    height: int = _HEIGHT
    left: int = _LEFT
    right: int = 2 * WIDTH - 10
    floor: int = _HEIGHT - _FLOOR

    @property
    def labelled(self) -> Sequence[Day]:
        """The newest day, and back from it every so many that their labels do not meet."""
        step = -(-len(self.days) // 7)
        return self.days[::-1][::step]


def draw_days(
    rows: Sequence[tuple[date, int, Mapping[str, int]]],
    kinds: Sequence[str],
    *,
    expected: float,
) -> Days | None:
    """Return columns of the shares out of range by kind; rows are (day, readings, counts by kind), oldest first."""
    if not any(read for _day, read, _counts in rows):
        return None
    shares = [sum(counts.values()) / read for _day, read, counts in rows if read]
    top = max(LEAST_SPAN, *shares)
    down = (_HEIGHT - _TOP - _FLOOR) / top
    floor = _HEIGHT - _FLOOR
    slot = min((2 * WIDTH - 10 - _LEFT) / len(rows), 60.0)
    drawn = []
    for number, (day, read, counts) in enumerate(rows):
        parts, y = [], float(floor)
        for kind in kinds:
            height = down * counts.get(kind, 0) / read if read else 0.0
            if height:
                y -= height
                parts.append(Part(kind, round(y, 1), round(height, 1)))
        x = round(_LEFT + slot * number + slot * 0.15, 1)
        cells = [counts.get(kind, 0) for kind in kinds]
        drawn.append(Day(day, read, cells, x, round(slot * 0.7, 1), parts))
    levels = (0.0, top / 2, top)
    ticks = [(round(floor - down * share, 1), format_share(share)) for share in levels]
    return Days(drawn, ticks, round(floor - down * expected, 1))


def format_share(share: float) -> str:
    """Percent, with a decimal where it is small."""
    percent = 100 * share
    return f"{percent:.0f}%" if percent >= 9.95 or not percent else f"{percent:.1f}%"
