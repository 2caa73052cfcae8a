"""Mastery as pages show it: the interval of each concept, and how it went as a chart that needs no script."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils import timezone

from learners.selectors import list_mastery, read_mastery_days
from learners.selectors.mastery import DayRow

WIDTH: Final = 300
HEIGHT: Final = 80


@dataclass(frozen=True)
class Trend:
    """The days of a concept in a box of WIDTH × HEIGHT units: a line through the means, a band from low to high."""

    days: Sequence[DayRow]
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def line(self) -> str:
        """The means as a polyline has them: `x,y x,y …`."""
        return self._points([day.mean for day in self.days])

    @property
    def band(self) -> str:
        """The intervals as a polygon: along the upper ends, and back along the lower ones."""
        upper = self._points([day.high for day in self.days])
        lower = self._points([day.low for day in self.days])
        return f"{upper} {' '.join(reversed(lower.split()))}"

    def _points(self, values: Sequence[float]) -> str:
        first = self.days[0].day
        span = max((self.days[-1].day - first).days, 1)
        return " ".join(
            f"{WIDTH * (day.day - first).days / span:.1f},{HEIGHT * (1 - value):.1f}"
            for day, value in zip(self.days, values, strict=True)
        )


def read_mastery(*, learner_id: int, course_ids: Collection[int]) -> list[dict[str, Any]]:
    """Return what `list_mastery` does, each with `trend`: None until there are two days to compare."""
    concepts = list_mastery(learner_id=learner_id, course_ids=course_ids, now=timezone.now())
    days = read_mastery_days(
        learner_id=learner_id, concept_ids=[concept["id"] for concept in concepts]
    )
    return [{**concept, "trend": _draw(days.get(concept["id"], ()))} for concept in concepts]


def _draw(days: Sequence[DayRow]) -> Trend | None:
    return Trend(days) if len(days) > 1 else None
