"""What "too hard" and "too easy" do to a list: they are of its difficulty, not of her taste.

The item itself steps back, what teaches the same comes forward, and the list that she answered is the level that the next
ones have to be easier or harder than. All of it fades, and none of it hides anything. Pure functions on the columns of `standing`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from recommender.core.ranking import Level

if TYPE_CHECKING:
    from recommender.standing import Outline, Situation

HALF_LIFE: Final = timedelta(days=7)
FORGOTTEN: Final = timedelta(days=28)
"""From then on it counts nothing: a sixteenth would be left."""
UNHELPFUL: Final = 0.4
"""How far what did not help steps back beside what is too hard: behind its like, and before that."""
HELPERS: Final = 2
"""So many items that teach what is needed come forward for each item that was too hard."""


@dataclass(frozen=True)
class Difficulty:
    """What a learner last said of the difficulty of an item."""

    item: int
    hard: bool  # else too easy
    at: datetime


@dataclass(frozen=True)
class ListSaid:
    """The list on which she last called something too hard or too easy, as it was then."""

    item: int  # that she said it of
    hard: bool
    at: datetime
    success: float | None  # mean P(correct) of its first five, None where nothing was predicted
    course_success: float | None  # the same of the first five of the item's course


def strength_at(at: datetime, now: datetime) -> float:
    """What is left at `now` of something said at `at`: 1 at first, half after a week, nothing after four."""
    age = max(now - at, timedelta(0))
    return 0.0 if age >= FORGOTTEN else float(0.5 ** (age / HALF_LIFE))


def step_back(
    outline: "Outline", situation: "Situation", ready: NDArray[np.bool_], *, now: datetime
) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[int, int]]:
    """Return how much each row steps back and how much it comes forward, both [V] from 0 to 1, and what for: items by row.

    An item called too hard is lifted again once she completes something on one of its concepts that teaches it, or answers
    the item itself right; one called too easy, once she answers it wrong. While it isn't, of what is `ready` [V] and teaches
    the concepts of an item too hard, and nothing that goes beyond them, the first two in the order of the course come
    forward; where there is nothing of the kind, of what teaches the direct prerequisites of these concepts.
    """
    declined, scaffold = np.zeros(outline.rows), np.zeros(outline.rows)
    helps: dict[int, int] = {}
    for said in situation.difficulties:
        row = outline.row_of.get(said.item)
        left = strength_at(said.at, now)
        if row is None or not left or _lifted(outline, situation, said, row):
            continue
        declined[row] = left
        if said.hard:
            helpers = _find_helpers(outline, row, ready)
            scaffold[helpers] = np.maximum(scaffold[helpers], left)
            helps |= dict.fromkeys(helpers, said.item)
    scaffold[declined > 0] = 0.0
    return declined, scaffold, {row: item for row, item in helps.items() if scaffold[row]}


def put_behind(outline: "Outline", situation: "Situation", *, now: datetime) -> NDArray[np.float64]:
    """Return how much each row [V] steps back because she said last that it did not help."""
    behind = np.zeros(outline.rows)
    for item, at in situation.unhelpful.items():
        behind[outline.row_of.get(item, 0)] = UNHELPFUL * strength_at(at, now)
    behind[0] = 0.0
    return behind


def find_level(outline: "Outline", said: ListSaid | None, *, now: datetime) -> Level | None:
    """The level that the next list is measured by; None where she said nothing lately, or nothing was predicted then.

    In the course of the item that she said it of, the list of this course counts if it is the stricter one: she may
    have had only that in front of her.
    """
    if said is None or not (strength := strength_at(said.at, now)):
        return None
    known = [value for value in (said.success, said.course_success) if value is not None]
    if not known:
        return None
    success = np.full(outline.rows, known[0])
    if row := outline.row_of.get(said.item):
        course = outline.course_ids == outline.course_ids[row]
        success[course] = max(known) if said.hard else min(known)
    return Level(success=success, easier=said.hard, strength=strength)


def _lifted(outline: "Outline", situation: "Situation", said: Difficulty, row: int) -> bool:
    if not said.hard:
        return any(
            answer.item == said.item and not answer.right and answer.at > said.at
            for answer in situation.answers
        )
    teaching = _teaching(outline, outline.concepts_of.get(row, ())) | {row}
    return any(
        entry.completed_at is not None
        and entry.completed_at > said.at
        and outline.row_of.get(entry.item) in teaching
        for entry in situation.progress
    )


def _find_helpers(outline: "Outline", row: int, ready: NDArray[np.bool_]) -> list[int]:
    own = frozenset(outline.concepts_of.get(row, ()))
    before = frozenset().union(*(outline.prerequisites.get(one, ()) for one in own)) - own
    for concepts in (own, before):
        # A page that goes over half a course teaches this, too, and is no help with it.
        found = [
            one
            for one in _teaching(outline, concepts) - {row}
            if ready[one] and set(outline.concepts_of[one]) <= own | before
        ]
        if found:
            return sorted(found, key=lambda one: (outline.order[one], one))[:HELPERS]
    return []


def _teaching(outline: "Outline", concepts: Iterable[int]) -> set[int]:
    """Rows of what teaches any of the concepts without asking."""
    return {
        int(row)
        for concept in concepts
        for row in outline.rows_of_concept.get(concept, ())
        if not outline.gradable[row]
    }
