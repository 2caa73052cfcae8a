"""What long work tells its caller while it goes on."""

from __future__ import annotations

from dataclasses import dataclass


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
