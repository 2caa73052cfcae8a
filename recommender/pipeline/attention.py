"""Attention profiles for a batch: ledgers folded by the core, or the fold that is stored, as they are now."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from recommender.attention import LIMIT, weights_at
from recommender.core.reweighting import LedgerEntry, Limits, Profile, Reweighting, fold
from recommender.pipeline.active import ActiveModel
from recommender.selectors.attention import Said, StoredAttention

FOLD: Final = 3
"""Counts up where the same ledger and configuration fold to another profile than before."""
TOLD: Final = 5
"""Of what moved a feature the largest five are kept for her page."""


@dataclass(frozen=True)
class Rules:
    """What a version makes of feedback; `name` tells folds of other rules apart."""

    config: Reweighting
    name: str

    @classmethod
    def of(cls, model: ActiveModel | None) -> "Rules":
        """The version's own, within the platform's limit; the core's defaults where no version serves."""
        config = model.recommender.reweighting if model else Reweighting()
        config = replace(config, limit=min(config.limit, LIMIT))
        plain = json.dumps({"fold": FOLD, **config.to_dict()}, sort_keys=True)
        return cls(config, hashlib.sha256(plain.encode()).hexdigest()[:16])


def fold_profiles(
    stored: Mapping[int, StoredAttention], *, rules: Rules, now: datetime
) -> dict[int, Profile]:
    """Return the profile of each learner who has one, as it is `now`, paused or not."""
    return {learner: _fold(each, rules.config, now) for learner, each in stored.items()}


def acting_profiles(
    stored: Mapping[int, StoredAttention], profiles: Mapping[int, Profile]
) -> dict[int, Profile]:
    """Return the profiles that count at the moment: those that aren't paused."""
    return {one: profile for one, profile in profiles.items() if not stored[one].paused}


def describe_folds(
    stored: Mapping[int, StoredAttention], profiles: Mapping[int, Profile], *, rules: Rules
) -> dict[int, tuple[int, dict[str, Any]]]:
    """Return what is to be stored of profiles that were folded anew: the revision that was seen, and the state."""
    return {
        learner: (each.revision, _describe(profiles[learner], rules))
        for learner, each in stored.items()
        if not each.current
    }


def _fold(stored: StoredAttention, config: Reweighting, now: datetime) -> Profile:
    limits = _within(stored.limits, config.limit)
    if stored.current:
        weights = weights_at(stored.state, since=stored.folded_at, now=now, limits=limits)
        return Profile(config, weights)
    entries = [_enter(said, config) for said in stored.ledger]
    # A web server's clock may be ahead of the database's, and what is in the snapshot must count.
    latest = max([now.timestamp(), *(entry.at for entry in entries)])
    return fold(entries, now=latest, config=config, limits=limits)


def _enter(said: Said, config: Reweighting) -> LedgerEntry:
    return LedgerEntry(
        at=said.received_at.timestamp(),
        id=said.id,
        strength=_strength(said, config),
        shares=[
            (tuple(part["features"]), part["share"])
            for part in said.contributions
            if "features" in part  # what was said before there were profiles has none
        ],
        own=tuple(said.features),
    )


def _strength(said: Said, config: Reweighting) -> float:
    """ε: of the signal and of how little it was expected; a comment adds its own, of the signal's sign."""
    plain = config.strength(said.signal, said.surprise)
    added = config.strength("comment") if said.comment and plain else 0.0
    return plain + math.copysign(added, plain)


def _within(limits: Mapping[str, Sequence[float]], limit: float) -> Limits:
    """Her limits within the version's, which may be narrower."""
    return {
        feature: (min(max(low, 1 / limit), limit), min(max(high, 1 / limit), limit))
        for feature, (low, high) in limits.items()
    }


def _describe(profile: Profile, rules: Rules) -> dict[str, Any]:
    return {
        "rules": rules.name,
        "half_life_days": rules.config.half_life_days,
        "log_weight": dict(profile.log_weight),
        "moved": {
            feature: sorted(moves, key=lambda move: -abs(move[1]))[:TOLD]
            for feature, moves in profile.moved.items()
        },
    }
