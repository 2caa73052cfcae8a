"""Lessons that come back, because an answer on what they teach went wrong after they were finished.

Pure functions on the columns of `standing`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from recommender.standing import Answer, Outline, Situation

CONCEPTS: Final = 3
"""The lessons of so many concepts come back at a time, of those that went wrong last."""


@dataclass(frozen=True)
class Reteaching:
    """Why a lesson comes back: `answer`, on `concept` (an index), was wrong, and given after the lesson."""

    concept: int
    answer: "Answer"


def find_reteaching(
    outline: "Outline",
    situation: "Situation",
    answers: Mapping[int, "Sequence[Answer]"],
    *,
    allowed: NDArray[np.bool_],
) -> dict[int, Reteaching]:
    """Lessons by row that come back: one for each concept whose last answer was wrong.

    `answers` are the last ones by concept, oldest first. The first of the concept's lessons in the order of the course, of
    those that are `allowed` [V] and that she finished before that answer; none where she has finished one of them since.
    A reading comes back only where no lesson or video can: it may be about the concept without teaching it.
    """
    done_at = {
        outline.row_of[entry.item]: entry.completed_at
        for entry in situation.progress
        if entry.completed_at is not None and entry.item in outline.row_of
    }
    latest = sorted(
        ((given[-1], concept) for concept, given in answers.items() if not given[-1].right),
        key=lambda found: (found[0].at, found[1]),
        reverse=True,
    )
    again: dict[int, Reteaching] = {}
    for answer, concept in latest:
        lessons = [
            row
            for row in outline.rows_of_concept[concept].tolist()
            if row in done_at and not outline.gradable[row]
        ]
        if any(done_at[row] >= answer.at for row in lessons):
            continue
        open_to_her = [row for row in lessons if allowed[row]]
        if open_to_her:
            first = min(
                open_to_her, key=lambda row: (outline.reading[row], outline.order[row], row)
            )
            again.setdefault(first, Reteaching(concept, answer))
        if len(again) == CONCEPTS:
            break
    return again
