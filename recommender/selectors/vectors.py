"""How far the encoding of texts has come.

Only a process that has the encoder's files knows its hash. Workers leave it in the cache that all processes share,
under the settings it was loaded with, so that the others can tell which vectors are those of the configured encoder.
"""

import logging
from typing import Final, NamedTuple

from django.conf import settings
from django.core.cache import cache
from django.db.models import Exists, OuterRef
from redis.exceptions import RedisError

from content.models import Item, TextVector

logger = logging.getLogger(__name__)

_REMEMBERED_SECONDS: Final = 24 * 3600


class VectorCount(NamedTuple):
    """Texts of the catalogue, and how many of them have a vector of the encoder."""

    encoder: str
    encoded: int
    texts: int


def remember_encoder(encoder: str) -> None:
    """Let every process know the hash of the encoder that the settings name; without the cache, nobody."""
    try:
        cache.set(_key(), encoder, timeout=_REMEMBERED_SECONDS)
    except RedisError as error:
        logger.warning("text encoder not remembered", extra={"error": str(error)})


def find_encoder() -> str:
    """The hash of the encoder that the settings name; empty where no worker has loaded it lately, or without the cache."""
    try:
        return str(cache.get(_key()) or "")
    except RedisError:
        return ""


def lacks_vectors() -> bool:
    """Tell whether a text may have no vector of the configured encoder, or no hash yet.

    True as well where that encoder's hash isn't known: a worker finds out by loading it.
    """
    encoder = find_encoder()
    if not encoder:
        return Item.objects.exists()
    known = TextVector.objects.filter(text_hash=OuterRef("text_hash"), encoder=encoder)
    return Item.objects.filter(~Exists(known)).exists()


def count_vectors() -> VectorCount:
    """Count for the configured encoder; while its hash isn't known, for the one that was used last."""
    encoder = find_encoder()
    if not encoder:
        used = TextVector.objects.order_by("-pk").values_list("encoder", flat=True)
        encoder = used.first() or ""
    hashes = Item.objects.exclude(text_hash="").values("text_hash").distinct()
    encoded = TextVector.objects.filter(encoder=encoder, text_hash__in=hashes).count()
    return VectorCount(encoder, encoded, hashes.count())


def _key() -> str:
    return f"text-encoder:{settings.TEXT_ENCODER}:{settings.TEXT_ENCODER_SHA256}"
