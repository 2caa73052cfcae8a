"""The binary columns of a slate: which events its history had, and how much each weighed for each entry."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

KEPT: Final = 32
"""The largest contributions that are kept for each entry."""
_NONE: Final = 0xFFFF

_CONTRIBUTION: Final = np.dtype([("position", "<u2"), ("share", "<f2")])


def pack_history(event_ids: NDArray[np.int64]) -> bytes:
    """Event primary keys [L], oldest first, as little-endian int64."""
    return np.ascontiguousarray(event_ids, dtype="<i8").tobytes()


def unpack_history(data: bytes | memoryview) -> NDArray[np.int64]:
    """The event primary keys [L] of `pack_history`."""
    return np.frombuffer(bytes(data), dtype="<i8").astype(np.int64)


def pack_contributions(positions: NDArray[np.integer], shares: NDArray[np.floating]) -> bytes:
    """Position in the history (-1 = none) and share, both [K, up to 32], as uint16 and float16.

    Raises ValueError for a history longer than uint16 can count, or more than 32 a row.
    """
    if positions.shape != shares.shape or positions.ndim != 2 or positions.shape[1] > KEPT:
        raise ValueError(f"contributions must be [K, up to {KEPT}]; got {positions.shape}")
    if positions.max(initial=-1) >= _NONE:
        raise ValueError("positions must fit in 16 bits")
    packed = np.zeros((len(positions), KEPT), dtype=_CONTRIBUTION)
    packed["position"] = _NONE
    width = positions.shape[1]
    packed["position"][:, :width] = np.where(positions < 0, _NONE, positions)
    limit = np.finfo(np.float16).max
    packed["share"][:, :width] = np.clip(shares, -limit, limit)
    return packed.tobytes()


def unpack_contributions(
    data: bytes | memoryview,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Positions (-1 = none) and shares of `pack_contributions`, both [K, 32]."""
    packed = np.frombuffer(bytes(data), dtype=_CONTRIBUTION).reshape(-1, KEPT)
    positions = packed["position"].astype(np.int64)
    positions[positions == _NONE] = -1
    return positions, packed["share"].astype(np.float64)
