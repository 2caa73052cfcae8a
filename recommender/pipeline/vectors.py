"""Vectors of item texts: computed for what has none yet, in batches, each stored as soon as it is there."""

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.core.cache import cache

from content.selectors import list_missing_vectors, read_texts
from content.services import compute_text_hashes, store_vectors

if TYPE_CHECKING:
    from recommender.core.text import TextEncoder

logger = logging.getLogger(__name__)

BATCH: Final = 256
DEFAULT_ENCODER: Final = "all-MiniLM-L6-v2"

_LOCK: Final = "text-vectors"
_LOCK_SECONDS: Final = (
    300  # far longer than a batch takes; a killed worker's work waits no longer than this
)

OnProgress = Callable[[int, int], None]


@lru_cache(maxsize=1)
def load_encoder() -> "TextEncoder":
    """The encoder named in the settings, verified, once a process.

    Raises IncompatibleArtefact where it isn't there or has no pin, CorruptArtefact where it isn't that of the pin.
    """
    from recommender.core.text import TextEncoder

    name = settings.TEXT_ENCODER
    return TextEncoder.load(
        None if name == DEFAULT_ENCODER else name, settings.TEXT_ENCODER_SHA256 or None
    )


def compute_vectors(*, on_progress: OnProgress | None = None) -> int:
    """Encode every text that has no vector of the current encoder, and return how many got one.

    `on_progress(done, all)` is told after each batch and may raise to end the work; what is stored stays. Safe to run
    twice and at once: what somebody else has stored meanwhile is passed over.
    """
    encoder = load_encoder()
    compute_text_hashes()
    done, total = 0, len(list_missing_vectors(encoder.hash))
    stored = 0
    while missing := list_missing_vectors(encoder.hash, limit=BATCH):
        texts = read_texts([row.item_id for row in missing])
        keys = sorted({row.text_hash for row in missing} & texts.keys())
        stale = [row.item_id for row in missing if row.text_hash not in texts]
        # A hash that no longer is that of its item's text would never get a vector.
        if not compute_text_hashes(stale) and not keys:
            break
        if keys:
            vectors = encoder.encode([texts[key] for key in keys])
            stored += store_vectors(encoder.hash, dict(zip(keys, vectors, strict=True)))
        done += len(keys)
        logger.info("text vectors", extra={"done": done, "of": max(done, total)})
        if on_progress is not None:
            on_progress(done, max(done, total))
    return stored


def compute_vectors_once() -> int:
    """As `compute_vectors`, unless another worker is at it: two would encode the same batches. For messages."""
    if not cache.add(_LOCK, "", timeout=_LOCK_SECONDS):
        return 0
    try:
        return compute_vectors(on_progress=lambda _done, _all: _keep_lock())
    finally:
        cache.delete(_LOCK)


def _keep_lock() -> None:
    cache.touch(_LOCK, timeout=_LOCK_SECONDS)
