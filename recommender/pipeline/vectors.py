"""Vectors of item texts: computed for what has none yet, in batches, each stored as soon as it is there."""

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from django.conf import settings

from content.selectors import list_missing_vectors, read_texts
from content.services import compute_text_hashes, store_vectors
from recommender.core.errors import ArtefactError
from recommender.pipeline.heartbeat import hold_lease
from recommender.selectors.vectors import remember_encoder
from recommender.services.leases import LostLease

if TYPE_CHECKING:
    from recommender.core.text import TextEncoder

logger = logging.getLogger(__name__)

BATCH: Final = 256
DEFAULT_ENCODER: Final = "all-MiniLM-L6-v2"
LEASE: Final = "text-vectors"

OnProgress = Callable[[int, int], None]


def load_encoder() -> "TextEncoder":
    """The encoder named in the settings, verified, once a process.

    Raises IncompatibleArtefact where it isn't there or has no pin, CorruptArtefact where it isn't that of the pin.
    """
    encoder = _load_encoder(settings.TEXT_ENCODER, settings.TEXT_ENCODER_SHA256)
    remember_encoder(encoder.hash)
    return encoder


@lru_cache(maxsize=1)
def _load_encoder(name: str, sha256: str) -> "TextEncoder":
    from recommender.core.text import TextEncoder

    return TextEncoder.load(None if name == DEFAULT_ENCODER else name, sha256 or None)


def compute_vectors(
    *, on_progress: OnProgress | None = None, check: Callable[[], None] = lambda: None
) -> int:
    """Encode every text that has no vector of the current encoder, and return how many got one.

    `on_progress(done, all)` is told after each batch, `check()` is called within one as well; either may raise to end the
    work, and what is stored stays. Safe to run twice and at once: what somebody else has stored meanwhile is passed over.
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
            vectors = encoder.encode(
                [texts[key] for key in keys], on_progress=lambda _done, _all: check()
            )
            stored += store_vectors(encoder.hash, dict(zip(keys, vectors, strict=True)))
        done += len(keys)
        logger.info("text vectors", extra={"done": done, "of": max(done, total)})
        if on_progress is not None:
            on_progress(done, max(done, total))
    return stored


def compute_vectors_once() -> int:
    """As `compute_vectors`, unless another worker is at it: two would encode the same batches. For messages."""
    with hold_lease(LEASE) as held:
        if held is None:
            return 0
        _owner, heartbeat = held
        try:
            return compute_vectors(check=heartbeat.check)
        except LostLease:
            logger.warning("another worker goes on with the text vectors")
        except ArtefactError as error:
            logger.error(
                "no text vectors: the encoder cannot be loaded", extra={"error": str(error)}
            )
        return 0
