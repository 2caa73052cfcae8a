"""What can be recommended: keys, text vectors and concepts of the items."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recommender.core.errors import BadDataError

CONCEPT_SLOTS = 8
"""Concepts of an item beyond the eighth are not used by the success head."""


@dataclass(frozen=True)
class Catalogue:
    """V rows, row 0 is PAD."""

    keys: tuple[str, ...]  # stable keys of the rows 1..V-1
    text: NDArray[np.float32] | None  # [V, D_text] unit rows, a zero row has no text
    concepts: tuple[tuple[int, ...], ...]  # per row, indices into concept_keys
    concept_keys: tuple[str, ...]
    gradable: NDArray[np.bool_]  # [V]
    encoder: str  # hash of the text encoder, "" without text
    kinds: tuple[str, ...] = ()  # item format per row
    texts: tuple[str, ...] = ()  # per row, compared word by word in training; may be absent

    def __post_init__(self) -> None:
        rows = len(self.keys) + 1
        if len(set(self.keys)) != len(self.keys):
            raise BadDataError("catalogue keys must be unique")
        if len(self.concepts) != rows or self.gradable.shape != (rows,):
            raise BadDataError(f"concepts and gradable must have {rows} rows")
        if self.kinds and len(self.kinds) != rows:
            raise BadDataError(f"kinds must have {rows} rows")
        if self.texts and len(self.texts) != rows:
            raise BadDataError(f"texts must have {rows} rows")
        if self.text is not None:
            if self.text.ndim != 2 or len(self.text) != rows:
                raise BadDataError(f"text must have {rows} rows")
            if not np.isfinite(self.text).all():
                raise BadDataError("text vectors must be finite")
        top = len(self.concept_keys)
        if any(not 0 <= c < top for row in self.concepts for c in row):
            raise BadDataError("concepts must be indices into concept_keys")

    @property
    def rows(self) -> int:
        """V, including PAD."""
        return len(self.keys) + 1

    @cached_property
    def row_of(self) -> dict[str, int]:
        return {key: row for row, key in enumerate(self.keys, start=1)}

    @cached_property
    def concept_slots(self) -> NDArray[np.int64]:
        """[V, S] concept index + 1, 0 = empty slot."""
        width = min(CONCEPT_SLOTS, max((len(row) for row in self.concepts), default=0))
        slots = np.zeros((self.rows, max(width, 1)), dtype=np.int64)
        for row, concepts in enumerate(self.concepts):
            kept = concepts[:width]
            slots[row, : len(kept)] = np.asarray(kept, dtype=np.int64) + 1
        return slots
