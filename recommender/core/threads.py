"""How many threads: measured on a training step, because small models are often slower with more."""

from __future__ import annotations

import os
import time

import numpy as np
import torch

from recommender.core import losses
from recommender.core.config import ModelConfig
from recommender.core.events import EventLog
from recommender.core.features import make_batch
from recommender.core.model import NextItemModel

GAIN = 1.3
"""More threads must be so much faster than one: what is gained on an idle machine is lost on a busy one."""
ITEMS, LEARNERS, LENGTH, REPEATS = 4000, 32, 32, 2


def choose_threads() -> int:
    """One thread or one for each core that this process may use; takes well under a second."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    before = torch.get_num_threads()
    if not cores or cores < 2:
        return 1
    try:
        one, all_of_them = (_seconds(count) for count in (1, cores))
    finally:
        torch.set_num_threads(before)
    return cores if one > GAIN * all_of_them else 1


def _seconds(threads: int) -> float:
    """The fastest of a few training steps of a usual size."""
    torch.set_num_threads(threads)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = NextItemModel(ITEMS, 0, ModelConfig(length=LENGTH))
        item = np.random.default_rng(0).integers(1, ITEMS, LEARNERS * LENGTH)
        log = EventLog.from_columns(np.arange(0, len(item) + 1, LENGTH), item=item)
        batch = make_batch(log, np.arange(LEARNERS), None, LENGTH)
        spent = []
        for _ in range(REPEATS):
            start = time.perf_counter()
            vectors = model.items(None)
            states = model(batch, vectors)[:, :-1].flatten(0, 1)
            losses.full_softmax(states, vectors, batch.item.flatten()).backward()  # type: ignore[no-untyped-call]
            spent.append(time.perf_counter() - start)
    return min(spent)
