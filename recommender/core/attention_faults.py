"""Faults of attention, injected to test what notices and what repairs them.

Four happen in the last block's logits, as their causes would; the fifth in the log. Each has three
severities, and what lies between them:

collapsed      the logit of one event, the same in all heads, is raised: a key whose norm has exploded
uniform        all logits are divided by a temperature: queries and keys that have shrunk
first_sink     the first event's logit is raised: an attention sink (Xiao et al., 2024, Efficient
               streaming language models with attention sinks)
recency_blind  the logits of the most recent quarter of the events are lowered: wrong positions, or the
               newest events not yet in a cache
flooded        a bot acts in the learner's name: a burst of events of random items, a second or two
               apart, at a random moment of her recent half; as many as a part of her events
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recommender.core.attention_statistics import RECENT
from recommender.core.events import EventLog
from recommender.core.features import Adjust, Batch

if TYPE_CHECKING:
    from recommender.core.serving import Watch

SEVERITIES = ("mild", "middle", "severe")
LOGIT_FAULTS: Mapping[str, tuple[float, float, float]] = {
    "collapsed": (2.0, 4.0, 8.0),  # nats added
    "uniform": (2.0, 4.0, 16.0),  # temperature
    "first_sink": (2.0, 4.0, 8.0),  # nats added
    "recency_blind": (1.0, 2.0, 8.0),  # nats taken away
}
FLOODED = "flooded"
FLOODS = (0.2, 0.5, 1.0)
"""Events of the bot, as a part of the learner's events in the window."""
FAULTS = (*LOGIT_FAULTS, FLOODED)


def break_logits(
    logits: Tensor, fault: str, severity: float, batch: Batch, rng: np.random.Generator
) -> Tensor:
    """Faulty logits [B, H, L + 1]; `severity` in [0, 2]. Raises KeyError for an unknown fault."""
    size = _between(LOGIT_FAULTS[fault], severity)
    n = batch.length.clamp(min=1)
    place = torch.arange(logits.shape[2], device=n.device)
    if fault == "uniform":
        return logits / size
    if fault == "collapsed":
        drawn = torch.from_numpy(rng.random(len(n))).to(n.device)
        where = place == 1 + (drawn * n).long()[:, None]
    elif fault == "first_sink":
        where = (place == 1).expand(len(n), -1)
    else:
        size = -size
        where = place > (n - (n / RECENT).ceil())[:, None]
    return logits + (where * size)[:, None]


def breaking(watch: Watch, fault: tuple[str, float], seed: int = 0) -> Watch:
    """What sees, and may repair, attention with this fault; draws differ from batch to batch."""

    def broken(rows: slice, batch: Batch) -> Adjust:
        adjust = watch(rows, batch)

        def both(logits: Tensor) -> Tensor:
            rng = np.random.default_rng((seed, rows.start))
            return adjust(break_logits(logits, *fault, batch, rng))

        return both

    return broken


def flood(
    log: EventLog, severity: float, rows: int, window: int, rng: np.random.Generator
) -> EventLog:
    """Every learner's log with a bot's burst in it.

    Items are drawn from a catalogue of `rows` rows; `window` events are what the model reads.
    """
    counts = np.diff(log.offsets)
    read = np.minimum(counts, window)
    burst = np.ceil(read * _between(FLOODS, severity)).astype(np.int64)
    back = (rng.random(log.learners) * (read // 2 + 1)).astype(np.int64)
    owner = np.repeat(np.arange(log.learners), burst)
    before = log.offsets[1:] - back  # the row that the burst comes before
    place = np.concatenate([np.arange(len(log)) + 0.5, before[owner]])
    order = np.lexsort((place, np.concatenate([log.learner_of_event(), owner])))
    first = np.maximum(before - 1, log.offsets[:-1])
    start = log.time[first[owner]] if len(owner) else np.zeros(0)
    time = start + _clock(burst, rng)
    usual = int(np.bincount(log.behaviour).argmax()) if len(log) else 0
    bot: dict[str, NDArray[np.generic]] = {
        "item": rng.integers(1, rows, len(owner)).astype(np.int32),
        "behaviour": np.full(len(owner), usual, dtype=np.uint8),
        "time": time,
        "received": time,
    }
    joined = {
        name: np.concatenate([getattr(log, name), bot.get(name, np.zeros(len(owner)))])[order]
        for name in ("item", "behaviour", "outcome", "attention", "time", "received", "explored")
    }
    return EventLog.from_columns(np.concatenate([[0], np.cumsum(counts + burst)]), **joined)


def _clock(burst: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Seconds since the start of each burst, for all its events; a second or two lie between them."""
    steps = rng.integers(1, 3, int(burst.sum())).astype(np.float64)
    total = np.concatenate([[0.0], np.cumsum(steps)])
    return np.asarray(total[1:] - np.repeat(total[np.cumsum(burst) - burst], burst))


def _between(sizes: tuple[float, float, float], severity: float) -> float:
    """Sizes grow geometrically from one severity to the next."""
    return float(np.exp(np.interp(severity, (0, 1, 2), np.log(sizes))))
