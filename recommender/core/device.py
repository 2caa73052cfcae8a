"""Where tensors live."""

from __future__ import annotations

import torch


def pick(name: str) -> torch.device:
    """auto, cpu or cuda. Raises ValueError for cuda where there is none."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name not in ("cpu", "cuda"):
        raise ValueError(f"device must be auto, cpu or cuda, not {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device cuda: this machine has none")
    return torch.device(name)
