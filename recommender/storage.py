"""The binary columns of a slate: which events its history had, how much each weighed for each entry, and where attention lay."""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

KEPT: Final = 32
"""The largest contributions that are kept for each of the first entries,"""
SHOWN: Final = 30
"""so many of them: what a page shows, of one course or of all, is among them but for rare cases."""
REST: Final = 3
"""Of the entries below so many are kept: mostly half of the whole, a tenth of the room."""
ATTENDED: Final = 8
"""Of each head's attention the largest shares that are kept."""
_NONE: Final = 0xFFFF
_CUT: Final = 0x80

_CONTRIBUTION: Final = np.dtype([("position", "<u2"), ("share", "<f2")])
_ATTENDED: Final = np.dtype([("position", "<u2"), ("root", "u1")])


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


class Attended(NamedTuple):
    """Where the attention of a learner's last state lies; of each head the shares add up to 1 at most."""

    beginning: NDArray[np.float64]  # [H] what is on the learned beginning of every history
    position: NDArray[np.int64]  # [H, up to 8] in the history, -1 = none
    share: NDArray[np.float64]  # [H, up to 8] by falling share


def pack_attention(
    beginning: NDArray[np.floating], position: NDArray[np.integer], share: NDArray[np.floating]
) -> list[bytes]:
    """Attention of B learners, each packed by itself: beginning [B, H], position and share [B, H, K up to 8].

    The first byte says how many heads there are; of each follow a byte for the beginning and three for each share, whose
    root is kept in 255 steps: of a share of 1% that is right to 0.04%. Raises ValueError for other shapes.
    """
    if position.shape != share.shape or position.shape[:2] != beginning.shape:
        raise ValueError(f"attention must be [B, H, K]; got {position.shape}, {share.shape}")
    if not 1 <= position.shape[2] <= ATTENDED or not 1 <= position.shape[1] <= 0xFF:
        raise ValueError(f"at most {ATTENDED} shares of 1 to 255 heads; got {position.shape}")
    if position.max(initial=-1) >= _NONE:
        raise ValueError("positions must fit in 16 bits")
    learners, heads, width = position.shape
    packed = np.zeros((learners, heads, width), dtype=_ATTENDED)
    packed["position"] = np.where(position < 0, _NONE, position)
    packed["root"] = _to_root(np.where(position < 0, 0.0, share))
    shares = packed.view(np.uint8).reshape(learners, heads, -1)
    rows = np.concatenate([_to_root(beginning)[..., None], shares], axis=2)
    return [bytes([heads]) + row.tobytes() for row in rows]


def unpack_attention(data: bytes | memoryview) -> Attended | None:
    """What `pack_attention` packed of one learner; None where nothing was kept."""
    raw = bytes(data)
    if not raw:
        return None
    heads = raw[0]
    rows = np.frombuffer(raw, dtype=np.uint8, offset=1).reshape(heads, -1)
    packed = np.ascontiguousarray(rows[:, 1:]).view(_ATTENDED)
    position = packed["position"].astype(np.int64)
    position[position == _NONE] = -1
    return Attended(_from_root(rows[:, 0]), position, _from_root(packed["root"]))


def _to_root(share: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.round(255 * np.sqrt(np.clip(share, 0.0, 1.0))).astype(np.uint8)


def _from_root(root: NDArray[Any]) -> NDArray[np.float64]:
    return np.square(root.astype(np.float64) / 255)
