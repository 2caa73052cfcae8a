"""Where one learner stands in the catalogue: what she may be offered, what blocks it, what would help her.

Pure functions on columns, without database and without torch: a worker uses them on the whole catalogue,
the web process on the courses of a learner who has no slate yet.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from learners.memory import Memory
from recommender.difficulty import Difficulty, ListSaid, put_behind, step_back
from recommender.due import REST, find_completion, find_recall
from recommender.introductions import Introductions, find_introductions, touch
from recommender.reteaching import Reteaching, find_reteaching
from recommender.terms import Term, Without

WRONG_IN_A_ROW: Final = 3
"""So many wrong answers on a concept, without a right one since, and she is failing at it."""
CONCEPTS_HELPED: Final = 3
REMEDIES: Final = 2
"""At a time so many failing concepts are helped with, each with so many items: a list of remedies is no list."""


@dataclass(frozen=True)
class Outline:
    """The catalogue as columns over V rows (row 0 is PAD) and C concepts.

    `teaches` and `needs` are pairs (item row, concept index). An item needs the direct prerequisites of the
    concepts that it teaches, except those that it teaches itself.
    """

    item_ids: NDArray[np.int64]  # [V]
    course_ids: NDArray[np.int64]  # [V]
    order: NDArray[np.float64]  # [V] place in the order of its course
    gradable: NDArray[np.bool_]  # [V]
    reading: NDArray[np.bool_]  # [V] goes with a lesson, where there is one
    published: NDArray[np.bool_]  # [V]
    seconds: NDArray[np.float64]  # [V] typical attention, 0 = not known
    concept_ids: tuple[int, ...]  # C
    teaches: tuple[NDArray[np.int64], NDArray[np.int64]]
    needs: tuple[NDArray[np.int64], NDArray[np.int64]]
    prerequisites: Mapping[int, frozenset[int]]  # by concept index

    @property
    def rows(self) -> int:
        """V, including PAD."""
        return len(self.item_ids)

    @cached_property
    def row_of(self) -> dict[int, int]:
        """Row by item id."""
        return {int(item): row for row, item in enumerate(self.item_ids) if row}

    @cached_property
    def concepts_of(self) -> dict[int, list[int]]:
        """Concept indices by row."""
        return _group(self.teaches[0], self.teaches[1])

    @cached_property
    def rows_of_concept(self) -> dict[int, NDArray[np.int64]]:
        """Rows by concept index."""
        grouped = _group(self.teaches[1], self.teaches[0])
        return {concept: np.array(rows, dtype=np.int64) for concept, rows in grouped.items()}

    def mask(self, items: Iterable[int]) -> NDArray[np.bool_]:
        """[V] true for the given item ids; ids that the catalogue lacks are ignored."""
        found = np.zeros(self.rows, dtype=bool)
        found[[self.row_of[item] for item in items if item in self.row_of]] = True
        return found


@dataclass(frozen=True)
class Answer:
    """A graded answer, as evidence."""

    event: int  # primary key
    item: int
    right: bool
    at: datetime


@dataclass(frozen=True)
class Progress:
    """What a learner did with one item so far."""

    item: int
    completed_at: datetime | None
    right: int
    seconds: float = 0.0  # of attention, in all


@dataclass(frozen=True)
class Situation:
    """All that decides what one learner may be offered, read in one snapshot."""

    learner: int
    courses: frozenset[int] = frozenset()
    assigned: frozenset[int] = frozenset()
    pinned: frozenset[int] = frozenset()
    banned: frozenset[int] = frozenset()
    known: frozenset[int] = frozenset()
    not_now: frozenset[int] = frozenset()
    target_success: float = 0.7
    difficulties: tuple[Difficulty, ...] = ()  # one an item
    list_said: ListSaid | None = None
    unhelpful: Mapping[int, datetime] = field(default_factory=dict)  # when she said so, by item
    progress: tuple[Progress, ...] = ()
    answers: tuple[Answer, ...] = ()  # oldest first
    memories: Mapping[int, Memory] = field(default_factory=dict)  # by item


@dataclass(frozen=True)
class Remedy:
    """An item that teaches `concept`, because `failing` (which builds on it) goes wrong."""

    concept: int
    failing: int
    answers: tuple[Answer, ...]
    recency: int = 0  # 0 = the concept that failed last

    def weigh(self, *, gradable: bool) -> float:
        """How urgent it is: reading comes before being tested, the last failure before earlier ones.

        The steps are so large that no affinity and no value of practice (`core.ranking`) turns them round.
        """
        strength = 1.15 if gradable else 1.5
        return strength if self.recency == 0 else strength / (1 + self.recency)


@dataclass(frozen=True)
class Standing:
    """The outcome for one learner, as columns over the rows of the outline."""

    eligible: NDArray[np.bool_]  # [V]
    missing: NDArray[np.int64]  # [V] number of unmet prerequisite concepts
    remedial: NDArray[np.float32]  # [V] urgency, 0 = no remedy
    assigned: NDArray[np.bool_]  # [V] by a teacher
    pinned: NDArray[np.bool_]  # [V] by a teacher
    review: NDArray[np.bool_]  # [V] completed before and due again
    recall: NDArray[
        np.float64
    ]  # [V] FSRS's probability that she still knows it, NaN = never answered, or not eligible
    teach_first: NDArray[
        np.int8
    ]  # [V] 1 introduces a concept or comes back, -1 asks about one not introduced
    declined: NDArray[np.float64]  # [V] 0..1, called too hard, too easy or of no help by her
    scaffold: NDArray[np.float64]  # [V] 0..1, teaches what something too hard needs
    doubtful: NDArray[np.bool_]  # [C] met by what she did, and not by her own word
    introductions: Introductions
    remedies: Mapping[int, Remedy] = field(default_factory=dict)  # by row
    reteaching: Mapping[int, Reteaching] = field(default_factory=dict)  # by row
    helps: Mapping[int, int] = field(default_factory=dict)  # item that was too hard, by row

    @property
    def introduces(self) -> Mapping[int, int]:
        """Concept index by row of what introduces it."""
        return self.introductions.introduces


def assess(
    outline: Outline, situation: Situation, *, now: datetime, without: Without = ()
) -> Standing:
    """Work out what a learner may be offered at `now`, what blocks it and what would help her.

    Eligible is what is published, in a course she is enrolled in, not banned by a teacher, not known to her, not
    put off within a day, and not completed, until it is due again.

    Due again: an exercise or quiz, as her memory of it says, else by how often it was answered right (see `due`);
    other items don't become due by time. Whatever teaches a prerequisite of a concept that she is failing at
    is due as a remedy one day after she completed it, if the last wrong answer came later; so is a lesson, if the last answer
    on what it teaches was wrong and came later (see `reteaching`).

    A prerequisite concept is met when she completed (a lesson: finished, an exercise: answered right) or marked as
    known an item that teaches it, or answered right in one of her last three answers on it; and always when nothing
    that she could study teaches it. It isn't met while she is failing at it: when her last three answers on
    it were wrong. What a version predicts may hold back longer what builds on it: see `readiness`.

    What is taught should come before what is asked, though nothing is blocked by it: see `introductions`. Only
    what asks about several concepts, of which one builds on the other, misses what the introduction to each still misses.

    What she called too hard or too easy steps back, and what helps with it comes forward: see `difficulty.step_back`.

    `without` are terms that are switched off: nothing is seen of them.
    """
    enrolled = np.isin(outline.course_ids, list(situation.courses))
    offered = outline.published & enrolled & ~outline.mask(situation.banned)
    offered[0] = False
    completed, due = find_completion(outline, situation, now=now)
    known = outline.mask(situation.known)
    hidden = known | outline.mask(situation.not_now)

    answers = _answers_by_concept(outline, situation.answers)
    failing = {
        concept: last
        for concept, last in answers.items()
        if len(last) == WRONG_IN_A_ROW and not any(answer.right for answer in last)
    }
    met = _met(outline, offered, completed | known, answers, failing)
    rows, concepts = outline.needs
    missing = np.bincount(rows, weights=~met[concepts], minlength=outline.rows).astype(np.int64)
    if Term.PREREQUISITES in without:
        missing[:] = 0

    rested = ~np.isin(outline.item_ids, _completed_within(situation.progress, now - REST))
    allowed = offered & ~hidden & rested
    remedies = _find_remedies(
        outline,
        situation,
        allowed=allowed,
        missing=missing,
        met=met,
        failing={} if Term.REMEDIES in without else failing,
    )
    remedial = np.zeros(outline.rows, dtype=np.float32)
    for row, remedy in remedies.items():
        remedial[row] = remedy.weigh(gradable=bool(outline.gradable[row]))
    reteaching = (
        {}
        if Term.RETEACHING in without
        else find_reteaching(outline, situation, answers, allowed=allowed)
    )
    due[list(reteaching)] = True
    open_again = completed & (due | (remedial > 0))
    eligible = offered & ~hidden & (~completed | open_again)
    declined, scaffold, helps = step_back(outline, situation, eligible & (missing == 0), now=now)
    declined = np.maximum(declined, put_behind(outline, situation, now=now))
    introductions = (
        Introductions()
        if Term.LESSONS_FIRST in without
        else find_introductions(
            outline, situation, eligible=eligible, known=known, declined=declined
        )
    )
    teach_first = introductions.teach_first(outline.rows)
    teach_first[list(reteaching)] = 1
    return Standing(
        eligible=eligible,
        missing=introductions.pass_on(missing),
        remedial=remedial,
        assigned=outline.mask(situation.assigned),
        pinned=outline.mask(situation.pinned),
        review=open_again,
        recall=find_recall(outline, situation.memories, eligible, now=now),
        teach_first=teach_first,
        declined=introductions.pass_on(declined),
        scaffold=scaffold,
        doubtful=met & ~touch(outline, known),
        introductions=introductions,
        remedies=remedies,
        reteaching=reteaching,
        helps=helps,
    )


def _completed_within(progress: Iterable[Progress], since: datetime) -> list[int]:
    return [entry.item for entry in progress if entry.completed_at and entry.completed_at > since]


def _answers_by_concept(outline: Outline, answers: Iterable[Answer]) -> dict[int, list[Answer]]:
    """The last three answers on each concept, oldest first."""
    found: dict[int, list[Answer]] = defaultdict(list)
    for answer in answers:
        for concept in outline.concepts_of.get(outline.row_of.get(answer.item, 0), ()):
            found[concept].append(answer)
    return {concept: given[-WRONG_IN_A_ROW:] for concept, given in found.items()}


def _met(
    outline: Outline,
    offered: NDArray[np.bool_],
    done: NDArray[np.bool_],
    answers: Mapping[int, list[Answer]],
    failing: Mapping[int, list[Answer]],
) -> NDArray[np.bool_]:
    """[C] whether each concept counts as met."""
    rows, concepts = outline.teaches
    width = len(outline.concept_ids)
    can_be_studied = np.bincount(concepts, weights=offered[rows], minlength=width) > 0
    met = (np.bincount(concepts, weights=done[rows], minlength=width) > 0) | ~can_be_studied
    met[[concept for concept, last in answers.items() if any(a.right for a in last)]] = True
    met[[concept for concept in failing if can_be_studied[concept]]] = False
    return met


def _find_remedies(
    outline: Outline,
    situation: Situation,
    *,
    allowed: NDArray[np.bool_],
    missing: NDArray[np.int64],
    met: NDArray[np.bool_],
    failing: Mapping[int, list[Answer]],
) -> dict[int, Remedy]:
    """Items that teach what a failing concept builds on, the concept that failed last first.

    Unmet direct prerequisites first, else the direct ones that count as met (she may have forgotten); where nothing
    on them can be studied now, because it was completed today, what they build on. Of those, lessons before exercises,
    what lacks nothing before what does, in the order of the course.
    """
    done_at = {entry.item: entry.completed_at for entry in situation.progress}
    latest = sorted(failing, key=lambda concept: failing[concept][-1].at, reverse=True)
    found: dict[int, Remedy] = {}
    for recency, concept in enumerate(latest[:CONCEPTS_HELPED]):
        answers = failing[concept]
        itself = outline.rows_of_concept[concept]
        level = outline.prerequisites.get(concept, frozenset())
        visited: set[int] = set()
        rows: dict[int, int] = {}
        while level - visited and not rows:
            visited |= level
            unmet = {one for one in level if not met[one]}
            for group in (unmet, level - unmet):
                rows = rows or {
                    int(row): one
                    for one in sorted(group)
                    for row in np.setdiff1d(outline.rows_of_concept.get(one, itself), itself)
                    if allowed[row]
                    and _not_taken_since(done_at.get(int(outline.item_ids[row])), answers)
                }
            level = frozenset().union(*(outline.prerequisites.get(p, ()) for p in level))
        best = sorted(
            rows, key=lambda row: (missing[row] > 0, outline.gradable[row], outline.order[row], row)
        )
        for row in best[:REMEDIES]:
            found.setdefault(row, Remedy(rows[row], concept, tuple(answers), recency))
    return found


def _not_taken_since(completed_at: datetime | None, answers: list[Answer]) -> bool:
    return completed_at is None or completed_at < answers[-1].at


def _group(keys: NDArray[np.int64], values: NDArray[np.int64]) -> dict[int, list[int]]:
    grouped: dict[int, list[int]] = defaultdict(list)
    for key, value in zip(keys.tolist(), values.tolist(), strict=True):
        grouped[key].append(value)
    return dict(grouped)
