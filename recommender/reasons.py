"""Why an item is on a slate: codes and parameters as they are stored, sentences as they are read.

A reason is stored as `{"code": …, "params": {…}}` and rendered in the reader's language when it is read.

| code | params | says |
|---|---|---|
| assigned, pinned | – | a teacher wants it |
| prerequisite | concept, failing, wrong, events | teaches what a concept builds on that goes wrong |
| reteaching | concept, events | comes back: an answer on what it teaches went wrong after she had finished it |
| introduction | concept | comes before the exercises on a concept that is new to her |
| scaffold | item | teaches what an item needs that she called too hard |
| exploration | – | drawn at random from the best 50, to learn about it |
| history | event, verb, right, item, at, share | an event that weighed for this very item |
| success | probability | how likely a right answer is |
| review | retrievability? | completed before, due again |
| syllabus_start | course | the order of the course, because she has done nothing yet |
| syllabus | course | the order of the course |

Items, concepts and courses are named by primary key. So are events while a slate is made; `name_events` puts the id
that their sender chose in its place before the slate is stored, so that reading needs no look into the events.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

if TYPE_CHECKING:  # it needs numpy, which reading a slate doesn't
    from recommender.reteaching import Reteaching
    from recommender.standing import Answer, Remedy

Stored = dict[str, Any]

LIKELY: Final = 0.6
UNLIKELY: Final = 0.4


@dataclass(frozen=True)
class Titles:
    """What the primary keys in reasons are called: (slug, title)."""

    items: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    concepts: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    courses: Mapping[int, tuple[str, str]] = field(default_factory=dict)


# Making


def from_teacher(*, pinned: bool) -> Stored:
    return {"code": "pinned" if pinned else "assigned", "params": {}}


def from_remedy(remedy: "Remedy", concept_ids: Sequence[int]) -> Stored:
    """`concept_ids` translates the concept indices of the remedy."""
    return {
        "code": "prerequisite",
        "params": {
            "concept": concept_ids[remedy.concept],
            "failing": concept_ids[remedy.failing],
            "wrong": len(remedy.answers),
            "events": [_describe_answer(answer) for answer in remedy.answers],
        },
    }


def from_reteaching(again: "Reteaching", concept_ids: Sequence[int]) -> Stored:
    """`concept_ids` translates the concept index."""
    return {
        "code": "reteaching",
        "params": {
            "concept": concept_ids[again.concept],
            "events": [_describe_answer(again.answer)],
        },
    }


def from_introduction(concept: int) -> Stored:
    return {"code": "introduction", "params": {"concept": concept}}


def from_scaffold(item: int) -> Stored:
    return {"code": "scaffold", "params": {"item": item}}


def from_exploration() -> Stored:
    return {"code": "exploration", "params": {}}


def from_event(
    *, event: int, verb: str, right: bool | None, item: int, at: datetime, share: float
) -> Stored:
    """`share` is the event's part in the score of the entry, of all positive parts (0 to 1)."""
    told = describe_event(event=event, verb=verb, right=right, item=item, at=at)
    return {"code": "history", "params": {**told, "share": round(share, 3)}}


def describe_event(
    *, event: int | str | None, verb: str, right: bool | None, item: int, at: datetime
) -> dict[str, Any]:
    """What a reason keeps of an event, apart from its share in a score."""
    return {"event": event, "verb": verb, "right": right, "item": item, "at": at.isoformat()}


def from_success(probability: float) -> Stored:
    return {"code": "success", "params": {"probability": round(probability, 4)}}


def from_review(retrievability: float | None) -> Stored:
    """`retrievability` is the probability that she still knows it, None where nothing tells."""
    known = {} if retrievability is None else {"retrievability": round(retrievability, 2)}
    return {"code": "review", "params": known}


def from_syllabus(*, course: int, started: bool) -> Stored:
    return {"code": "syllabus" if started else "syllabus_start", "params": {"course": course}}


def _describe_answer(answer: "Answer") -> dict[str, Any]:
    return {"event": answer.event, "item": answer.item, "at": answer.at.isoformat()}


def cited_events(reasons: Iterable[Stored]) -> set[int]:
    """Return the primary keys of the events in reasons that are being made."""
    cited: set[int] = set()
    for reason in reasons:
        params = reason["params"]
        cited.update(event["event"] for event in params.get("events", ()))
        if "event" in params:
            cited.add(params["event"])
    return cited


def name_events(reasons: Iterable[Stored], names: Mapping[int, str]) -> None:
    """Replace, in place, the primary keys of events by their senders' ids (None for an event that is gone)."""
    for reason in reasons:
        params = reason["params"]
        for entry in (*params.get("events", ()), params):
            if "event" in entry:
                entry["event"] = names.get(entry["event"])


# Reading


def mentioned(reasons: Iterable[Stored]) -> tuple[set[int], set[int], set[int]]:
    """Return the primary keys of items, concepts and courses whose titles `render` will need."""
    items: set[int] = set()
    concepts: set[int] = set()
    courses: set[int] = set()
    for reason in reasons:
        params = reason["params"]
        items.update(event["item"] for event in params.get("events", ()))
        for name, found in (
            ("item", items),
            ("concept", concepts),
            ("failing", concepts),
            ("course", courses),
        ):
            if name in params:
                found.add(params[name])
    return items, concepts, courses


def render(reason: Stored, titles: Titles, *, item: int) -> dict[str, Any]:
    """Return `{"code", "text", "evidence"}` in the language that is active.

    `item` is the primary key of the item that the reason is for: what she did with that one is told in other words.
    """
    code, params = reason["code"], reason["params"]
    text, evidence = _RENDERERS[code](params, titles)
    if code == "history" and params["item"] == item:
        text = _say_own(params["verb"], params["right"])
    return {"code": code, "text": text, "evidence": evidence}


def _evidence(entry: Mapping[str, Any], titles: Titles) -> list[dict[str, Any]]:
    slug, title = titles.items.get(entry["item"], (None, None))
    if slug is None:  # the item is gone
        return []
    return [
        {
            "event": entry.get("event"),
            "item": slug,
            "concept": None,
            "title": title,
            "at": entry.get("at"),
        }
    ]


def _concept_evidence(pk: int, titles: Titles) -> list[dict[str, Any]]:
    slug, title = titles.concepts.get(pk, (None, None))
    if slug is None:
        return []
    return [{"event": None, "item": None, "concept": slug, "title": title, "at": None}]


def _render_history(params: Mapping[str, Any], titles: Titles) -> tuple[str, list[dict[str, Any]]]:
    evidence = _evidence(params, titles)
    if not evidence:
        return _("Because of something you studied before"), []
    values = {"item": evidence[0]["title"]}
    match params["verb"], params["right"]:
        case "answered", True:
            text = _("Because you got “%(item)s” right") % values
        case "answered", False:
            text = _("Because “%(item)s” went wrong") % values
        case "answered", _unknown:
            text = _("Because you answered “%(item)s”") % values
        case "completed", _any:
            text = _("Because you finished “%(item)s”") % values
        case "progressed", _any:
            text = _("Because you are working on “%(item)s”") % values
        case "rated", _any:
            text = _("Because you rated “%(item)s”") % values
        case "abandoned", _any:
            text = _("Because you left “%(item)s” before its end") % values
        case _other:
            text = _("Because you looked at “%(item)s”") % values
    return text, evidence


def _say_own(verb: str, right: bool | None) -> str:
    match verb, right:
        case "answered", False:
            return _("You haven't got this right yet")
        case "answered" | "completed", _any:
            return _("You did this before")
        case "progressed" | "abandoned", _any:
            return _("You started this")
        case _other:
            return _("You looked at this before")


def _render_success(params: Mapping[str, Any], _titles: Titles) -> tuple[str, list[dict[str, Any]]]:
    probability = params["probability"]
    values = {"percent": round(100 * probability)}
    if probability >= LIKELY:
        return _("You are likely to get this right: %(percent)d%%") % values, []
    if probability >= UNLIKELY:
        return _("You may well get this right: %(percent)d%%") % values, []
    return _("A challenge: %(percent)d%% that you get this right") % values, []


def _render_review(params: Mapping[str, Any], _titles: Titles) -> tuple[str, list[dict[str, Any]]]:
    retrievability = params.get("retrievability")
    if retrievability is None:
        return _("You completed this before; time to go over it again"), []
    text = _("Time to go over it again: %(percent)d%% likely that you still know it")
    return text % {"percent": round(100 * retrievability)}, []


def _render_prerequisite(
    params: Mapping[str, Any], titles: Titles
) -> tuple[str, list[dict[str, Any]]]:
    wrong = params["wrong"]
    evidence = [one for event in params["events"] for one in _evidence(event, titles)]
    evidence += _concept_evidence(params["concept"], titles)
    failing = titles.concepts.get(params["failing"])
    if failing is None:
        return _("Prepares you for what went wrong before"), evidence
    text = ngettext(
        "Prepares you for “%(concept)s”, where %(wrong)d answer went wrong",
        "Prepares you for “%(concept)s”, where %(wrong)d answers went wrong",
        wrong,
    ) % {"concept": failing[1], "wrong": wrong}
    return text, evidence


def _render_reteaching(
    params: Mapping[str, Any], titles: Titles
) -> tuple[str, list[dict[str, Any]]]:
    told = _concept_evidence(params["concept"], titles)
    evidence = [one for event in params["events"] for one in _evidence(event, titles)] + told
    if not told:
        return _("Worth going over again: an answer went wrong after it"), evidence
    text = _("Worth going over again: an answer on “%(concept)s” went wrong after it")
    return text % {"concept": told[0]["title"]}, evidence


def _render_introduction(
    params: Mapping[str, Any], titles: Titles
) -> tuple[str, list[dict[str, Any]]]:
    evidence = _concept_evidence(params["concept"], titles)
    if not evidence:
        return _("Comes before the exercises on it"), []
    text = _("Teaches “%(concept)s” before its exercises") % {"concept": evidence[0]["title"]}
    return text, evidence


def _render_scaffold(params: Mapping[str, Any], titles: Titles) -> tuple[str, list[dict[str, Any]]]:
    evidence = _evidence(params, titles)
    if not evidence:
        return _("Helps with something that was too hard for you"), []
    text = _("Helps with “%(item)s”, which was too hard for you") % {"item": evidence[0]["title"]}
    return text, evidence


def _render_syllabus(params: Mapping[str, Any], titles: Titles) -> tuple[str, list[dict[str, Any]]]:
    course = titles.courses.get(params["course"])
    if course is None:
        return _("Next in the order of its course"), []
    return _("Next in the order of “%(course)s”") % {"course": course[1]}, []


def _render_start(params: Mapping[str, Any], titles: Titles) -> tuple[str, list[dict[str, Any]]]:
    course = titles.courses.get(params["course"])
    values = {"course": course[1] if course else "…"}
    return (
        _("You haven't studied here yet, so this follows the order of “%(course)s”") % values,
        [],
    )


_RENDERERS: Final[
    dict[str, Callable[[Mapping[str, Any], Titles], tuple[str, list[dict[str, Any]]]]]
] = {
    "assigned": lambda _params, _titles: (_("Your teacher assigned this to you"), []),
    "pinned": lambda _params, _titles: (_("Your teacher put this at the top for you"), []),
    "exploration": lambda _params, _titles: (_("Something new: we are trying this out"), []),
    "review": _render_review,
    "history": _render_history,
    "success": _render_success,
    "prerequisite": _render_prerequisite,
    "reteaching": _render_reteaching,
    "introduction": _render_introduction,
    "scaffold": _render_scaffold,
    "syllabus": _render_syllabus,
    "syllabus_start": _render_start,
}
CODES: Final = tuple(_RENDERERS)
