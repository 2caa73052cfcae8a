"""The one way from histories to tensors: training, serving and the command line all go through it.

Windows are left-aligned (padding at the right), so that a causal mask alone keeps padding out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recommender.core.events import ANSWERED, RIGHT, WRONG, EventLog, Writer

IN_MEMORY = 4_000_000
"""Events of a log up to which a part of it is copied in memory."""
GAP_BUCKETS = 26
"""0 = unknown or first event, then floor(log2(1 + seconds)) + 1 up to about two years."""


Adjust = Callable[[Tensor], Tensor]
"""Logits [B, H, L + 1] of the last states' attention, before any log w -> logits to use instead."""


@dataclass(frozen=True)
class Batch:
    """The last L events before a moment, for B learners."""

    item: Tensor  # int64 [B, L] catalogue row, 0 = PAD or unknown
    behaviour: Tensor  # int64 [B, L]
    outcome: Tensor  # int64 [B, L]
    attention: Tensor  # float32 [B, L] log(1 + seconds of attention)
    gap: Tensor  # int64 [B, L] bucket of the time since the event before
    mask: Tensor  # bool [B, L] true where there is an event
    position: Tensor  # int64 [B, L] index within the learner's history, -1 = padding
    length: Tensor  # int64 [B]
    log_weight: Tensor | None = None  # float32 [B, L] log w(j): how much more each event counts
    adjust: Adjust | None = None  # sees, and may change, the last attention; set it after `to`

    def to(self, device: torch.device) -> Batch:
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        if device.type == "cuda":  # copies from pinned memory run beside the computation
            found = {k: None if v is None else v.pin_memory() for k, v in found.items()}
        moved: dict[str, Any] = {
            k: v.to(device, non_blocking=True) for k, v in found.items() if v is not None
        }
        return Batch(**moved)


def make_batch(
    log: EventLog,
    learners: NDArray[np.integer],
    ends: NDArray[np.integer] | None,
    length: int,
    *,
    starts: NDArray[np.integer] | None = None,
) -> Batch:
    """Tensors of the last `length` events among the first `ends` of each learner.

    `ends` [B] counts events within the learner's history (None: all of them); events from there on
    are not read. `starts` [B] keeps events before it out as well (windows of training).
    """
    first = log.offsets[learners]
    total = log.offsets[np.asarray(learners) + 1] - first
    stop = total if ends is None else np.minimum(total, ends)
    start = np.maximum(stop - length, 0 if starts is None else starts)
    count = np.maximum(stop - start, 0)
    width = max(1, int(count.max(initial=0)))
    position = start[:, None] + np.arange(width)[None, :]  # [B, L]
    mask = np.arange(width)[None, :] < count[:, None]
    rows = np.where(mask, first[:, None] + position, 0)
    if len(log) == 0:
        empty = np.zeros(mask.shape, dtype=np.int64)
        columns = dict.fromkeys(("item", "behaviour", "outcome", "gap"), empty)
        attention = np.zeros(mask.shape, dtype=np.float32)
    else:
        columns = {
            name: np.where(mask, getattr(log, name)[rows], 0).astype(np.int64)
            for name in ("item", "behaviour", "outcome")
        }
        before = np.where(mask & (position > 0), rows - 1, rows)
        seconds = np.where(position > 0, log.time[rows] - log.time[before], np.nan)
        columns["gap"] = np.where(mask, gap_bucket(seconds), 0)
        attention = np.log1p(np.where(mask, log.attention[rows], 0)).astype(np.float32)
    codes: dict[str, Any] = {name: torch.from_numpy(values) for name, values in columns.items()}
    return Batch(
        **codes,
        attention=torch.from_numpy(attention),
        mask=torch.from_numpy(mask),
        position=torch.from_numpy(np.where(mask, position, -1)),
        length=torch.from_numpy(count.astype(np.int64)),
    )


def gap_bucket(seconds: NDArray[np.floating]) -> NDArray[np.int64]:
    """Bucket of a time gap; NaN (unknown) is 0."""
    known = np.isfinite(seconds)
    logs = np.log2(1 + np.clip(np.where(known, seconds, 0), 0, None))
    return np.where(known, np.minimum(np.floor(logs) + 1, GAP_BUCKETS - 1), 0).astype(np.int64)


def is_answer(log: EventLog) -> NDArray[np.bool_]:
    """[E] graded answers to an item of the catalogue: what the success head learns from."""
    graded: NDArray[np.bool_] = (log.outcome == RIGHT) | (log.outcome == WRONG)
    graded &= (log.behaviour == ANSWERED) & (log.item > 0)
    return graded


def select_events(log: EventLog, keep: NDArray[np.bool_]) -> EventLog:
    """The same learners with some of their events: the log itself, a copy, or a file.

    What is too large to be held twice goes to a file that is mapped and has no name any more, so that
    it is gone with the log.
    """
    if keep.all():
        return log
    if len(log) > IN_MEMORY:
        return _select_to_file(log, keep)
    offsets = np.concatenate([[0], np.cumsum(keep)])[log.offsets]
    columns = {f.name: getattr(log, f.name)[keep] for f in fields(log) if f.name != "offsets"}
    return EventLog.from_columns(offsets, **columns)


def _select_to_file(log: EventLog, keep: NDArray[np.bool_]) -> EventLog:
    columns = [f.name for f in fields(log) if f.name != "offsets"]
    counts = np.zeros(log.learners, dtype=np.int64)
    with (
        tempfile.TemporaryDirectory(prefix="attune-log-") as folder,
        Writer(Path(folder)) as writer,
    ):
        for start, stop in learner_chunks(log):
            low, high = int(log.offsets[start]), int(log.offsets[stop])
            chosen = low + np.flatnonzero(keep[low:high])
            owner = np.searchsorted(log.offsets, chosen, side="right") - 1
            counts[start:stop] = np.bincount(owner - start, minlength=stop - start)
            writer.append(owner, {name: getattr(log, name)[chosen] for name in columns})
        found = writer.close()
    # Learners who keep nothing are learners still; the writer knows only of those with events.
    return replace(found, offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def arrived_in_order(log: EventLog) -> NDArray[np.bool_]:
    """[E] false for an event received after one that occurred later.

    Without those, whatever stands before a training target had been received before it.
    """
    keep = np.ones(len(log), dtype=bool)
    for start, stop in learner_chunks(log):
        received = np.asarray(log.received[log.offsets[start] : log.offsets[stop]])
        learner = np.repeat(np.arange(stop - start), np.diff(log.offsets[start : stop + 1]))
        # A running minimum from the right that restarts at each learner: later learners are moved up
        # by more than the whole range of times, so that their values never undercut hers.
        span = float(np.ptp(received)) + 1.0 if len(received) else 1.0
        shifted = received + learner * span
        earliest = np.minimum.accumulate(shifted[::-1])[::-1]
        # The shift costs digits: up to half a second is then not told apart.
        tolerance = 1e-6 * span * (stop - start)
        keep[log.offsets[start] : log.offsets[stop]] = shifted <= earliest + min(tolerance, 0.5)
    return keep


def first_meeting(log: EventLog) -> NDArray[np.bool_]:
    """[E] true where an item of the catalogue occurs for the first time in the learner's history."""
    first = np.zeros(len(log), dtype=bool)
    for start, stop in learner_chunks(log):
        low, high = int(log.offsets[start]), int(log.offsets[stop])
        learner = np.repeat(np.arange(stop - start), np.diff(log.offsets[start : stop + 1]))
        item = np.asarray(log.item[low:high], dtype=np.int64)
        _, where = np.unique(learner * (int(item.max(initial=0)) + 1) + item, return_index=True)
        first[low + where] = True
        first[low:high] &= item > 0
    return first


def learner_chunks(log: EventLog, events: int = 1 << 20) -> list[tuple[int, int]]:
    """Ranges of whole learners with about `events` events each, to bound memory."""
    chunks = []
    start = 0
    while start < log.learners:
        stop = int(np.searchsorted(log.offsets, log.offsets[start] + events, side="right")) - 1
        stop = min(max(stop, start + 1), log.learners)
        chunks.append((start, stop))
        start = stop
    return chunks
