"""What learners did since their last slates that was not to be expected: observations for their attention profiles.

Two kinds. What is about a recommendation (answers, endings, attention times) counts where the item was on the slate in
force, the newest that was computed before the event was received. What a learner does of her own will (ratings, coming
back to what she has finished) counts anyway.

An event's observation is a function of what was stored before it, so deriving it twice gives the same row.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from learners.selectors import HistoryRow
from recommender.core import behaviour
from recommender.models import Slate
from recommender.models.observations import LEAST, ItemNorm, Observation
from recommender.selectors.features import Described, describe_items, list_features
from recommender.selectors.observations import list_newest_slates, read_known, read_norms
from recommender.selectors.situations import Read
from recommender.storage import unpack_contributions, unpack_history

LATE: Final = timedelta(minutes=1)
"""Events that were received so long before the newest slate may have been committed after its snapshot."""
REST: Final = timedelta(hours=1)
"""Whoever opens an item so long after finishing it comes back to it."""
KEPT: Final = 8
"""Of the events that led to an item the largest contributions are frozen with what was done with it."""

Respect = Observation.Respect
Signal = Observation.Signal
_OF_SLATE: Final = frozenset({Respect.ANSWER, Respect.FINISH, Respect.ATTENTION})


class _Place(NamedTuple):
    """An item on a slate."""

    success: float | None
    led: list[tuple[int, float]]  # event ids and shares, the largest first


@dataclass(frozen=True)
class _Act:
    """An event of a history that may say something, and the slate in force."""

    history: Sequence[HistoryRow]
    place: int
    respects: tuple[Respect, ...]
    slate: UUID | None

    @property
    def row(self) -> HistoryRow:
        return self.history[self.place]

    @property
    def before(self) -> Sequence[HistoryRow]:
        return self.history[: self.place]


_Noted = tuple[_Act, behaviour.Noted]


def observe(reads: Mapping[int, Read]) -> dict[int, list[Observation]]:
    """Return what is new of each learner, not stored yet; learners of whom nothing is new are absent.

    One query where nobody did anything since her last slate, else six. Call it in the snapshot of `reads`.
    """
    slates = list_newest_slates(learner_ids=reads)
    acts = {learner: _find_acts(read.history, slates[learner]) for learner, read in reads.items()}
    acts = {learner: each for learner, each in acts.items() if each}
    if not acts:
        return {}
    known = read_known(learner_ids=acts)
    acts = {
        learner: [replace(act, respects=_list_news(act, known.get(learner, {}))) for act in each]
        for learner, each in acts.items()
    }
    every = [act for each in acts.values() for act in each if act.respects]
    if not every:
        return {}
    places = _read_places(every)
    norms = read_norms(items=_list_rated(every) | {act.row.item_id for act in every})
    noted = {
        learner: _note_all(each, known.get(learner, {}), places, norms)
        for learner, each in acts.items()
    }
    described = _describe(noted, places)
    found = {
        learner: [
            _make(act, respect, note, places=places, described=described)
            for (item, respect), (act, note) in each.items()
            if item in described
        ]
        for learner, each in noted.items()
    }
    return {learner: each for learner, each in found.items() if each}


def _find_acts(
    history: Sequence[HistoryRow], slates: Sequence[tuple[UUID, datetime]]
) -> list[_Act]:
    """Of a history, oldest first, what came in since the newest of the `slates` (newest first).

    Before the first slate there is nothing to be observed: what she did is in the model's history, and no more.
    """
    if not slates:
        return []
    since = slates[0][1] - LATE
    acts = []
    for place, row in enumerate(history):
        if row.received_at <= since:
            continue
        respects = _respects(history, place)
        if respects:
            slate = next((key for key, made in slates if made < row.received_at), None)
            acts.append(_Act(history, place, respects, slate))
    # So that of two on one item the one that came in last is the last.
    return sorted(acts, key=lambda act: (act.row.received_at, act.row.event_id))


def _respects(history: Sequence[HistoryRow], place: int) -> tuple[Respect, ...]:
    """What an event may say something of."""
    row = history[place]
    if row.verb == "rated" and row.score is not None:
        return (Respect.RATING,)
    if row.verb == "answered" and row.graded and row.success is not None:
        return (Respect.ANSWER,)
    if row.verb == "completed" and row.duration:
        return (Respect.FINISH, Respect.ATTENTION)
    if row.verb in {"completed", "abandoned"}:
        return (Respect.FINISH,)
    if row.verb == "viewed" and any(_finished(row, earlier) for earlier in history[:place]):
        return (Respect.REOPENING,)
    return ()


def _finished(row: HistoryRow, earlier: HistoryRow) -> bool:
    done = earlier.verb == "completed" or (earlier.graded and earlier.success is True)
    return done and earlier.item_id == row.item_id and row.occurred_at - earlier.occurred_at >= REST


def _list_news(
    act: _Act, known: Mapping[tuple[int, str], tuple[datetime, int]]
) -> tuple[Respect, ...]:
    """In what respects nothing is stored that is as new."""
    here = (act.row.received_at, act.row.event_id)
    item = act.row.item_id
    return tuple(
        respect
        for respect in act.respects
        if (item, respect) not in known or known[item, respect] < here
    )


def _read_places(acts: Iterable[_Act]) -> dict[tuple[UUID, int], _Place]:
    """The items of these events on the slates in force, by slate and item."""
    wanted: dict[UUID, set[int]] = {}
    for act in acts:
        if act.slate is not None:
            wanted.setdefault(act.slate, set()).add(act.row.item_id)
    rows = Slate.objects.filter(pk__in=wanted).only("id", "entries", "history", "contributions")
    places = {}
    for slate in rows:
        for number, entry in enumerate(slate.entries):
            if entry["item"] in wanted[slate.pk]:
                led = _read_led(slate, number)
                places[slate.pk, entry["item"]] = _Place(entry["success"], led)
    return places


def _read_led(slate: Slate, number: int) -> list[tuple[int, float]]:
    if not slate.contributions:
        return []
    events = unpack_history(slate.history)
    positions, shares = unpack_contributions(slate.contributions)
    if number >= len(positions):
        return []
    led = zip(positions[number].tolist(), shares[number].tolist(), strict=True)
    return [(int(events[place]), round(share, 5)) for place, share in led if place >= 0][:KEPT]


def _find_place(act: _Act, places: Mapping[tuple[UUID, int], _Place]) -> _Place | None:
    """Its item on the slate in force."""
    return None if act.slate is None else places.get((act.slate, act.row.item_id))


def _list_rated(acts: Iterable[_Act]) -> set[int]:
    """Items that those who have just rated something have rated before."""
    return {
        row.item_id
        for act in acts
        if Respect.RATING in act.respects
        for row in act.before
        if row.verb == "rated"
    }


def _note_all(
    acts: Iterable[_Act],
    known: Container[tuple[int, str]],
    places: Mapping[tuple[UUID, int], _Place],
    norms: Mapping[int, ItemNorm],
) -> dict[tuple[int, Respect], _Noted]:
    """The last of one learner's acts in each respect of an item; one without surprise only in place of an earlier one."""
    noted: dict[tuple[int, Respect], _Noted] = {}
    for act in acts:
        for respect in act.respects:
            about = (act.row.item_id, respect)
            note = _note(act, respect, places, norms)
            if note is None:
                continue
            signal, surprise = note
            if abs(surprise) >= LEAST:
                noted[about] = act, note
            elif about in known or about in noted:
                noted[about] = act, (signal, 0.0)
    return noted


def _note(
    act: _Act,
    respect: Respect,
    places: Mapping[tuple[UUID, int], _Place],
    norms: Mapping[int, ItemNorm],
) -> behaviour.Noted | None:
    """Signal and surprise; None where it says nothing."""
    row = act.row
    place = _find_place(act, places)
    if respect in _OF_SLATE and place is None:
        return None
    norm = norms.get(row.item_id)
    note: behaviour.Noted | None = None
    if respect == Respect.RATING:
        note = _note_rating(act, norms)
    elif respect == Respect.REOPENING:
        note = Signal.REOPENED, 1.0
    elif respect == Respect.FINISH:
        finishes, left = (norm.finished, norm.abandoned) if norm else (0, 0)
        finished = row.verb == "completed"
        note = behaviour.of_ending(finished=finished, finishes=finishes, abandonments=left)
    elif respect == Respect.ANSWER and place is not None and place.success is not None:
        note = behaviour.of_answer(right=bool(row.success), predicted=place.success)
    elif respect == Respect.ATTENTION and norm is not None:
        note = behaviour.of_attention(row.duration or 0, usual=norm.seconds, timed=norm.timed)
    return note


def _note_rating(act: _Act, norms: Mapping[int, ItemNorm]) -> behaviour.Noted:
    def usual(item: int) -> float:
        norm = norms.get(item)
        return behaviour.usual_rating(norm.rating_sum, norm.ratings) if norm else 0.5

    last = {row.item_id: row.score for row in act.before if row.verb == "rated"}
    last.pop(act.row.item_id, None)
    earlier = {item: score for item, score in last.items() if score is not None}
    surplus = sum(score - usual(item) for item, score in earlier.items())
    return behaviour.of_rating(
        act.row.score or 0.0,
        usual=usual(act.row.item_id),
        before=len(earlier),
        surplus=surplus,
    )


def _describe(
    noted: Mapping[int, Mapping[tuple[int, Respect], _Noted]],
    places: Mapping[tuple[UUID, int], _Place],
) -> Described:
    """Of all items whose features will be frozen."""
    acts = [act for each in noted.values() for act, _note in each.values()]
    items = {act.row.item_id for act in acts}
    items |= {row.item_id for act in acts for row, _share in _list_led(act, places)}
    return describe_items(items)


def _list_led(
    act: _Act, places: Mapping[tuple[UUID, int], _Place]
) -> list[tuple[HistoryRow, float]]:
    """The events that led to the item of an act, as far as they are in the history that was read, and their shares."""
    place = _find_place(act, places)
    if place is None:
        return []
    led = dict(place.led)
    rows = {row.event_id: row for row in act.before if row.event_id in led}
    return [(rows[event], share) for event, share in place.led if event in rows]


def _make(
    act: _Act,
    respect: Respect,
    note: behaviour.Noted,
    *,
    places: Mapping[tuple[UUID, int], _Place],
    described: Described,
) -> Observation:
    row = act.row
    signal, surprise = note
    own = list_features(described, row.item_id)
    if respect == Respect.ANSWER:
        # Whether this very exercise comes again is for memory and prerequisites to say.
        own = [feature for feature in own if not feature.startswith("item:")]
    contributions: list[dict[str, Any]] = [
        {
            "event": event.event_id,
            "share": share,
            "features": list_features(described, event.item_id, event.verb),
        }
        for event, share in _list_led(act, places)
        if event.item_id in described
    ]
    return Observation(
        learner_id=row.learner_id,
        item_id=row.item_id,
        respect=respect,
        signal=str(signal),
        surprise=round(surprise, 4),
        event=row.event_id,
        received_at=row.received_at,
        slate_uid=None if _find_place(act, places) is None else act.slate,
        features=own,
        contributions=contributions,
    )
