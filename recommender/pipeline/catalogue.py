"""The catalogue as the core and the ranking read it, built from the database and kept while nothing changed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from content.selectors import CatalogueRow, catalogue_rows, load_vectors, prerequisite_map
from recommender.core.catalogue import Catalogue
from recommender.selectors.outline import build_outline, read_fingerprint
from recommender.standing import Outline

QUICK: Final = 0.05
"""A look for changes that takes no longer (seconds) is taken at every batch,"""
CHECK_SHARE: Final = 20
"""a longer one no sooner than after so many times what the last one took: at most 5% of a busy worker."""


@dataclass(frozen=True)
class LoadedCatalogue:
    """The same rows twice: as columns for ranking, and for the core."""

    fingerprint: str
    outline: Outline
    catalogue: Catalogue


class _Kept:
    """What this process holds, by encoder."""

    def __init__(self) -> None:
        self.loaded: dict[str, LoadedCatalogue] = {}
        self.next_check: dict[str, float] = {}


_process = _Kept()


def load_catalogue(*, encoder: str = "") -> LoadedCatalogue:
    """Return the catalogue as it is now, with the text vectors of `encoder` (hash; empty: without text).

    Kept by this process until its fingerprint changes, so that refreshes of a quiet catalogue cost one small query.
    """
    now = time.monotonic()
    kept = _process.loaded.get(encoder)
    if kept is not None and now < _process.next_check[encoder]:
        return kept
    fingerprint = read_fingerprint(encoder=encoder)
    took = time.monotonic() - now
    _process.next_check[encoder] = now + took * (CHECK_SHARE if took > QUICK else 1)
    if kept is None or kept.fingerprint != fingerprint:
        rows = catalogue_rows()
        outline = build_outline(rows, prerequisite_map())
        kept = LoadedCatalogue(fingerprint, outline, build_catalogue(rows, outline, encoder))
        # One encoder is in use at a time; another one's vectors would only take memory.
        _process.loaded = {encoder: kept}
    return kept


def forget_catalogue() -> None:
    """Drop what this process holds, as a fresh process would start."""
    _process.loaded.clear()
    _process.next_check.clear()


def build_catalogue(rows: Sequence[CatalogueRow], outline: Outline, encoder: str) -> Catalogue:
    """The core's catalogue of `rows`, row for row that of `outline`; items and concepts are keyed by primary key."""
    concepts = outline.concepts_of
    return Catalogue(
        keys=tuple(str(row.id) for row in rows),
        text=_stack_vectors(rows, encoder),
        concepts=tuple(tuple(concepts.get(row, ())) for row in range(outline.rows)),
        concept_keys=tuple(map(str, outline.concept_ids)),
        gradable=outline.gradable,
        encoder=encoder,
        kinds=("", *(row.kind for row in rows)),
    )


def _stack_vectors(rows: Sequence[CatalogueRow], encoder: str) -> NDArray[np.float32] | None:
    """[V, D], a zero row where a text has no vector yet; None where there is none at all."""
    vectors = load_vectors(encoder, {row.text_hash for row in rows}) if encoder else {}
    if not vectors:
        return None
    width = len(next(iter(vectors.values())))
    stacked = np.zeros((len(rows) + 1, width), dtype=np.float32)
    for place, row in enumerate(rows, start=1):
        if (vector := vectors.get(row.text_hash)) is not None:
            stacked[place] = vector
    return stacked
