"""Text vectors of a data folder within a bounded time."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recommender.core import words
from recommender.core.catalogue import Catalogue
from recommender.core.measure_common import Bar
from recommender.core.readers import DataFolder
from recommender.core.text import TextEncoder

SHARE = 0.25
"""Part of the time that encoding may take."""
PROBE = 24
"""Texts that are encoded to see how fast that goes."""
LIMITS = (256, 128, 64, 32, 16)
"""Tokens of each text that are read where time does not allow all of them."""


def encode_texts(data: DataFolder, minutes: float, bar: Bar) -> tuple[Catalogue, str]:
    """The catalogue with vectors of texts and concept names, and how they were made.

    Vectors are cached by the hash of encoder and texts. Where encoding would take more than a quarter
    of the time, only the beginning of each text is read; where even that is too much, words stand in
    (TF-IDF, projected to the same width).
    """
    texts = data.described
    if not any(texts):
        return data.catalogue(), "none"
    encoder = TextEncoder.load()
    began = time.monotonic()
    seconds = minutes * 60 * SHARE
    key = hashlib.sha256("\0".join((encoder.hash, *texts)).encode()).hexdigest()
    shape = (len(texts), encoder.width)
    limit: int | None = None
    vectors = _cached(key, limit, shape)
    if vectors is None:
        bar.stage("encode texts")
        limit, possible = _affordable(encoder, texts, seconds)
        vectors = _cached(key, limit, shape) if limit is not None else None
    if vectors is not None:
        return data.catalogue(vectors, encoder.hash), f"encoder{_said(limit)}, cached"

    def told(done: int, total: int) -> None:
        bar.steps(done, total)
        if time.monotonic() - began > 1.5 * seconds:
            raise _TooSlow

    try:
        if not possible:
            raise _TooSlow
        vectors = encoder.encode(texts, on_progress=told, limit=limit, half=True)
    except _TooSlow:
        return data.catalogue(project(texts, encoder.width), "words"), "words: no time to encode"
    _keep(key, limit, vectors)
    return data.catalogue(vectors, encoder.hash), f"encoder{_said(limit)}"


def _affordable(
    encoder: TextEncoder, texts: tuple[str, ...], seconds: float
) -> tuple[int | None, bool]:
    """How many tokens of each text can be read in time (None: all), and whether any can."""
    counts = encoder.count_tokens(texts)
    some = np.linspace(0, len(texts) - 1, PROBE).astype(int)
    encoder.encode([texts[0] or "warm up"], limit=8)  # reads the weights
    start = time.monotonic()
    encoder.encode([texts[i] for i in some], limit=max(LIMITS), half=True)
    rate = max(1, np.minimum(counts[some], max(LIMITS)).sum()) / (time.monotonic() - start)
    if counts.sum() <= rate * seconds:
        return None, True
    for limit in LIMITS:
        if np.minimum(counts, limit).sum() <= rate * seconds:
            return limit, True
    return None, False


def project(texts: tuple[str, ...], width: int) -> NDArray[np.float32]:
    """Unit rows [n, width]: TF-IDF times random signs, which keeps cosines about as they were.

    Achlioptas (2003), Database-friendly random projections.
    """
    sparse = words.tfidf(texts)
    signs = np.random.default_rng(0).choice(
        np.array([-1, 1], dtype=np.float32), (sparse.shape[1], width)
    )
    dense = np.asarray(sparse @ signs, dtype=np.float32)
    norm = np.linalg.norm(dense, axis=1, keepdims=True)
    return np.asarray(dense / np.maximum(norm, 1e-9), dtype=np.float32)


class _TooSlow(Exception):
    pass


def _said(limit: int | None) -> str:
    return "" if limit is None else f", first {limit} tokens of each text"


def _path(key: str, limit: int | None) -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "attune" / "text" / f"{key}{'' if limit is None else f'-{limit}'}.npy"


def _cached(key: str, limit: int | None, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    try:
        vectors: NDArray[np.float32] = np.load(_path(key, limit), allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return vectors if vectors.shape == shape else None


def _keep(key: str, limit: int | None, vectors: NDArray[np.float32]) -> None:
    path = _path(key, limit)
    fresh = path.with_suffix(f".{os.getpid()}.npy")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(fresh, vectors, allow_pickle=False)
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)  # a cache that cannot be written costs time only
