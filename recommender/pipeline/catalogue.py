"""The catalogue as the core and the ranking read it, built from the database and kept while nothing changed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from content.selectors import (
    CatalogueRow,
    catalogue_rows,
    count_vectors,
    load_vectors,
    prerequisite_map,
    read_revision,
    read_texts,
)
from recommender.core.catalogue import Catalogue
from recommender.selectors.outline import build_outline
from recommender.standing import Outline


@dataclass(frozen=True)
class LoadedCatalogue:
    """The same rows twice: as columns for ranking, and for the core."""

    fingerprint: str
    outline: Outline
    catalogue: Catalogue


TEXTS_AT_ONCE = 1_000

_kept: dict[str, LoadedCatalogue] = {}
"""What this process holds, by encoder."""


def load_catalogue(*, encoder: str = "") -> LoadedCatalogue:
    """Return the catalogue as it is now, with the text vectors of `encoder` (hash; empty: without text).

    Kept by this process while nothing of it changes. It looks at every call: who refreshed a learner with the
    catalogue of a moment ago would leave out what she was enrolled for since, and nothing would tell him.
    """
    vectors = count_vectors(encoder) if encoder else 0
    fingerprint = f"{read_revision()}/{vectors}"
    kept = _kept.get(encoder)
    if kept is None or kept.fingerprint != fingerprint:
        rows = catalogue_rows()
        outline = build_outline(rows, prerequisite_map())
        kept = LoadedCatalogue(fingerprint, outline, build_catalogue(rows, outline, encoder))
        # One encoder is in use at a time; another one's vectors would only take memory.
        _kept.clear()
        _kept[encoder] = kept
    return kept


def forget_catalogue() -> None:
    """Drop what this process holds, as a fresh process would start."""
    _kept.clear()


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


def add_texts(catalogue: Catalogue) -> Catalogue:
    """Return the same with the texts of its items, which only training reads: it compares them by their words.

    One pair of queries for every 1,000 items; nothing of it is kept by this process.
    """
    hashes = {str(row.id): row.text_hash for row in catalogue_rows()}
    texts: dict[str, str] = {}
    for start in range(0, len(catalogue.keys), TEXTS_AT_ONCE):
        texts |= read_texts(map(int, catalogue.keys[start : start + TEXTS_AT_ONCE]))
    return replace(
        catalogue, texts=("", *(texts.get(hashes.get(key, ""), "") for key in catalogue.keys))
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
