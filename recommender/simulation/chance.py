"""Random numbers that belong to a moment, not to a sequence: common random numbers for policies that are compared.

A number depends on the seed, the learner, her step and what it is for; never on what a policy did before, on how many
numbers were drawn, or on how learners are cut into batches. The mixing function is splitmix64 (Steele, Lea & Flood, 2014).
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]


class Stream(IntEnum):
    """What a number is drawn for."""

    ABILITY = 1
    RATE = 2
    SPEED = 3
    FORGETTING = 4
    START = 5
    TASTE = 6
    SESSION = 7
    GAP = 8
    CHOICE = 9
    ANSWER = 10
    MINUTES = 11
    LEAVING = 12
    SHUFFLE = 13
    MIXTURE = 14
    EXPLORING = 15


def uniform(
    seed: int, stream: Stream, learner: ArrayLike, step: ArrayLike = 0, index: ArrayLike = 0
) -> Floats:
    """Numbers in (0, 1), of the common shape of learner, step and index."""
    state = _mix(np.array([seed & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64))
    for part in (int(stream), learner, step, index):
        state = _mix(state ^ _mix(np.atleast_1d(part).astype(np.uint64)))
    shape = np.broadcast_shapes(np.shape(learner), np.shape(step), np.shape(index))
    state = state.reshape(shape)
    return ((state >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


def normal(
    seed: int, stream: Stream, learner: ArrayLike, step: ArrayLike = 0, index: ArrayLike = 0
) -> Floats:
    """Standard normal numbers, one from each uniform one."""
    return np.asarray(ndtri(uniform(seed, stream, learner, step, index)))


def gumbel(
    seed: int, stream: Stream, learner: ArrayLike, step: ArrayLike = 0, index: ArrayLike = 0
) -> Floats:
    """Standard Gumbel numbers: the largest of utility + Gumbel is a draw from their softmax (McFadden, 1974)."""
    return np.asarray(-np.log(-np.log(uniform(seed, stream, learner, step, index))))


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(value: NDArray[np.uint64] | np.uint64) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        mixed = np.asarray(value, dtype=np.uint64) + _GOLDEN
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(mixed ^ (mixed >> np.uint64(31)))
