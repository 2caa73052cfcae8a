"""A learner's latest events as people would tell them: one line for each time she was with an item."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any, Final

_TELLING: Final = ("viewed", "progressed", "rated", "abandoned", "completed", "answered")


def tell_activity(events: Iterable[dict[str, Any]], *, limit: int) -> list[dict[str, Any]]:
    """Of consecutive events on one item keep the most telling, the newest of equals; newest first."""
    told = [
        max(visit, key=lambda event: _TELLING.index(event["verb"]))
        for _slug, visit in groupby(events, key=lambda event: event["slug"])
    ]
    return told[:limit]
