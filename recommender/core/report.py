"""The JSON report of a measurement, written whole or not at all."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender import core
from recommender.core import metrics
from recommender.core.markdown import as_markdown
from recommender.core.metrics import Interval, PooledBootstrap


@dataclass
class Stopwatch:
    """Seconds spent in the named stages of one measurement."""

    seconds: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("encode", "train", "baselines", "evaluate"), 0.0)
    )
    began: float = field(default_factory=time.monotonic)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] += time.monotonic() - start

    @property
    def total(self) -> float:
        return time.monotonic() - self.began

    def report(self) -> dict[str, float]:
        return {**{k: round(v, 3) for k, v in self.seconds.items()}, "total": round(self.total, 3)}


def ranking_report(values: dict[str, NDArray[np.float64]], seed: int) -> dict[str, Interval]:
    """Metrics with intervals from per-learner values."""
    return {name: metrics.mean_interval(found, seed) for name, found in values.items()}


def ranking_diff(
    ours: dict[str, NDArray[np.float64]], theirs: dict[str, NDArray[np.float64]], seed: int
) -> dict[str, Interval]:
    """Paired differences over learners, ours minus theirs."""
    return {name: metrics.mean_interval(ours[name] - theirs[name], seed) for name in ours}


@dataclass
class Pooled:
    """Metrics of pooled rows with bootstrap samples over learners."""

    values: dict[str, float]
    samples: dict[str, NDArray[np.float64]]

    @classmethod
    def of(
        cls,
        bootstrap: PooledBootstrap,
        probability: NDArray[np.float64],
        truth: NDArray[np.float64],
    ) -> Pooled:
        values = metrics.success_metrics(probability, truth)
        return cls(values, bootstrap.samples(probability, truth))

    def report(self) -> dict[str, Interval]:
        return {k: metrics.interval(v, self.samples[k]) for k, v in self.values.items()}

    def minus(self, other: Pooled) -> dict[str, Interval]:
        return {
            k: metrics.interval(v - other.values[k], self.samples[k] - other.samples[k])
            for k, v in self.values.items()
        }


def write_report(path: Path, content: dict[str, Any]) -> None:
    """Adds the program's version; writes JSON to `path` and the same in Markdown beside it."""
    full = _plain({**content, "version": core.__version__})
    _write(path.with_name(f"{path.stem}.md"), as_markdown(full))
    write_json(path, full)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes JSON to `path`, whole or not at all; what is not finite becomes null."""
    _write(path, json.dumps(_plain(content), indent=1, allow_nan=False) + "\n")


def _write(path: Path, text: str) -> None:
    """Through a temporary file, so that there is never half a report."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _plain(value: Any) -> Any:
    """JSON has no NaN: an undefined figure is null."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
