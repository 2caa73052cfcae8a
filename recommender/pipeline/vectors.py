"""Vectors of item texts: computed for what has none yet, in batches, each stored as soon as it is there."""

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from django.conf import settings

from content.selectors import list_missing_vectors, read_texts
from content.services import compute_text_hashes, store_vectors

if TYPE_CHECKING:
    from recommender.core.text import TextEncoder

logger = logging.getLogger(__name__)

BATCH: Final = 256
DEFAULT_ENCODER: Final = "all-MiniLM-L6-v2"

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
    twice and at once: a batch that somebody else has stored meanwhile is passed over.
    """
    encoder = load_encoder()
    compute_text_hashes()
    _mend_hashes(encoder.hash)
    done, total = 0, len(list_missing_vectors(encoder.hash))
    stored = 0
    while missing := list_missing_vectors(encoder.hash, limit=BATCH):
        texts = read_texts([row.item_id for row in missing])
        wanted = {row.text_hash for row in missing} & texts.keys()
        if not wanted:
            # Changed since they were listed: whoever changed them has sent a message of its own.
            break
        keys = sorted(wanted)
        vectors = encoder.encode([texts[key] for key in keys])
        stored += store_vectors(encoder.hash, dict(zip(keys, vectors, strict=True)))
        done += len(keys)
        logger.info("text vectors", extra={"done": done, "of": max(done, total)})
        if on_progress is not None:
            on_progress(done, max(done, total))
    return stored


def _mend_hashes(encoder: str) -> None:
    """Bring hashes up to date that no longer are those of their item's text, or no vector would ever fit them."""
    missing = list_missing_vectors(encoder)
    for start in range(0, len(missing), 2_000):
        page = missing[start : start + 2_000]
        texts = read_texts([row.item_id for row in page])
        if stale := [row.item_id for row in page if row.text_hash not in texts]:
            compute_text_hashes(stale)
