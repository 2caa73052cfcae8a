"""A learner's attention profile as it is stored: features, their weights and limits, and how weights fade.

Features are ``item:<pk>``, ``concept:<pk>``, ``kind:<format>`` and ``behaviour:<verb>``, as in the core's re-weighting. The web
process reads profiles with this alone: folding a ledger is the workers' work.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

LIMIT: Final = 4.0
"""Weights stay in [1/4, 4], whatever a learner or a version asks for."""
FAMILIES: Final = ("concept", "kind", "behaviour", "item")
CONCEPTS: Final = 8
"""Of an item's concepts the first eight count, as in the core."""

Limits = Mapping[str, Sequence[float]]


def features_of(*, item: int, kind: str, concepts: Sequence[int], behaviour: str = "") -> list[str]:
    """What feedback can move about an item, or about an event on it: as the core's `event_features`."""
    found = [f"item:{item}", *(f"concept:{concept}" for concept in sorted(concepts)[:CONCEPTS])]
    if behaviour:
        found.append(f"behaviour:{behaviour}")
    return [*found, f"kind:{kind}"]


def fade(
    log_weight: Mapping[str, float],
    *,
    seconds: float,
    half_life_days: float,
    limits: Limits,
) -> dict[str, float]:
    """Log-weights some time after they were computed: each halves per half-life, within her limits."""
    left = 0.5 ** (max(seconds, 0.0) / (half_life_days * 86_400))
    found = {}
    for feature, value in log_weight.items():
        low, high = limits.get(feature, (1 / LIMIT, LIMIT))
        found[feature] = min(max(value * left, math.log(low)), math.log(high))
    return {feature: value for feature, value in found.items() if value}


def weights_at(
    state: Mapping[str, Any], *, since: datetime | None, now: datetime, limits: Limits
) -> dict[str, float]:
    """Log-weights by feature of a stored fold as they are `now`."""
    if not state or since is None:
        return {}
    return fade(
        state["log_weight"],
        seconds=(now - since).total_seconds(),
        half_life_days=state["half_life_days"],
        limits=limits,
    )
