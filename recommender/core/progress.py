"""What long work tells its caller while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

OnStep = Callable[[int, int], object]
"""Told (steps done, steps in all), also several times within a step; may raise to end the work."""


def say_nothing(_done: int, _all: int) -> None:
    """For whom nobody listens to."""


@dataclass(frozen=True)
class Progress:
    """One message; `epoch` and `step` count from 1."""

    phase: str
    epoch: int
    epochs: int
    loss: float | None
    metric: float | None  # validation figure of the phase, greater is better
    seconds_left: float | None
    step: int
    steps: int
