"""What a learner's feedback says, read from its ledger in the order of (received_at, id)."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from recommender.models import Feedback
from recommender.target import START, fold_target

NOT_NOW: Final = timedelta(hours=24)

_FOLDED: Final = (Feedback.Signal.TOO_EASY, Feedback.Signal.TOO_HARD)


@dataclass
class Ledger:
    """The part of one learner's feedback that acts on her next slate."""

    known: set[int] = field(default_factory=set)  # item ids
    not_now: set[int] = field(default_factory=set)  # item ids, put off within the last 24 hours
    target_success: float = START


def read_ledgers(*, learner_ids: Collection[int], now: datetime) -> Mapping[int, Ledger]:
    """Return a ledger for each learner (one query); learners without feedback have the neutral one."""
    ledgers: dict[int, Ledger] = defaultdict(Ledger)
    steps: dict[int, list[str]] = defaultdict(list)
    rows = (
        Feedback.objects.filter(learner__in=learner_ids, withdrawn_at=None)
        .filter(
            Q(signal__in=[Feedback.Signal.KNOWN, *_FOLDED])
            | Q(signal=Feedback.Signal.NOT_NOW, received_at__gt=now - NOT_NOW)
        )
        .order_by("learner_id", "received_at", "id")
        .values_list("learner_id", "item_id", "signal")
    )
    for learner, item, signal in rows:
        if signal == Feedback.Signal.KNOWN:
            ledgers[learner].known.add(item)
        elif signal == Feedback.Signal.NOT_NOW:
            ledgers[learner].not_now.add(item)
        else:
            steps[learner].append(signal)
    for learner, signals in steps.items():
        ledgers[learner].target_success = fold_target(signals)
    return ledgers
