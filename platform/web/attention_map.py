"""An attention map as a table: events by views, each share in words, and a tint for those who see it."""

from dataclasses import dataclass
from typing import Final

from recommender.histograms import format_share
from recommender.selectors.attention_map import AttendedEvent, AttentionMap

SHOWN: Final = 6
"""Events in sight; the others are folded."""
_TINTS: Final = (0.01, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class Cell:
    """One share of a head's attention."""

    share: float

    @property
    def text(self) -> str:
        return format_share(self.share) if self.share else "–"

    @property
    def tint(self) -> int:
        """From 0 to 4, by steps that double or more."""
        return sum(self.share >= step for step in _TINTS)


@dataclass(frozen=True)
class Row:
    """One event with its share of each view."""

    event: AttendedEvent
    cells: list[Cell]


@dataclass(frozen=True)
class MapTable:
    """What the templates of a map show."""

    map: AttentionMap
    views: list[int]
    shown: list[Row]
    others: list[Row]
    rest: list[Cell]
    beginning: list[Cell]


def lay_out(found: AttentionMap | None) -> MapTable | None:
    """Return the table of a map; None where there is none, or nothing in it that may be told."""
    if found is None or not found.events:
        return None
    rows = [Row(event, [Cell(share) for share in event.shares]) for event in found.events]
    return MapTable(
        map=found,
        views=list(range(1, found.heads + 1)),
        shown=rows[:SHOWN],
        others=rows[SHOWN:],
        rest=[Cell(share) for share in found.rest],
        beginning=[Cell(share) for share in found.beginning],
    )
