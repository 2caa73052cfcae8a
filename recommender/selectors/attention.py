"""Attention profiles as they are stored: for the workers that fold them."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from recommender.models import AttentionProfile, Observation
from recommender.selectors.ledger import RESPECTS, standing_feedback
from recommender.selectors.observations import merge_observations, read_observations


class Said(NamedTuple):
    """One feedback of a ledger, or one observation, with what was frozen with it."""

    id: int | str  # of feedback its primary key, of an observation its name
    received_at: datetime
    signal: str
    features: list[str]
    contributions: list[dict[str, Any]]
    comment: str = ""
    surprise: float = 1.0


@dataclass(frozen=True)
class StoredAttention:
    """One learner's settings, and either the fold of her ledger that still holds or the ledger."""

    revision: int
    limits: dict[str, list[float]]
    paused: bool
    state: dict[str, Any]
    folded_at: datetime | None
    current: bool  # the fold has seen every change, under these rules
    ledger: list[Said] = field(default_factory=list)  # of taste, then what was observed
    observed: list[Observation] = field(default_factory=list)  # what isn't stored yet


def read_attention(
    *,
    learner_ids: Collection[int],
    rules: str,
    observed: Mapping[int, list[Observation]] = MappingProxyType({}),
) -> Mapping[int, StoredAttention]:
    """Return the profiles of those learners who have one: three queries, two of them for those that must be folded anew.

    `rules` names the configuration that folds are made under (see `pipeline.attention`). What was `observed` just now
    counts as if it were stored. Call it in the transaction that reads dirty_seq.
    """
    found = {learner: StoredAttention(0, {}, False, {}, None, False) for learner in observed}
    resets: dict[int, datetime | None] = {}
    for row in AttentionProfile.objects.filter(pk__in=learner_ids):
        current = row.folded_revision == row.revision and row.state.get("rules") == rules
        found[row.pk] = StoredAttention(
            row.revision,
            row.limits,
            row.paused,
            row.state,
            row.folded_at,
            current and row.pk not in observed,
        )
        resets[row.pk] = row.reset_at
    anew = [learner for learner, each in found.items() if not each.current]
    for learner, ledger in _read_ledgers(anew).items():
        found[learner].ledger.extend(ledger)
    kept = read_observations(learner_ids=anew) if anew else {}
    for learner in anew:
        new = observed.get(learner, [])
        counting = merge_observations(kept.get(learner, []), new, reset_at=resets.get(learner))
        found[learner].ledger.extend(_name(each) for each in counting)
        found[learner].observed.extend(new)
    return found


def _name(row: Observation) -> Said:
    return Said(
        row.name,
        row.received_at,
        row.signal,
        row.features,
        row.contributions,
        surprise=row.surprise,
    )


def _read_ledgers(learner_ids: Collection[int]) -> Mapping[int, list[Said]]:
    """Standing opinions but those of difficulty, which move her target and the item itself, and no weight."""
    if not learner_ids:
        return {}
    ledgers: dict[int, list[Said]] = defaultdict(list)
    rows = (
        standing_feedback(learner_ids=learner_ids)
        .exclude(signal__in=RESPECTS["difficulty"])
        .order_by("learner_id", "received_at", "id")
        .values_list("learner_id", *Said._fields[:-1])
    )
    for learner, *said in rows:
        ledgers[learner].append(Said(*said))
    return ledgers
