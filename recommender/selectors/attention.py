"""Attention profiles as they are stored: for the workers that fold them."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from recommender.models import AttentionProfile
from recommender.selectors.ledger import RESPECTS, standing_feedback


class Said(NamedTuple):
    """One feedback of a ledger, with what was frozen when it was given."""

    id: int
    received_at: datetime
    signal: str
    features: list[str]
    contributions: list[dict[str, Any]]


@dataclass(frozen=True)
class StoredAttention:
    """One learner's settings, and either the fold of her ledger that still holds or the ledger."""

    revision: int
    limits: dict[str, list[float]]
    paused: bool
    state: dict[str, Any]
    folded_at: datetime | None
    current: bool  # the fold has seen every change, under these rules
    ledger: list[Said] = field(default_factory=list)  # what is of taste, oldest first


def read_attention(*, learner_ids: Collection[int], rules: str) -> Mapping[int, StoredAttention]:
    """Return the profiles of those learners who have one: two queries, the second for those that must be folded anew.

    `rules` names the configuration that folds are made under (see `pipeline.attention`). Call it in the transaction that
    reads dirty_seq.
    """
    found = {}
    for row in AttentionProfile.objects.filter(pk__in=learner_ids):
        current = row.folded_revision == row.revision and row.state.get("rules") == rules
        found[row.pk] = StoredAttention(
            row.revision, row.limits, row.paused, row.state, row.folded_at, current
        )
    ledgers = _read_ledgers([learner for learner, each in found.items() if not each.current])
    for learner, ledger in ledgers.items():
        found[learner].ledger.extend(ledger)
    return found


def _read_ledgers(learner_ids: Collection[int]) -> Mapping[int, list[Said]]:
    """Standing opinions but those of difficulty, which move her target and the item itself, and no weight."""
    if not learner_ids:
        return {}
    ledgers: dict[int, list[Said]] = defaultdict(list)
    rows = (
        standing_feedback(learner_ids=learner_ids)
        .exclude(signal__in=RESPECTS["difficulty"])
        .order_by("learner_id", "received_at", "id")
        .values_list("learner_id", *Said._fields)
    )
    for learner, *said in rows:
        ledgers[learner].append(Said(*said))
    return ledgers
