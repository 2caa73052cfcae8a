"""The log that rankers are judged by: slots that were drawn at random and seen, and what came of what stood in them."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db.models import Count, QuerySet

from learners.models import Event, ItemProgress
from learners.selectors import HistoryRow
from recommender.models import Feedback, Impression, Slate

COMPLETED, RIGHT, HELPFUL = "completed", "right", "helpful"
REWARDS: Final = {
    COMPLETED: "she completed it, or answered it right (graded here)",
    RIGHT: "her first answer to it since then was right, without hints (graded here)",
    HELPFUL: "she last called it helpful, and has not taken that back",
}
"""By name what makes a slot worth 1 within the window after it was seen; else it is worth 0, also where she ignored it."""

UNSEEN, UNLOGGED, OPEN = "unseen", "unlogged", "open"


@dataclass(frozen=True)
class LoggedSlot:
    """An explored slot that was seen, with all that was known before the draw."""

    slate: Slate
    position: int  # 1 is the top
    item: int
    among: tuple[int, ...]  # item ids, each with the same probability, rising
    target: float  # her target of success
    seen_at: datetime

    @property
    def learner(self) -> int:
        return self.slate.learner_id


def list_explored_learners(*, since: datetime) -> list[int]:
    """Return who has slates computed since then with a random slot of which anything was shown."""
    learners = _explored(since).order_by("learner_id").values_list("learner_id", flat=True)
    return list(learners.distinct())


def read_slots(
    *, learner_ids: Collection[int], since: datetime, until: datetime
) -> tuple[list[LoggedSlot], Counter[str]]:
    """Return these learners' explored slots from slates computed since then, and how many are left out and why.

    A slot counts as seen where anything at its place or below was: whether the drawn item itself was shown may hang on
    which one it is (she may have looked at one course only), and to leave out such slots would undo the lottery. What was seen
    after `until` is still "open", and slates from before choices were kept are "unlogged". Two queries.
    """
    slates = list(
        _explored(since)
        .filter(learner__in=learner_ids)
        .defer("contributions", "attention")
        .order_by("learner_id", "computed_at", "pk")
    )
    seen: dict[Any, list[tuple[int, datetime]]] = defaultdict(list)
    shown = Impression.objects.filter(slate__in=[slate.pk for slate in slates])
    for slate_id, position, at in shown.values_list("slate_id", "position", "shown_at"):
        seen[slate_id].append((position, at))
    found: list[LoggedSlot] = []
    left_out: Counter[str] = Counter()
    for slate in slates:
        drawn: dict[str, Any] = slate.exploration or {}
        if "among" not in drawn:
            left_out[UNLOGGED] += 1
            continue
        times = [at for position, at in seen[slate.pk] if position >= drawn["slot"]]
        if not times:
            left_out[UNSEEN] += 1
            continue
        if min(times) > until:
            left_out[OPEN] += 1
            continue
        found.append(
            LoggedSlot(
                slate=slate,
                position=drawn["slot"],
                item=drawn["item"],
                among=tuple(drawn["among"]),
                target=drawn["target"],
                seen_at=min(times),
            )
        )
    return found, left_out


def read_rewards(slots: Sequence[LoggedSlot], *, reward: str, window: timedelta) -> list[float]:
    """Return 1 or 0 for each slot: whether what `reward` names came of its item within `window`; one query."""
    wanted = {(slot.learner, slot.item) for slot in slots}
    if not wanted:
        return []
    first = min(slot.seen_at for slot in slots)
    last = max(slot.seen_at for slot in slots) + window
    read = _read_opinions if reward == HELPFUL else _read_deeds
    told = read(wanted, first, last)
    judge = {COMPLETED: _completed, RIGHT: _right, HELPFUL: _helpful}[reward]
    return [
        float(
            judge(
                [
                    deed
                    for deed in told[slot.learner, slot.item]
                    if slot.seen_at < deed.at <= slot.seen_at + window
                ]
            )
        )
        for slot in slots
    ]


def read_event_rows(event_ids: Collection[int]) -> dict[int, HistoryRow]:
    """Return these events by primary key; those that are gone are absent."""
    columns = [{"learner_id": "actor_id", "event_id": "id"}.get(n, n) for n in HistoryRow._fields]
    rows = Event.objects.filter(pk__in=event_ids).values_list(*columns)
    return {row[1]: HistoryRow(*row) for row in rows}


def count_learners_by_item() -> dict[int, int]:
    """Return how many learners have met each item."""
    rows = ItemProgress.objects.order_by().values("item_id").annotate(count=Count("pk"))
    return dict(rows.values_list("item_id", "count"))


def read_met_items(*, learner_ids: Collection[int]) -> dict[int, set[int]]:
    """Return the items that each of these learners has met."""
    met: dict[int, set[int]] = defaultdict(set)
    rows = ItemProgress.objects.filter(learner__in=learner_ids).order_by()
    for learner, item in rows.values_list("learner_id", "item_id"):
        met[learner].add(item)
    return met


class _Deed(NamedTuple):
    at: datetime
    what: str  # verb, or signal
    right: bool | None = None
    graded: bool = False
    hints: bool = False


_Deeds = dict[tuple[int, int], list[_Deed]]


def _explored(since: datetime) -> "QuerySet[Slate]":
    return Slate.objects.filter(kept=True, exploration__isnull=False, computed_at__gte=since)


def _read_deeds(wanted: Collection[tuple[int, int]], first: datetime, last: datetime) -> _Deeds:
    rows = Event.objects.filter(
        actor__in={learner for learner, _item in wanted},
        item__in={item for _learner, item in wanted},
        verb__in=[Event.Verb.COMPLETED, Event.Verb.ANSWERED],
        occurred_at__gt=first,
        occurred_at__lte=last,
    ).order_by("occurred_at", "pk")
    told: _Deeds = defaultdict(list)
    columns = ("actor_id", "item_id", "occurred_at", "verb", "success", "graded", "context")
    for learner, item, at, verb, right, graded, context in rows.values_list(*columns):
        hints = bool(isinstance(context, dict) and context.get("hints"))
        told[learner, item].append(_Deed(at, verb, right, graded, hints))
    return told


def _read_opinions(wanted: Collection[tuple[int, int]], first: datetime, last: datetime) -> _Deeds:
    rows = Feedback.objects.filter(
        learner__in={learner for learner, _item in wanted},
        item__in={item for _learner, item in wanted},
        signal__in=[Feedback.Signal.HELPFUL, Feedback.Signal.NOT_HELPFUL],
        received_at__gt=first,
        received_at__lte=last,
        withdrawn_at=None,
    ).order_by("received_at", "pk")
    told: _Deeds = defaultdict(list)
    for learner, item, at, signal in rows.values_list(
        "learner_id", "item_id", "received_at", "signal"
    ):
        told[learner, item].append(_Deed(at, signal))
    return told


def _completed(deeds: Sequence[_Deed]) -> bool:
    return any(
        deed.what == Event.Verb.COMPLETED or (deed.graded and bool(deed.right)) for deed in deeds
    )


def _right(deeds: Sequence[_Deed]) -> bool:
    answers = [deed for deed in deeds if deed.graded and deed.right is not None]
    return bool(answers and answers[0].right and not answers[0].hints)


def _helpful(deeds: Sequence[_Deed]) -> bool:
    return bool(deeds and deeds[-1].what == Feedback.Signal.HELPFUL)
