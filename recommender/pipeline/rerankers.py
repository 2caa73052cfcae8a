"""Rankers put back to the moment at which a slot was drawn: how each would have ordered what could have stood there.

Each gives scores for the choices of a batch of slots. What it reads must not hang on which of them was shown: the stored
slate, the history that was read for it, other learners. What she did since may not, or the ranker would know the outcome.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from recommender.core.ranking import practice_value, scale_affinity
from recommender.core.serving import BoundRecommender
from recommender.pipeline.history import to_log
from recommender.pipeline.ranking import configure
from recommender.selectors.explored_slots import (
    LoggedSlot,
    count_learners_by_item,
    read_event_rows,
    read_met_items,
)
from recommender.standing import Outline
from recommender.storage import unpack_history
from recommender.terms import Term, Without

SERVED, SYLLABUS, POPULARITY, RANDOM = "served", "syllabus", "popularity", "random"
RULES: Final = (SERVED, SYLLABUS, POPULARITY)
OF_THE_VERSION: Final = frozenset({"affinity", "practice", "diversity"})
"""Terms of a stored utility that another version would have given another value; the others are its situation."""

Floats = NDArray[np.float64]


class Reranker(Protocol):
    """Orders the choices of slots."""

    def score(self, slots: Sequence[LoggedSlot], entries: Sequence[dict[int, Any]]) -> list[Floats]:
        """Scores [n] of each slot's `among`; `entries` are those of its slate by item."""
        ...


class Served:
    """What the version that made the slate would have put there, had it not been drawn."""

    def score(self, slots: Sequence[LoggedSlot], entries: Sequence[dict[int, Any]]) -> list[Floats]:
        return [
            np.array([told[item]["score"] for item in slot.among])
            for slot, told in zip(slots, entries, strict=True)
        ]


@dataclass(frozen=True)
class Syllabus:
    """The order of the courses, which take turns; what is due again comes after what is new."""

    outline: Outline

    def score(self, slots: Sequence[LoggedSlot], entries: Sequence[dict[int, Any]]) -> list[Floats]:
        return [self._score(slot.among, told) for slot, told in zip(slots, entries, strict=True)]

    def _score(self, among: Sequence[int], told: dict[int, Any]) -> Floats:
        rows = [self.outline.row_of.get(item, 0) for item in among]
        again = np.array([bool(told[item]["again"]) for item in among])
        turn = np.zeros(len(among))
        by_course: dict[int, list[int]] = defaultdict(list)
        for place in np.lexsort((self.outline.order[rows], again)):
            course = by_course[int(self.outline.course_ids[rows[place]])]
            turn[place] = len(course)
            course.append(int(place))
        return -(turn + len(among) * again)


@dataclass
class Popularity:
    """How many other learners have met an item."""

    counts: dict[int, int] = field(default_factory=count_learners_by_item)

    def score(self, slots: Sequence[LoggedSlot], entries: Sequence[dict[int, Any]]) -> list[Floats]:
        # Her own share is taken out: whether she has met an item since is the outcome.
        met = read_met_items(learner_ids={slot.learner for slot in slots})
        return [
            np.array([float(self.counts.get(i, 0) - (i in met[slot.learner])) for i in slot.among])
            for slot in slots
        ]


@dataclass(frozen=True)
class Version:
    """A model version: its affinity and its predicted success after the history of that moment.

    What else made up the utility (rules, prerequisites, remedies, feedback) is as it was stored; so is what waited because
    the version that served promised little of a prerequisite. Two things are left out: her own weights within the
    attention, and diversification, which orders a whole list and not what stands in one slot.

    Affinity, practice and memory don't count where they are in `without`, as in the lists that the version would make.
    """

    bound: BoundRecommender
    outline: Outline
    without: Without = ()

    def score(self, slots: Sequence[LoggedSlot], entries: Sequence[dict[int, Any]]) -> list[Floats]:
        histories = [unpack_history(slot.slate.history).tolist() for slot in slots]
        events = read_event_rows({event for history in histories for event in history})
        log = to_log(
            [[events[event] for event in history if event in events] for history in histories],
            self.outline.row_of,
        )
        # The whole slate and not only the choices: affinity is measured by the best that she was offered.
        rows = [np.array([self.outline.row_of.get(i, 0) for i in told]) for told in entries]
        affinity = self.bound.score(log, now=np.inf, among=rows).affinity
        wanted = np.zeros((len(slots), max(len(slot.among) for slot in slots)), dtype=np.int64)
        for place, slot in enumerate(slots):
            own = [self.outline.row_of.get(item, 0) for item in slot.among]
            wanted[place, : len(own)] = own
        success = self.bound.predict_success(log, wanted, now=np.inf)
        return [
            _utility(
                slot,
                told,
                dict(zip(told, affinity[place, rows[place]].tolist(), strict=True)),
                success[place, : len(slot.among)].astype(np.float64),
                self.without,
            )
            for place, (slot, told) in enumerate(zip(slots, entries, strict=True))
        ]


def _utility(
    slot: LoggedSlot,
    told: dict[int, Any],
    affinity: dict[int, float],
    success: Floats,
    without: Without,
) -> Floats:
    config = configure(without)
    # Of what is due again affinity says nothing, as when slates are made.
    unsaid = Term.AFFINITY in without
    first = np.array([-np.inf if unsaid or told[i]["again"] else affinity[i] for i in told])
    scaled = dict(zip(told, scale_affinity(first).tolist(), strict=True))
    practice = practice_value(success, slot.target, config.practice_width, config.practice_unknown)
    anew = OF_THE_VERSION | ({"memory"} if Term.MEMORY in without else set())
    situation = [
        sum(value for name, value in told[item]["terms"].items() if name not in anew)
        for item in slot.among
    ]
    own = config.affinity * np.array([scaled[item] for item in slot.among])
    return np.array(situation) + own + config.practice * practice
