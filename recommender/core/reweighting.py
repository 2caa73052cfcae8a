"""Re-weighting θ = g(α, ε): a learner's feedback moves what the model attends to for her.

Her profile holds a log-weight for features of events: ``item:<key>``, ``concept:<key>``,
``behaviour:<verb>`` and ``kind:<format>``. Feedback of strength ε on item i, to whose score event j
contributed c_j, moves

    Δ log w_f = η_f · ε · (ρ·[f ∈ i] + (1 − ρ) · Σ_j |c_j|·[f ∈ j] / Σ_j |c_j|)

where ρ is the part of the item itself, and η_f = η · b_f / (1 + m_f / m) falls with the feedback m_f that
f has had: a weight settles at a mean instead of growing with every click. b_f is 1 for items and concepts
and `broad` for formats and behaviours: a third of a catalogue shares one of these, so a single opinion
says little of it. (In the replays there is one format or none, and with ρ = 1 no behaviour has a part in
any feedback, so nothing that was fitted there depends on it.) The profile is a pure fold
over her feedback, so it can be recomputed, taken back entry by entry and shown. No retraining.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from recommender.core.catalogue import CONCEPT_SLOTS, Catalogue
from recommender.core.events import BEHAVIOURS, EventLog

DAY = 86_400.0

STRENGTHS: Mapping[str, float] = MappingProxyType(
    {
        "helpful": 1.0,
        "not_helpful": -1.0,
        "too_easy": 0.0,
        "too_hard": 0.0,
        "not_now": -0.25,
        "known": -0.25,
        "comment": 0.0,
        "rated_high": 1.0,
        "rated_mid": 1.0,
        "rated_low": 0.7,
        "answered_right_unexpected": 0.25,
        "answered_wrong_unexpected": -0.25,
        "completed": 0.25,
        "abandoned": -0.5,
        "reopened": 0.25,
        "attention_long": 0.25,
        "attention_short": -0.25,
    }
)
"""ε of each signal before surprise; positive: more of what led to this item.

A rating (``rated_…``) takes its sign from its surprise y − p: less than expected counts against. How
much low ratings count beside high ones is fitted (see `Reweighting`); no data set that was at hand
carries the other signals: their order is judgement, the two explicit ones stand for a whole rating. Too easy
and too hard are of difficulty, no taste.
"""

Features = tuple[str, ...]
Share = tuple[Features, float]
"""The features of an event and its contribution c_j to the item that the feedback is on."""
Limits = Mapping[str, tuple[float, float]]
"""Lowest and highest weight w (not log w) that the learner allows a feature."""


@dataclass(frozen=True)
class Reweighting:
    """How feedback becomes weights. A version's own values stand in its manifest.

    The defaults are what ``python -m recommender.core reweight`` chose on film ratings before its cut, but for
    `event`: it is the most that costs nothing there, so that what she says moves her attention, too.
    """

    step: float = 1.0  # η
    settle: float = 3.0  # m: after so much feedback on a feature its steps are half as large
    own: float = 1.0  # ρ: part of the item itself beside the events that led to it
    broad: float = 0.2  # part of η that a format or a behaviour takes
    half_life_days: float = 365.0  # of log w on its way to 0
    limit: float = 4.0  # weights stay in [1 / limit, limit]
    event: float = 0.25  # of log w that an event's weight in the model takes
    candidate: float = 0.2  # of log w of a candidate's concepts and format, added to its affinity
    alike: float = 4.0  # of log w of items that feedback says are like a candidate, the same way
    crowd: float = 100.0  # with so many items weighed each counts half for those like it
    strengths: Mapping[str, float] = field(default_factory=lambda: STRENGTHS)

    def __post_init__(self) -> None:
        for name in ("step", "broad", "event", "candidate", "alike"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ValueError(f"reweighting: {name} must be a number from 0 on")
        for name in ("settle", "half_life_days", "crowd"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"reweighting: {name} must be positive")
        if not 0 <= self.own <= 1:
            raise ValueError("reweighting: own must be in [0, 1]")
        if not (math.isfinite(self.limit) and self.limit > 1):
            raise ValueError("reweighting: limit must be a number above 1")
        for signal, strength in self.strengths.items():
            if signal not in STRENGTHS:
                raise ValueError(f"reweighting: strengths: unknown signal {signal!r}")
            if not (math.isfinite(strength) and abs(strength) <= self.limit):
                raise ValueError(f"reweighting: strengths: {signal} must be within ±{self.limit:g}")
        known = {**STRENGTHS, **self.strengths}
        object.__setattr__(self, "strengths", MappingProxyType(known))

    @classmethod
    def read(cls, stored: object) -> Reweighting:
        """What `to_dict` gave; None: the defaults. Raises ValueError for anything else."""
        if stored is None:
            return cls()
        if not isinstance(stored, Mapping) or not set(stored) <= {f.name for f in fields(cls)}:
            raise ValueError("reweighting: not the fields that are known here")
        try:
            return cls(**stored)
        except (TypeError, AttributeError) as error:
            raise ValueError(f"reweighting: {error}") from error

    def to_dict(self) -> dict[str, object]:
        """Plain values for a manifest."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        return {**plain, "strengths": dict(self.strengths)}

    def strength(self, signal: str, surprise: float = 1.0) -> float:
        """ε of a signal; `surprise` is how little it was expected, in [0, 1], of ratings in [-1, 1].

        Raises KeyError.
        """
        return self.strengths[signal] * surprise


@dataclass(frozen=True)
class LedgerEntry:
    """One feedback with the contributions frozen when the slate was made."""

    at: float  # unix seconds of received_at
    id: int | str
    strength: float  # ε
    shares: Sequence[Share]
    own: Features = ()  # of the item that the feedback is on, as a candidate


@dataclass(frozen=True)
class Profile:
    """Where a learner's weights stand at a moment, and what moved them."""

    config: Reweighting
    log_weight: Mapping[str, float] = field(default_factory=dict)  # features off 1 only
    moved: Mapping[str, Sequence[tuple[int | str, float]]] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        return not any(self.log_weight.values())

    def weight(self, feature: str) -> float:
        """w of a feature; 1 counts as without feedback."""
        return math.exp(self.log_weight.get(feature, 0.0))


def event_features(catalogue: Catalogue, item_row: int, behaviour: int = 0) -> Features:
    """What feedback can move about an event: its item, the item's concepts and format, its behaviour.

    `behaviour` is a code of BEHAVIOURS, 0 for none (a candidate).
    """
    found = [f"item:{catalogue.keys[item_row - 1]}"] if item_row else []
    about = catalogue.concepts[item_row][:CONCEPT_SLOTS]
    found += [f"concept:{catalogue.concept_keys[concept]}" for concept in about]
    if behaviour:
        found.append(f"behaviour:{BEHAVIOURS[behaviour - 1]}")
    if catalogue.kinds and item_row:
        found.append(f"kind:{catalogue.kinds[item_row]}")
    return tuple(found)


def credit(
    catalogue: Catalogue,
    log: EventLog,
    learner: int,
    event: NDArray[np.integer],
    share: NDArray[np.floating],
) -> tuple[Share, ...]:
    """Shares for a ledger entry from one item's contributions.

    `event` [top] are positions within the history of `learner` in `log` (-1: none), `share` [top] their
    contributions, as `Scores.contributions` gives them.
    """
    first = int(log.offsets[learner])
    return tuple(
        (
            event_features(
                catalogue, int(log.item[first + where]), int(log.behaviour[first + where])
            ),
            float(amount),
        )
        for where, amount in zip(event.tolist(), share.tolist(), strict=True)
        if where >= 0 and amount
    )


def feature_shares(entry: LedgerEntry, own: float) -> dict[str, float]:
    """``ρ·[f ∈ i] + (1 − ρ) · Σ_j |c_j|·[f ∈ j] / Σ_j |c_j|`` of each feature f; ρ is `own`.

    Where one of the two is missing, the other one counts alone.
    """
    total = sum(abs(amount) for _, amount in entry.shares)
    rho = own if entry.own and total > 0 else float(bool(entry.own))
    found = dict.fromkeys(entry.own, rho) if rho else {}
    if total > 0 and rho < 1:
        for features, amount in entry.shares:
            part = (1 - rho) * abs(amount) / total
            for feature in features:
                found[feature] = found.get(feature, 0.0) + part
    return found


def fold(
    entries: Iterable[LedgerEntry],
    *,
    now: float,
    config: Reweighting,
    limits: Limits | None = None,
) -> Profile:
    """The profile at `now` [unix seconds] that feedback received until then leads to.

    Pure: entries are taken in (at, id) order whatever order they come in, one id counts once. Between
    entries and up to `now` every log-weight halves per half-life; after each entry it is clamped.
    `limits` narrow the range of single features (both ends equal: the learner has set the weight).
    """
    unique = {entry.id: entry for entry in entries if entry.at <= now}
    ordered = sorted(unique.values(), key=lambda e: (e.at, isinstance(e.id, str), e.id))
    found = [feature_shares(entry, config.own) for entry in ordered]
    limits = limits or {}
    names = sorted({*limits, *(f for shares in found for f in shares)})
    if not names:
        return Profile(config)
    column = {name: number for number, name in enumerate(names)}
    shares = np.zeros((len(ordered), len(names)))
    for row, parts in enumerate(found):
        for name, part in parts.items():
            shares[row, column[name]] = part
    low, high = _bounds(names, limits, config.limit)
    times = np.array([entry.at for entry in ordered])
    strengths = np.array([entry.strength for entry in ordered])
    steps = np.array([config.broad if _is_broad(name) else 1.0 for name in names])
    applied, states = trajectory(times, strengths, shares, config, low, high, steps)
    start = states[-1] if len(states) else np.zeros(len(names))
    since = now - times[-1] if len(times) else 0.0
    final = np.clip(start * kept(since, config), low, high)
    return Profile(
        config,
        {name: float(value) for name, value in zip(names, final, strict=True) if value},
        {
            name: tuple(
                (entry.id, float(delta))
                for entry, delta in zip(ordered, applied[:, number], strict=True)
                if delta
            )
            for name, number in column.items()
            if applied[:, number].any()
        },
    )


def trajectory(  # noqa: PLR0917 - columns of one table
    times: NDArray[np.floating],
    strengths: NDArray[np.floating],
    shares: NDArray[np.floating],
    config: Reweighting,
    low: NDArray[np.floating] | float,
    high: NDArray[np.floating] | float,
    breadth: NDArray[np.floating] | float = 1.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log-weights after each of E entries with strengths ε [E] and shares [E, F] of F features.

    Returns what each entry moved and the states right after it, both [E, F]; `times` [E] are unix
    seconds, rising; `breadth` [F] is b_f. What feedback a feature has had fades with the same half-life as its weight.
    """
    states = np.zeros(shares.shape)
    applied = np.zeros(shares.shape)
    left = kept(np.diff(times, prepend=times[:1]), config)
    state, had = np.zeros(shares.shape[1]), np.zeros(shares.shape[1])
    for row, share in enumerate(shares):
        before = np.clip(state * left[row], low, high)
        had = had * left[row] + share
        move = config.step * breadth * strengths[row] * share / (1 + had / config.settle)
        state = np.clip(before + move, low, high)
        applied[row], states[row] = state - before, state
    return applied, states


def _is_broad(feature: str) -> bool:
    return feature.startswith(("kind:", "behaviour:"))


def kept(seconds: NDArray[np.floating] | float, config: Reweighting) -> NDArray[np.float64]:
    """What is left of a log-weight after some time."""
    return np.asarray(0.5 ** (np.asarray(seconds) / (config.half_life_days * DAY)))


def _bounds(
    names: Sequence[str], limits: Limits, limit: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest log-weight of each feature."""
    low = np.full(len(names), -math.log(limit))
    high = -low
    for number, name in enumerate(names):
        if name in limits:
            least, most = limits[name]
            if not 1 / limit <= least <= most <= limit:
                raise ValueError(f"limits of {name}: must rise within [{1 / limit:g}, {limit:g}]")
            low[number], high[number] = math.log(least), math.log(most)
    return low, high
