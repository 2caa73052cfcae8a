"""What adapts to the data does so by the rules on this page, or on validation."""

from __future__ import annotations

import numpy as np

from recommender.core.config import ModelConfig, TrainConfig
from recommender.core.events import EventLog

STEPS, EPOCHS = 1000, 20
"""Training ends after about so many batches' worth of events, and not before so many epochs."""
SMALL_CATALOGUE = 10_000
"""Up to so many items the softmax is over all of them, whatever the time."""
LOGITS_A_SECOND, ENOUGH = 6e7, 10
"""What one slow core computes, forth and back, and the epochs of it that must fit into half of the time."""
BLIND_EPOCHS = 10
"""Epochs where nothing is held out to tell when to stop."""


def choose_model(log: EventLog) -> ModelConfig:
    """Sizes by rule: the window holds nine of ten histories; dense histories (30 events and more on
    average) get a second block, and text only for items without an id vector."""
    counts = np.diff(log.offsets)
    counts = counts[counts > 0]
    typical = float(np.quantile(counts, 0.9)) if len(counts) else 1.0
    length = int(2 ** np.ceil(np.log2(max(typical, 1.0))))
    mean = float(counts.mean()) if len(counts) else 0.0
    dense = mean >= 30
    return ModelConfig(
        length=int(np.clip(length, 32, 128)),
        blocks=2 if dense else 1,
        text_beside_id=not dense,
    )


def batch_tokens(config: TrainConfig, events: int) -> int:
    """Events in a batch: at least about 16 steps an epoch, or small data would hardly move."""
    return int(np.clip(events // 16, min(64, config.tokens), config.tokens))


def most_epochs(config: TrainConfig, events: int, *, blind: bool) -> int:
    """How often training in batches of `config.tokens` goes over this many events; patience usually ends it earlier.

    On dense data quality creeps on long after: there the last third of a run gained .002 in NDCG@10 on
    validation. Where nothing is held out (`blind`) there is no patience.
    """
    if blind:
        return BLIND_EPOCHS
    most = int(STEPS * config.tokens / max(events, 1))
    return min(config.epochs, max(EPOCHS, most))


def softmax_over_all(items: int, events: int, config: TrainConfig) -> bool:
    """Whether the loss compares each target with all `items`, or with a sample.

    The sample is cheaper by far and learns less from an epoch (`docs/benchmarks.md`). The time is that
    of a CPU; a GPU has more of it.
    """
    if config.sampled is not None:
        return not config.sampled
    seconds = items * events * ENOUGH / LOGITS_A_SECOND
    return items <= SMALL_CATALOGUE or seconds <= config.minutes * 60 / 2
