"""Memories of some learners as of one moment: as they are stored, and brought up to date where answers came in since."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.db import connection

from learners.memory import Memory, Review, remember
from learners.models import Event, MemoryCard
from learners.selectors.history import HistoryRow
from learners.selectors.memory_fits import read_fits
from learners.selectors.progress import ProgressRow

# Each learner's answers in one walk through her history, whatever the number of items.
_ANSWERS: Final = """
SELECT event.actor_id, event.item_id, event.id, event.occurred_at, event.success,
       COALESCE(event.context -> 'hints' > '0', FALSE)
  FROM learners_event AS event
  JOIN unnest(%(learners)s::bigint[], %(items)s::bigint[]) AS pair(learner_id, item_id)
    ON pair.learner_id = event.actor_id AND pair.item_id = event.item_id
 WHERE event.actor_id = ANY(%(learners)s) AND event.verb = 'answered' AND event.graded
   AND event.success IS NOT NULL
 ORDER BY event.actor_id, event.item_id, event.occurred_at, event.id
"""

Pair = tuple[int, int]
"""Learner and item."""


@dataclass
class Memories:
    """One learner's memories by item, and which of them aren't stored yet."""

    by_item: dict[int, Memory] = field(default_factory=dict)
    changed: list[Memory] = field(default_factory=list)


def read_memories(
    *,
    learner_ids: Collection[int],
    progress: Sequence[ProgressRow],
    history: Mapping[int, Sequence[HistoryRow]],
) -> dict[int, Memories]:
    """Return each learner's memories, with everything in them that she answered up to this moment.

    `progress` and the newest `history` of each, oldest first, must be of the same snapshot: where as many answers are
    counted as a card has seen, it holds. Else the new ones are taken from the history, and where these aren't all (one
    came in late, or there is no card yet), all answers on that item are read. A card that was computed with other
    parameters than are hers now counts for none. So it is two queries where nothing is new, three after an answer, four
    at most, and none before the first answer.
    """
    found = {learner: Memories() for learner in learner_ids}
    answered = {row.learner_id for row in progress if row.attempts}
    if not answered:
        return found
    fits = read_fits(answered)
    cards = MemoryCard.objects.filter(learner__in=answered).order_by()
    for learner, revision, *card in cards.values_list("learner_id", "fit", *MemoryCard.COLUMNS):
        fit = fits[learner]
        if revision == fit.revision:
            memory = Memory._make([*card, fit])
            found[learner].by_item[memory.item_id] = memory
    behind = {
        (row.learner_id, row.item_id): row.attempts
        for row in progress
        if row.attempts and _has_seen(found[row.learner_id], row.item_id) != row.attempts
    }
    if not behind:
        return found
    new = _list_new(behind, found, history)
    whole = [pair for pair in behind if pair not in new]
    reviews = _mark_hinted(new) | _read_answers(whole)
    for pair, attempts in behind.items():
        learner, item = pair
        before = found[learner].by_item.get(item) if pair in new else None
        new_one = remember(
            item, reviews.get(pair, ()), before=before, attempts=attempts, fit=fits[learner]
        )
        if new_one is not None:
            found[learner].by_item[item] = new_one
            found[learner].changed.append(new_one)
    return found


def _has_seen(memories: Memories, item: int) -> int:
    memory = memories.by_item.get(item)
    return memory.attempts if memory else 0


def _list_new(
    behind: Mapping[Pair, int],
    found: Mapping[int, Memories],
    history: Mapping[int, Sequence[HistoryRow]],
) -> dict[Pair, list[HistoryRow]]:
    """The answers that cards lack, of those cards that lack no others."""
    new: dict[Pair, list[HistoryRow]] = defaultdict(list)
    for learner in {learner for learner, _item in behind}:
        for row in history.get(learner, ()):
            pair = learner, row.item_id
            if pair not in behind or not row.graded or row.success is None:
                continue
            memory = found[learner].by_item.get(row.item_id)
            if memory is None or (row.occurred_at, row.event_id) > (
                memory.reviewed_at,
                memory.event_id,
            ):
                new[pair].append(row)
    return {
        pair: rows
        for pair, rows in new.items()
        if _has_seen(found[pair[0]], pair[1]) + len(rows) == behind[pair]
    }


def _mark_hinted(new: Mapping[Pair, Sequence[HistoryRow]]) -> dict[Pair, list[Review]]:
    right = [row.event_id for rows in new.values() for row in rows if row.success]
    hinted = (
        set(Event.objects.filter(pk__in=right, context__hints__gt=0).values_list("pk", flat=True))
        if right
        else set()
    )
    return {
        pair: [
            Review(row.event_id, row.occurred_at, bool(row.success), row.event_id in hinted)
            for row in rows
        ]
        for pair, rows in new.items()
    }


def _read_answers(pairs: Sequence[Pair]) -> dict[Pair, list[Review]]:
    reviews: dict[Pair, list[Review]] = defaultdict(list)
    if not pairs:
        return reviews
    learners, items = zip(*pairs, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_ANSWERS, {"learners": list(learners), "items": list(items)})
        for learner, item, *answer in cursor.fetchall():
            reviews[learner, item].append(Review(*answer))
    return reviews
