"""Arms of an experiment by hash, and whether as many learners are in each as should be.

Without numpy: pages read it too.
"""

from __future__ import annotations

import hashlib
import math

MISMATCH = 0.001
"""A sample ratio less likely than this is a fault of the experiment and not chance.

As usual for this check (Fabijan et al., 2019, Diagnosing sample ratio mismatch in online controlled experiments): it is looked at
often, and a real fault makes p tiny.
"""


def is_treated(experiment: str, learner: str, share: float) -> bool:
    """Which arm a learner is in: the same whenever and wherever it is asked, independent between experiments."""
    digest = hashlib.sha256(f"{experiment}\x00{learner}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def sample_ratio(treated: int, untreated: int, share: float) -> float:
    """How likely a split at least as far from `share` is by chance: p of Pearson's χ² with one degree of freedom."""
    total = treated + untreated
    if not total:
        return 1.0
    expected = total * share
    square = (treated - expected) ** 2 * (1 / expected + 1 / (total - expected))
    return math.erfc(math.sqrt(square / 2))
