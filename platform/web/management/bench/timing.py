"""Pairs of timings, taken in turn."""

import gc
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from typing import Any

Step = Callable[[int], object]


@dataclass(frozen=True)
class Comparison:
    """Medians of `pairs` pairs, in milliseconds; `ratio` is the median of ours over bare within each pair."""

    ours_ms: float
    bare_ms: float
    ratio: float
    ratio_quartiles: tuple[float, float]
    pairs: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def compare(
    ours: Step, bare: Step, *, pairs: int, warm: int = 2, before: Step = lambda number: None
) -> Comparison:
    """Time `ours(number)` against `bare(number)`, each pair in the other order than the one before.

    Both are called with the numbers 0 to warm + pairs - 1, after `before(number)`, which is not timed; the first
    `warm` pairs are not counted.
    """
    times: list[tuple[float, float]] = []
    gc.collect()
    gc.freeze()
    for number in range(warm + pairs):
        before(number)
        # What one side leaves behind must not be collected in the other's time.
        gc.collect()
        if number % 2:
            second = clock(bare, number)
            times.append((clock(ours, number), second))
        else:
            first = clock(ours, number)
            times.append((first, clock(bare, number)))
    gc.unfreeze()
    return summarise(times[warm:])


def clock(step: Step, number: int) -> float:
    """Return the seconds that one call takes."""
    started = time.perf_counter()
    step(number)
    return time.perf_counter() - started


def summarise(times: list[tuple[float, float]]) -> Comparison:
    """Of pairs of seconds (ours, bare)."""
    ratios = [ours / bare for ours, bare in times]
    low, _middle, high = quantiles(ratios, n=4) if len(ratios) > 1 else (ratios[0],) * 3
    return Comparison(
        ours_ms=1000 * median(ours for ours, _bare in times),
        bare_ms=1000 * median(bare for _ours, bare in times),
        ratio=median(ratios),
        ratio_quartiles=(low, high),
        pairs=len(times),
    )


def percentile(values: list[float], share: float) -> float:
    """Return the value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
