"""The binary columns of a slate: which events its history had, and how much each weighed for each entry."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

KEPT: Final = 32
"""The largest contributions that are kept for each of the first entries,"""
SHOWN: Final = 30
"""so many of them: what a page shows, of one course or of all, is among them but for rare cases."""
REST: Final = 3
"""Of the entries below so many are kept: mostly half of the whole, a tenth of the room."""
_NONE: Final = 0xFFFF
_CUT: Final = 0x80

_CONTRIBUTION: Final = np.dtype([("position", "<u2"), ("share", "<f2")])


def pack_history(event_ids: NDArray[np.int64]) -> bytes:
    """Event primary keys [L], oldest first, as little-endian int64."""
    return np.ascontiguousarray(event_ids, dtype="<i8").tobytes()


def unpack_history(data: bytes | memoryview) -> NDArray[np.int64]:
    """The event primary keys [L] of `pack_history`."""
    return np.frombuffer(bytes(data), dtype="<i8").astype(np.int64)


def pack_contributions(positions: NDArray[np.integer], shares: NDArray[np.floating]) -> bytes:
    """Position in the history (-1 = none) and share, both [K, 1 to 32] by falling weight, as uint16 and float16.

    Of the rows after the first 30 the first 3 columns are kept. Columns in which no row has a position are left out: a
    short history takes little room. The first byte says how many columns there are in the first rows, and in its
    highest bit that the others have fewer: slates from before that are still read. Raises ValueError
    for a history longer than uint16 can count, or none or more than 32 a row.
    """
    if (
        positions.shape != shares.shape
        or positions.ndim != 2
        or not 1 <= positions.shape[1] <= KEPT
    ):
        raise ValueError(f"contributions must be [K, 1 to {KEPT}]; got {positions.shape}")
    if positions.max(initial=-1) >= _NONE:
        raise ValueError("positions must fit in 16 bits")
    used = np.flatnonzero((positions >= 0).any(axis=0))
    width = int(used[-1]) + 1 if len(used) else 1
    packed = np.zeros((len(positions), width), dtype=_CONTRIBUTION)
    packed["position"] = np.where(positions[:, :width] < 0, _NONE, positions[:, :width])
    limit = np.finfo(np.float16).max
    packed["share"] = np.clip(shares[:, :width], -limit, limit)
    return bytes([_CUT | width]) + packed[:SHOWN].tobytes() + packed[SHOWN:, :REST].tobytes()


def unpack_contributions(
    data: bytes | memoryview,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Positions (-1 = none or not kept) and shares of `pack_contributions`, both [K, as many as are there]."""
    raw = bytes(data)
    width = raw[0] & ~_CUT
    whole = SHOWN * width if raw[0] & _CUT else len(raw)
    flat = np.frombuffer(raw, dtype=_CONTRIBUTION, offset=1)
    first, rest = flat[:whole].reshape(-1, width), flat[whole:].reshape(-1, min(width, REST))
    packed = np.zeros((len(first) + len(rest), width), dtype=_CONTRIBUTION)
    packed["position"] = _NONE
    packed[: len(first)] = first
    packed[len(first) :, : rest.shape[1]] = rest
    positions = packed["position"].astype(np.int64)
    positions[positions == _NONE] = -1
    return positions, packed["share"].astype(np.float64)
