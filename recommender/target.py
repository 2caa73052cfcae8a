"""The success that a learner's next exercise should promise: a pure fold over her feedback."""

from collections.abc import Iterable
from typing import Final

START: Final = 0.7
STEP: Final = 0.05
LOWEST: Final = 0.5
HIGHEST: Final = 0.9

_STEPS: Final = {"too_hard": STEP, "too_easy": -STEP}


def fold_target(signals: Iterable[str]) -> float:
    """Return the target P(correct) after `signals`, in the order in which they were received.

    "Too hard" asks for more certain success, "too easy" for less; every step stays within [0.5, 0.9], so that after many
    of one kind the first of the other kind already counts. Other signals don't move it. Which presses count as one is
    the ledger's to say (`selectors.ledger`).
    """
    target = START
    for signal in signals:
        target = min(max(target + _STEPS.get(signal, 0.0), LOWEST), HIGHEST)
    return round(target, 4)
