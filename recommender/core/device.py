"""Where tensors live."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager

import torch
from torch import nn


def pick(name: str) -> torch.device:
    """auto, cpu or cuda. Raises ValueError for cuda where there is none."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda"):
        raise ValueError(f"device must be auto, cpu or cuda, not {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device cuda: this machine has none")
    if name == "cpu":
        return torch.device("cpu")
    # Under torchrun each process of a machine has a card of its own.
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def autocast(model: nn.Module) -> AbstractContextManager[None]:
    """bfloat16 where the weights are on CUDA; on a CPU it is slower at these sizes."""
    kind = next(model.parameters()).device.type
    return torch.autocast(kind, dtype=torch.bfloat16, enabled=kind == "cuda")
