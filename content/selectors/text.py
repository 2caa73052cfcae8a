"""What is encoded of an item, and the vectors that came of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Exists, Min, OuterRef

from content.markdown import to_plain_text
from content.models import Item, TextVector
from content.text import hash_text, normalise_text

if TYPE_CHECKING:
    from numpy import ndarray


class MissingVector(NamedTuple):
    """A text without a vector, and one item (of those that share it) that it can be read from."""

    text_hash: str
    item_id: int


def item_text(item: Item) -> str:
    """Return what the encoder reads of an item: title, concepts, body and questions, without markup.

    Normalised (`content.text.normalise_text`), one line a part. Nothing of a key, hint or explanation is
    in it. Two queries unless `Item.objects.with_text()` brought concepts and questions along.
    """
    concepts = sorted(item.concepts.all(), key=lambda concept: concept.slug)
    parts = [
        normalise_text(item.title),
        normalise_text(", ".join(concept.title for concept in concepts)),
        to_plain_text(item.body),
        *(to_plain_text(question.prompt) for question in item.questions.all()),
    ]
    return "\n".join(filter(None, parts))


def list_missing_vectors(encoder: str, *, limit: int | None = None) -> list[MissingVector]:
    """Return the texts of items that have no vector of `encoder`, in order of their hash.

    Items whose hash is still empty are not in it: see `services.compute_text_hashes`.
    """
    known = TextVector.objects.filter(text_hash=OuterRef("text_hash"), encoder=encoder)
    rows = (
        Item.objects.exclude(text_hash="")
        .filter(~Exists(known))
        .values("text_hash")
        .annotate(item_id=Min("pk"))
        .order_by("text_hash")
        .values_list("text_hash", "item_id")
    )
    return [MissingVector(*row) for row in rows[:limit]]


def read_texts(item_ids: Iterable[int]) -> dict[str, str]:
    """Return the texts of items by their hash, computed from the items as they are now."""
    items = Item.objects.filter(pk__in=list(item_ids)).with_text()
    return {hash_text(text): text for text in map(item_text, items)}


def count_vectors(encoder: str) -> int:
    """Return how many texts have a vector of `encoder` (hash)."""
    return TextVector.objects.filter(encoder=encoder).count()


def load_vectors(encoder: str, hashes: Iterable[str]) -> dict[str, ndarray]:
    """Return the vectors of `encoder` by text hash: float32 [D] of unit length, read-only; absent ones are left out."""
    # Only workers need numpy: the web process saves its memory.
    import numpy

    wanted = list(dict.fromkeys(hashes))
    vectors = {}
    for start in range(0, len(wanted), 10_000):
        rows = TextVector.objects.filter(
            encoder=encoder, text_hash__in=wanted[start : start + 10_000]
        ).values_list("text_hash", "vector")
        for text_hash, vector in rows.iterator(chunk_size=2_000):
            vectors[text_hash] = numpy.frombuffer(bytes(vector), dtype="<f4")
    return vectors
