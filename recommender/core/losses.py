"""Losses as pure functions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def full_softmax(states: Tensor, vectors: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy over all candidates.

    states [P, D], vectors [V', D] of the candidates, targets [P] indices into them.
    """
    return F.cross_entropy(states @ vectors.T, targets)


def sampled_softmax(
    states: Tensor, vectors: Tensor, targets: Tensor, negatives: Tensor, log_q: Tensor
) -> Tensor:
    """Softmax over the target and N shared negatives with the logQ correction.

    Bengio & Senécal (2008), Adaptive importance sampling. states [P, D], vectors [V', D], targets [P],
    negatives [N] drawn with the probabilities exp(log_q) [V']. An accidental hit is masked.
    """
    positive = (states * vectors[targets]).sum(-1) - log_q[targets]  # [P]
    logits = states @ vectors[negatives].T - log_q[negatives]  # [P, N]
    logits = logits.masked_fill(negatives[None] == targets[:, None], float("-inf"))
    logits = torch.cat([positive[:, None], logits], dim=1)
    return F.cross_entropy(logits, torch.zeros_like(targets))


def binary(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean log loss of right and wrong answers; both [P]."""
    return F.binary_cross_entropy_with_logits(logits, targets)
