"""The names of an attention's statistics, for whoever shows them without computing any."""

from __future__ import annotations

PER_HEAD = ("flatness", "peak", "beginning", "first", "last", "recent", "centre")
JOINT = ("spread", "coherence", "likeness", "usual", "burst")
OTHER = "other"
KINDS = ("collapsed", "uniform", "first_sink", "recency_blind", "flooded", OTHER)
"""What anomalous attention may look like: the faults of `attention_faults`, and anything else."""


def names(heads: int) -> tuple[str, ...]:
    """What each column of `statistics` is.

    flatness   log of what entropy lacks to that of equal shares, in nats
    peak, beginning, first, last, recent
               log odds of the mass on the most attended event, on the learned beginning of every
               history, on the first and the last event of the window, and on the recent ones
    centre     mean distance from the end, as a part of the history
    spread     log of how far heads are from their mean (total variation)
    coherence  length of the mean vector of what is attended to, as a part of the mean length
    likeness   mean cosine of what is attended to with the event before it
    usual      mean of `how_usual`
    burst      the most attention that a run of quick events gets that are unlike those before them,
               in multiples of an equal share
    """
    return (*(f"{name}_{head}" for name in PER_HEAD for head in range(heads)), *JOINT)


def count_heads(columns: int) -> int:
    """The number of heads whose statistics have so many columns. Raises ValueError where none has."""
    heads, rest = divmod(columns - len(JOINT), len(PER_HEAD))
    if rest or heads < 1:
        raise ValueError(f"{columns} columns are not the statistics of any number of heads")
    return heads
