"""What is taught should come before what is asked: which lesson introduces a concept that is new to a learner.

Pure functions on the columns of `standing`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from recommender.standing import Outline, Situation

TAUGHT: Final = 0.5
"""So much of a lesson's typical attention time counts as having met what it teaches, though she didn't finish it."""


@dataclass(frozen=True)
class Introductions:
    """Which lessons (rows, [n]) introduce which new concepts (indices, [n]), and what waits for them."""

    lessons: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    concepts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    asks: tuple[NDArray[np.int64], NDArray[np.int64]] = field(
        default_factory=lambda: (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    )
    """Pairs: row of what asks, new concept that it asks about."""

    @cached_property
    def introduces(self) -> Mapping[int, int]:
        """Concept index by row of the lesson; the first where a lesson introduces several."""
        found: dict[int, int] = {}
        for lesson, concept in zip(self.lessons.tolist(), self.concepts.tolist(), strict=True):
            found.setdefault(lesson, concept)
        return found

    def teach_first(self, rows: int) -> NDArray[np.int8]:
        """[V] 1 introduces a concept, -1 asks about one not introduced."""
        column = np.zeros(rows, dtype=np.int8)
        column[self.asks[0]] = -1
        column[self.lessons] = 1
        return column

    def pass_on(self, column: NDArray[Any]) -> NDArray[Any]:
        """The column [V] in which what asks has at least the largest value of the lessons that it waits for."""
        if not len(self.lessons):
            return column
        of_concept = np.zeros(int(max(self.concepts.max(), self.asks[1].max())) + 1, column.dtype)
        of_concept[self.concepts] = column[self.lessons]
        passed = column.copy()
        np.maximum.at(passed, self.asks[0], of_concept[self.asks[1]])
        return passed


def find_introductions(
    outline: "Outline",
    situation: "Situation",
    *,
    eligible: NDArray[np.bool_],
    known: NDArray[np.bool_],
    declined: NDArray[np.float64],
) -> Introductions:
    """What should come first for each concept that is new to her.

    New is a concept of which she has been taught nothing, on which she answered nothing right and of which she marked
    nothing as known, while both something that teaches it (lesson, video, reading) and something that asks about it are
    open to her. She has been taught by what she completed, gave half of its typical attention time, or called too easy;
    to open it is not enough. Introduced it is by the first of what teaches it in the order of the course, of what is not
    too hard for her if there is any: a reading at the end that goes over many concepts teaches what it would need, lacks
    nothing, and is no beginning. What the introduction lacks, what asks lacks, too, and where it steps back, so does what
    asks (`pass_on`).
    """
    rows, concepts = outline.teaches
    teaches = ~outline.gradable
    met = _taught(outline, situation)
    right = outline.mask(
        [entry.item for entry in situation.progress if entry.right]
        + [answer.item for answer in situation.answers if answer.right]
    )
    new = touch(outline, eligible & teaches) & touch(outline, eligible & ~teaches)
    new &= ~touch(outline, met | right | known)
    lessons = np.flatnonzero(new[concepts] & (eligible & teaches)[rows])
    row, concept = rows[lessons], concepts[lessons]
    order = np.lexsort((row, outline.order[row], declined[row] > 0, concept))
    _, first = np.unique(concept[order], return_index=True)
    first = order[first]
    asks = new[concepts] & (eligible & ~teaches)[rows]
    return Introductions(row[first], concept[first], (rows[asks], concepts[asks]))


def touch(outline: "Outline", items: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[C] whether any of these items [V] teaches the concept, or asks about it."""
    rows, concepts = outline.teaches
    return np.bincount(concepts[items[rows]], minlength=len(outline.concept_ids)) > 0


def _taught(outline: "Outline", situation: "Situation") -> NDArray[np.bool_]:
    """[V] what teaches and has done so, or need not."""
    found = outline.mask(said.item for said in situation.difficulties if not said.hard)
    for entry in situation.progress:
        row = outline.row_of.get(entry.item, 0)
        long = outline.seconds[row]
        found[row] |= bool(entry.completed_at or (long and entry.seconds >= TAUGHT * long))
    return found & ~outline.gradable
