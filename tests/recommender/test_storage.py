"""The binary columns of a slate give back what was put in, and refuse what they cannot hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from recommender.storage import (
    KEPT,
    REST,
    SHOWN,
    pack_contributions,
    pack_history,
    unpack_contributions,
    unpack_history,
)


@given(st.lists(st.integers(0, 2**63 - 1), max_size=20))
def test_history(events: list[int]) -> None:
    assert unpack_history(pack_history(np.array(events, dtype=np.int64))).tolist() == events


@given(
    arrays.arrays(
        np.int32, st.tuples(st.integers(1, 5), st.integers(1, KEPT)), elements=st.integers(-1, 600)
    )
)
def test_contributions(positions: np.ndarray) -> None:
    shares = np.where(positions < 0, 0, positions / 8).astype(np.float32)
    found, weights = unpack_contributions(memoryview(pack_contributions(positions, shares)))
    width = found.shape[1]
    assert len(found) == len(positions)
    assert (positions[:, width:] == -1).all()
    assert (found == positions[:, :width]).all()
    np.testing.assert_allclose(weights, shares[:, :width], rtol=1e-3)


def test_a_short_history_takes_little_room() -> None:
    positions = np.full((100, KEPT), -1)
    positions[:, :3] = [0, 1, 2]
    assert len(pack_contributions(positions, np.zeros((100, KEPT)))) == 1 + 100 * 3 * 4


def test_entries_that_are_hardly_shown_keep_their_largest() -> None:
    positions = np.tile(np.arange(KEPT), (100, 1))
    shares = np.linspace(1, 0.1, KEPT) * np.ones((100, 1))
    packed = pack_contributions(positions, shares)
    assert len(packed) == 1 + 4 * (SHOWN * KEPT + (100 - SHOWN) * REST)
    found, weights = unpack_contributions(packed)
    assert found.shape == (100, KEPT)
    assert (found[:SHOWN] == positions[:SHOWN]).all()
    assert (found[SHOWN:, :REST] == positions[SHOWN:, :REST]).all()
    assert (found[SHOWN:, REST:] == -1).all()
    assert not weights[SHOWN:, REST:].any()


def test_slates_from_before_are_still_read() -> None:
    """When all entries kept as many, the first byte was the width and all rows had it."""
    matrix = np.zeros((100, 5), dtype=[("position", "<u2"), ("share", "<f2")])
    matrix["position"], matrix["share"] = np.arange(500).reshape(100, 5), 0.5
    found, weights = unpack_contributions(bytes([5]) + matrix.tobytes())
    assert (found == np.arange(500).reshape(100, 5)).all()
    assert (weights == 0.5).all()


def test_a_huge_share_stays_finite() -> None:
    _positions, shares = unpack_contributions(
        pack_contributions(np.zeros((1, 1)), np.full((1, 1), 1e9))
    )
    assert np.isfinite(shares).all()


@pytest.mark.parametrize(
    ("shape", "value"),
    [((2, KEPT + 1), 0), ((2,), 0), ((1, 1), 0xFFFF)],
    ids=["wide", "flat", "long"],
)
def test_what_does_not_fit_is_refused(shape: tuple[int, ...], value: int) -> None:
    with pytest.raises(ValueError, match=r"contributions|16 bits"):
        pack_contributions(np.full(shape, value), np.zeros(shape))
