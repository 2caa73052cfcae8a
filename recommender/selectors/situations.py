"""Everything that decides what learners may be offered, read for a whole batch at once."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from learners.memory import Memory
from learners.selectors import (
    HistoryRow,
    group_history,
    list_learner_courses,
    list_rules,
    read_memories,
    read_progress,
)
from recommender.selectors.ledger import read_ledgers
from recommender.standing import Answer, Progress, Situation

HISTORY: Final = 512
"""A learner's newest events that a refresh reads."""


@dataclass(frozen=True)
class Read:
    """One learner's situation, the events that it was drawn from, oldest first, and memories that aren't stored yet."""

    situation: Situation
    history: Sequence[HistoryRow]
    remembered: Sequence[Memory] = ()


def read_situations(*, learner_ids: Collection[int], now: datetime) -> Mapping[int, Read]:
    """Return everything that a slate depends on, for each learner; a number of queries that is bounded.

    Call it in a transaction that shows one moment, together with the reading of dirty_seq.
    """
    ids = sorted(set(learner_ids))
    courses = list_learner_courses(ids)
    rules = list_rules(ids)
    ledgers = read_ledgers(learner_ids=ids, now=now)
    history = group_history(ids, HISTORY)
    rows = read_progress(ids)
    memories = read_memories(learner_ids=ids, progress=rows, history=history)
    progress: dict[int, list[Progress]] = defaultdict(list)
    for done in rows:
        progress[done.learner_id].append(
            Progress(done.item_id, done.completed_at, done.right, done.seconds)
        )
    return {
        learner: Read(
            Situation(
                learner=learner,
                courses=frozenset(courses[learner]),
                assigned=frozenset(rules[learner].assigned),
                pinned=frozenset(rules[learner].pinned),
                banned=frozenset(rules[learner].banned),
                known=frozenset(ledgers[learner].known),
                not_now=frozenset(ledgers[learner].not_now),
                target_success=ledgers[learner].target_success,
                difficulties=tuple(ledgers[learner].difficulties.values()),
                list_said=ledgers[learner].list_said,
                unhelpful=ledgers[learner].unhelpful,
                progress=tuple(progress[learner]),
                answers=_graded(history[learner]),
                memories=memories[learner].by_item,
            ),
            history[learner],
            memories[learner].changed,
        )
        for learner in ids
    }


def _graded(history: Sequence[HistoryRow]) -> tuple[Answer, ...]:
    """Only what this server graded is believed."""
    return tuple(
        Answer(row.event_id, row.item_id, row.success, row.occurred_at)
        for row in history
        if row.graded and row.success is not None
    )
