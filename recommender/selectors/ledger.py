"""What a learner's feedback says, read from its ledger in the order of (received_at, id).

Of an item a learner has one standing opinion in each of four respects (`RESPECTS`): whether it helped, how difficult it is, that
she doesn't want it now, that she knows it. The last feedback in a respect counts, however often it was given and whatever
was said before; when it is taken back, the one before it counts again. All rows stay in the ledger.

Her target of success is moved by what she said of lists: every "too easy" and "too hard" counts, but once for each item of a
slate, the last one.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Case, CharField, F, Q, QuerySet, Value, When, Window
from django.db.models.functions import RowNumber

from recommender.difficulty import FORGOTTEN, Difficulty, ListSaid
from recommender.models import Feedback
from recommender.target import START, fold_target

NOT_NOW: Final = timedelta(hours=24)

Signal = Feedback.Signal
RESPECTS: Final[Mapping[str, tuple[Signal, ...]]] = {
    "help": (Signal.HELPFUL, Signal.NOT_HELPFUL),
    "difficulty": (Signal.TOO_EASY, Signal.TOO_HARD),
    "not_now": (Signal.NOT_NOW,),
    "known": (Signal.KNOWN,),
}


@dataclass
class Ledger:
    """The part of one learner's feedback that acts on her next slate beside her profile."""

    known: set[int] = field(default_factory=set)  # item ids
    not_now: set[int] = field(default_factory=set)  # item ids, put off within the last 24 hours
    target_success: float = START
    difficulties: dict[int, Difficulty] = field(default_factory=dict)  # by item id
    list_said: ListSaid | None = None
    unhelpful: dict[int, datetime] = field(default_factory=dict)  # when she said so, by item id


def standing_feedback(*, learner_ids: Collection[int]) -> QuerySet[Feedback]:
    """Return these learners' standing opinions, in no order: of each item the last feedback in each respect, if in force."""
    respect = Case(
        *(When(signal__in=signals, then=Value(name)) for name, signals in RESPECTS.items()),
        output_field=CharField(),
    )
    place = Window(
        RowNumber(),
        partition_by=[F("learner"), F("item"), respect],
        order_by=[F("received_at").desc(), F("pk").desc()],
    )
    in_force = Feedback.objects.filter(learner__in=learner_ids, withdrawn_at=None)
    last = in_force.annotate(place=place).filter(place=1)
    # Apart from it, so that no further condition changes which row is the last.
    return Feedback.objects.filter(pk__in=last.values("pk")).order_by()


def list_hidden(*, learner_id: int, now: datetime) -> set[int]:
    """Return the items that a learner knows, or has put off within the last 24 hours; one query."""
    said = Q(signal__in=RESPECTS["known"]) | Q(
        signal__in=RESPECTS["not_now"], received_at__gt=now - NOT_NOW
    )
    rows = Feedback.objects.filter(said, learner=learner_id, withdrawn_at=None)
    return set(rows.values_list("item_id", flat=True))


def read_ledgers(*, learner_ids: Collection[int], now: datetime) -> Mapping[int, Ledger]:
    """Return a ledger for each learner (one query); learners without feedback have the neutral one."""
    ledgers: dict[int, Ledger] = defaultdict(Ledger)
    steps: dict[int, list[Feedback]] = defaultdict(list)
    rows = (
        Feedback.objects.filter(learner__in=learner_ids, withdrawn_at=None)
        .filter(
            Q(signal__in=[*RESPECTS["known"], *RESPECTS["difficulty"]])
            | Q(signal=Signal.NOT_NOW, received_at__gt=now - NOT_NOW)
            # A matter of taste, so a pause of her attention profile holds for it.
            | Q(signal__in=RESPECTS["help"], received_at__gt=now - FORGOTTEN)
            & ~Q(learner__attention__paused=True)
        )
        .order_by("learner_id", "received_at", "pk")
        .only(
            *("learner_id", "item_id", "signal", "received_at"),
            *("slate_uid", "list_success", "course_success"),
        )
    )
    for row in rows:
        if row.signal == Signal.KNOWN:
            ledgers[row.learner_id].known.add(row.item_id)
        elif row.signal == Signal.NOT_NOW:
            ledgers[row.learner_id].not_now.add(row.item_id)
        elif row.signal == Signal.NOT_HELPFUL:
            ledgers[row.learner_id].unhelpful[row.item_id] = row.received_at
        elif row.signal == Signal.HELPFUL:
            ledgers[row.learner_id].unhelpful.pop(row.item_id, None)
        else:
            steps[row.learner_id].append(row)
    for learner, said in steps.items():
        _read_difficulty(ledgers[learner], said)
    return ledgers


def _read_difficulty(ledger: Ledger, rows: Iterable[Feedback]) -> None:
    """Fold one learner's "too easy" and "too hard", oldest first."""
    steps: dict[object, str] = {}
    for row in rows:
        hard = row.signal == Signal.TOO_HARD
        press = (row.slate_uid or row.pk, row.item_id)
        steps.pop(press, None)  # so that it counts at its last place
        steps[press] = row.signal
        ledger.difficulties[row.item_id] = Difficulty(row.item_id, hard, row.received_at)
        ledger.list_said = ListSaid(
            row.item_id, hard, row.received_at, row.list_success, row.course_success
        )
    ledger.target_success = fold_target(steps.values())
