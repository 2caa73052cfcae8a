"""The entries of a slate as they lie in the database: what they have in common is written once.

A slate is written far more often than it is read, and most of an entry is words that every entry repeats: names of
fields and terms, and the events that reasons name. So the column holds

    {"usual": propensity, "terms": [name, …], "events": [[event, verb, right, item, at], …], "rows": [row, …]}

with a row of `[item, score, success, terms, reasons]` for each entry, and what is unusual about it in a sixth value.
Terms are in the order of their names, cut off after the last that isn't 0. A reason that is an event is `[number of the
event, share]`, the likelihood of a right answer is "success", any other one is as it was made.

Everywhere else `Slate.entries` is the list of entries itself; `EntriesField` translates.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from django.db import models

Entry = dict[str, Any]

_FIELDS: Final = frozenset(
    ("item", "score", "success", "retrievability", "terms", "again", "propensity", "reasons")
)
_EVENT: Final = ("event", "verb", "right", "item", "at")
_HISTORY: Final = frozenset((*_EVENT, "share"))


class EntriesField(models.JSONField):
    """A JSON column that holds entries packed and gives them unpacked."""

    def get_prep_value(self, value: Any) -> Any:
        return super().get_prep_value(pack_entries(value) if isinstance(value, list) else value)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        found = super().from_db_value(value, expression, connection)
        return unpack_entries(found) if isinstance(found, dict) else found

    def deconstruct(self) -> Any:
        """As the column that it is to the database, so that no migration hangs on how it is read."""
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs


def pack_entries(entries: Sequence[Entry]) -> dict[str, Any] | list[Entry]:
    """The entries as they are stored; as they are where one of them has other fields than an entry has."""
    if any(entry.keys() != _FIELDS for entry in entries):
        return list(entries)
    usual = entries[0]["propensity"] if entries else None
    names = sorted({name for entry in entries for name in entry["terms"]})
    events: dict[tuple[Any, ...], int] = {}
    return {
        "usual": usual,
        "terms": names,
        "rows": [_pack(entry, usual, names, events) for entry in entries],
        "events": [list(event) for event in events],
    }


def unpack_entries(stored: Mapping[str, Any]) -> list[Entry]:
    """The entries of `pack_entries`; terms that are 0 are left out."""
    names, events = (
        stored["terms"],
        [dict(zip(_EVENT, event, strict=True)) for event in stored["events"]],
    )
    entries = []
    for item, score, success, terms, told, *unusual in stored["rows"]:
        entry = {
            "item": item,
            "score": score,
            "success": success,
            "retrievability": None,
            "terms": {name: value for name, value in zip(names, terms, strict=False) if value},
            "again": False,
            "propensity": stored["usual"],
            "reasons": [_unpack_reason(reason, success, events) for reason in told],
        }
        for values in unusual:
            entry.update(values)
        entries.append(entry)
    return entries


def _pack(
    entry: Entry, usual: Any, names: Iterable[str], events: dict[tuple[Any, ...], int]
) -> list[Any]:
    given = entry["terms"]
    terms = [given.get(name, 0) for name in names]
    while terms and not terms[-1]:
        terms.pop()
    success = entry["success"]
    row = [
        entry["item"],
        entry["score"],
        success,
        terms,
        [_pack_reason(reason, success, events) for reason in entry["reasons"]],
    ]
    unusual: dict[str, Any] = {}
    if entry["retrievability"] is not None:
        unusual["retrievability"] = entry["retrievability"]
    if entry["again"]:
        unusual["again"] = entry["again"]
    if entry["propensity"] != usual:
        unusual["propensity"] = entry["propensity"]
    return [*row, unusual] if unusual else row


def _pack_reason(
    reason: dict[str, Any], success: float | None, events: dict[tuple[Any, ...], int]
) -> Any:
    code, params = reason["code"], reason["params"]
    if code == "history" and params.keys() == _HISTORY:
        event = tuple(params[name] for name in _EVENT)
        return [events.setdefault(event, len(events)), params["share"]]
    if code == "success" and success is not None and params == {"probability": success}:
        return code
    return reason


def _unpack_reason(reason: Any, success: Any, events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    if isinstance(reason, list):
        number, share = reason
        return {"code": "history", "params": {**events[number], "share": share}}
    if reason == "success":
        return {"code": "success", "params": {"probability": success}}
    return reason
