"""Hashes of the text of items, and the vectors that workers compute of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from common.queue import COMPUTE_TEXT_VECTORS, enqueue_on_commit
from django.db import transaction

from content.models import Item, TextVector
from content.selectors import item_text
from content.text import hash_text

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_BATCH = 500


def compute_text_hashes(item_ids: Iterable[int] | None = None) -> int:
    """Bring `Item.text_hash` up to date, and return how many changed.

    Of the items named, else of those that have none yet (rows loaded past the services). Whatever changed
    is encoded by a worker after commit.
    """
    ids = (
        list(Item.objects.filter(text_hash="").order_by("pk").values_list("pk", flat=True))
        if item_ids is None
        else list(item_ids)
    )
    changed = 0
    for start in range(0, len(ids), _BATCH):
        stale = []
        for item in Item.objects.filter(pk__in=ids[start : start + _BATCH]).with_text():
            current = hash_text(item_text(item))
            if current != item.text_hash:
                item.text_hash = current
                stale.append(item)
        Item.objects.bulk_update(stale, ["text_hash"])
        changed += len(stale)
    if changed:
        enqueue_on_commit(COMPUTE_TEXT_VECTORS)
    return changed


def store_vectors(encoder: str, vectors: Mapping[str, ArrayLike]) -> int:
    """Store vectors, each a sequence of D floats, by the hash of their text; return how many were new.

    Scaled to unit length (a zero vector stays zero: a text in which nothing could be read). A vector
    that is there already stays, since equal text and encoder mean an equal vector. Raises ValueError for
    a vector that is empty, not flat or not finite; nothing is stored then.
    """
    # Only workers need numpy: the web process saves its memory.
    import numpy

    rows = []
    for text_hash, vector in vectors.items():
        flat = numpy.asarray(vector, dtype=numpy.float64)
        if flat.ndim != 1 or not flat.size or not numpy.isfinite(flat).all():
            raise ValueError(f"the vector of {text_hash} is empty, not flat or not finite")
        length = float(numpy.linalg.norm(flat)) or 1.0
        packed = (flat / length).astype("<f4").tobytes()
        rows.append(TextVector(text_hash=text_hash, encoder=encoder, vector=packed))
    with transaction.atomic():
        known = set(
            TextVector.objects.filter(encoder=encoder, text_hash__in=list(vectors)).values_list(
                "text_hash", flat=True
            )
        )
        new = [row for row in rows if row.text_hash not in known]
        TextVector.objects.bulk_create(new, ignore_conflicts=True, batch_size=1_000)
    return len(new)
