"""P(correct) for candidates: the one path of slates, evaluation and timing."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recommender.core.events import RIGHT, EventLog
from recommender.core.features import make_batch
from recommender.core.success import MEMORY, SuccessModel, not_retried
from recommender.core.tallies import final_wide

PAIRS = 1 << 21
"""Candidate-answer pairs that are looked at in one go, to bound memory."""


def predict_success(
    head: SuccessModel, answers: EventLog, candidates: NDArray[np.integer], text: Tensor | None
) -> NDArray[np.float32]:
    """P(correct) [B, C] of candidates [B, C] after all answers of the learners of a log of answers."""
    out = np.zeros(candidates.shape, dtype=np.float32)
    if not candidates.size:
        return out
    longest = max(1, min(MEMORY, int(np.diff(answers.offsets).max(initial=0))))
    size = max(1, PAIRS // (longest * candidates.shape[1]))
    for start in range(0, answers.learners, size):
        who = np.arange(start, min(start + size, answers.learners))
        out[who] = _predict(head, answers.of(who), candidates[who], text).cpu().numpy()
    return out


def _predict(
    head: SuccessModel, answers: EventLog, candidates: NDArray[np.integer], text: Tensor | None
) -> Tensor:
    device = head.prior.device
    wanted = candidates.astype(np.int64)
    wide = final_wide(answers, wanted, head.known, head.slots.cpu().numpy()).to(device)
    # The attention looks back less far than the counts.
    batch = make_batch(answers, np.arange(answers.learners), None, MEMORY + 1).to(device)
    right = (batch.outcome == RIGHT).long()
    candidate = torch.from_numpy(wanted).to(device)
    return predict_after(head, batch.item, right, batch.length, candidate, wide, text)


@torch.inference_mode()
def predict_after(  # noqa: PLR0917 - columns of one table
    head: SuccessModel,
    item: Tensor,
    right: Tensor,
    length: Tensor,
    candidate: Tensor,
    wide: Tensor,
    text: Tensor | None,
) -> Tensor:
    """P(correct) [B, C] after the last answers: item, right [B, L], of which `length` [B] are real.

    L is at most MEMORY + 1: one more than is looked at, so that a retry is known as one.
    """
    place = torch.arange(item.shape[1], device=item.device)
    seen = not_retried(item) & (place < length[:, None]) & (place >= length[:, None] - MEMORY)
    about = text if head.text is not None else None
    logits = head(item, right, candidate, seen[:, None], wide, about)
    return head.calibrated(logits, head.count[candidate])
