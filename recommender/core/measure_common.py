"""What both measurements of the command line share."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from recommender.core import report
from recommender.core.errors import BadDataError
from recommender.core.events import EventLog
from recommender.core.progress import Progress


@dataclass(frozen=True)
class Options:
    data: Path
    out: Path
    minutes: float = 30.0
    seed: int = 0
    device: str = "auto"
    save: Path | None = None


class Bar:
    """One progress bar on stderr for whatever stage is going on."""

    def __init__(self) -> None:
        self._bar = tqdm(total=1, file=sys.stderr, dynamic_ncols=True, mininterval=0.5)

    def stage(self, text: str) -> None:
        self._bar.reset(total=1)
        self._bar.set_description(text)

    def steps(self, done: int, total: int) -> None:
        self._bar.total = total
        self._bar.n = done
        self._bar.refresh()

    def training(self, told: Progress) -> None:
        self._bar.total = max(told.steps, 1)
        self._bar.n = told.step
        label = told.phase if told.epochs == 1 else f"{told.phase} epoch {told.epoch}"
        self._bar.set_description(label)
        parts = []
        if told.loss is not None:
            parts.append(f"loss {told.loss:.4f}")
        if told.metric is not None:
            parts.append(f"valid {told.metric:.4f}")
        self._bar.set_postfix_str(" ".join(parts), refresh=False)
        self._bar.refresh()

    def close(self) -> None:
        self._bar.close()


@contextmanager
def progress_bar() -> Iterator[Bar]:
    bar = Bar()
    try:
        yield bar
    finally:
        bar.close()


def left(options: Options, watch: report.Stopwatch) -> float:
    """Minutes for training: what is left, less a seventh of the whole for the evaluation."""
    return max(0.05, options.minutes * 6 / 7 - watch.total / 60)


def learner_folds(log: EventLog, seed: int) -> NDArray[np.int64]:
    """Folds 1 to 5 by learner, where the folder names none."""
    fold = np.random.default_rng(seed).permutation(log.learners) % 5 + 1
    return np.repeat(fold, np.diff(log.offsets))


@contextmanager
def version_folder(save: Path | None) -> Iterator[Path]:
    """Where the version goes: a place to keep, or one that is gone afterwards."""
    if save is not None:
        if save.exists() and not (save / "manifest.json").is_file() and any(save.iterdir()):
            raise BadDataError(f"--save {save}: holds something else than a model version")
        yield save
        return
    with tempfile.TemporaryDirectory(prefix="attune-core-") as folder:
        yield Path(folder) / "version"


def median_ms(call: Callable[[], object], repeats: int = 7) -> float:
    """Median milliseconds of a call after one to warm up; fewer calls where two seconds are over."""
    call()
    spent: list[float] = []
    for _ in range(repeats):
        if sum(spent) > 2000:
            break
        start = time.perf_counter()
        call()
        spent.append((time.perf_counter() - start) * 1000)
    return round(statistics.median(spent), 3)
