"""What training costs at 0.1, 1, 10 and 100 million interactions: measured, then computed."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import psutil
import torch

from recommender.core.catalogue import Catalogue
from recommender.core.config import TrainConfig
from recommender.core.events import COMPLETED, EventLog, Writer
from recommender.core.markdown import table
from recommender.core.training import train

MEASURED, COMPUTED = (100_000, 1_000_000, 10_000_000), (100_000_000,)
LENGTH = 50
"""Mean events of a learner."""
ITEMS = 4_000
MINUTES = 2.0
"""Time of each training run. The rate is that of the part of an epoch which fits in, its validation included."""


def generate(folder: Path, events: int, items: int, *, seed: int = 0) -> EventLog:
    """A log of learners who mostly walk on from item to item, written in bounded memory."""
    rng = np.random.default_rng(seed)
    with Writer(folder) as writer:
        done = learner = 0
        while done < events:
            counts = rng.geometric(1 / LENGTH, 4096)
            counts = counts[np.cumsum(counts) <= events - done]
            if not len(counts):
                counts = np.array([events - done])
            size = int(counts.sum())
            owner = np.repeat(np.arange(learner, learner + len(counts)), counts)
            start = np.repeat(rng.zipf(1.3, len(counts)) % items, counts)
            step = np.arange(size) - np.repeat(np.cumsum(counts) - counts, counts)
            jump = np.where(rng.random(size) < 0.3, rng.zipf(1.3, size), 0)
            item = (start + step + jump) % items + 1
            when = 1.6e9 + owner * 60.0 + step * 600.0
            writer.append(
                owner,
                {
                    "item": item,
                    "behaviour": np.full(size, COMPLETED),
                    "outcome": np.zeros(size),
                    "attention": np.zeros(size),
                    "time": when,
                    "received": when,
                    "explored": np.zeros(size),
                },
            )
            done, learner = done + size, learner + len(counts)
        return writer.close()


def run() -> str:
    """Each size in a process of its own, so that its peak memory is its own."""
    rows, last = [], {}
    for events in MEASURED:
        last = _measured(events)
        rows.append(_row(events, last, "measured"))
    for events in COMPUTED:
        times = events / MEASURED[-1]
        computed = {**last, "bytes": last["bytes"] * times}
        rows.append(_row(events, computed, "computed"))
    head = ["interactions", "log on disk, MB", "peak memory of training, MB", "interactions/s"]
    return table([*head, "hours an epoch", ""], rows)


def _row(events: int, found: dict[str, float], how: str) -> list[str]:
    hours = events / found["speed"] / 3600
    return [
        f"{events:,}",
        f"{found['bytes'] / 1e6:,.0f}",
        f"{found['memory'] / 1e6:,.0f}" if how == "measured" else "",
        f"{found['speed']:,.0f}",
        f"{hours:.2g}",
        how,
    ]


def _measured(events: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="attune-scale-") as folder:
        generate(Path(folder) / "log", events, ITEMS)
        done = subprocess.run(  # noqa: S603 - this program, on a folder of its own
            [sys.executable, "-m", "recommender.core.studies.scale", folder, str(ITEMS)],
            capture_output=True,
            text=True,
            check=True,
        )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def child(folder: Path, items: int) -> dict[str, float]:
    """Trains on a log that stays on disk, for a bounded time, and tells what it took."""
    log = EventLog.open(folder / "log")
    catalogue = Catalogue(
        keys=tuple(map(str, range(items))),
        text=None,
        concepts=((),) * (items + 1),
        concept_keys=(),
        gradable=np.zeros(items + 1, dtype=bool),
        encoder="",
    )
    before = _anonymous()
    with Watch() as watch:
        result = train(
            log,
            catalogue,
            config=TrainConfig(minutes=MINUTES, epochs=1),
            out=folder / "version",
            checkpoint=None,
            start_from=None,
            on_progress=lambda _progress: None,
            should_stop=lambda: False,
            device="cpu",
        )
    size = sum(path.stat().st_size for path in (folder / "log").glob("*.npy"))
    return {
        "bytes": size,
        "memory": watch.peak - before,
        "speed": result.interactions_per_second,
    }


class Watch:
    """Peak of the memory that is this process's own, read twenty times a second.

    Pages of mapped files are not counted: the system takes them back when it needs them.
    """

    def __enter__(self) -> Watch:
        self.peak, self._done = 0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(0.05):
            self.peak = max(self.peak, _anonymous())


def _anonymous() -> int:
    """Bytes of resident memory that no file backs."""
    found = psutil.Process().memory_info()
    return int(found.rss - getattr(found, "shared", 0))


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.stdout.write(json.dumps(child(Path(sys.argv[1]), int(sys.argv[2]))))
