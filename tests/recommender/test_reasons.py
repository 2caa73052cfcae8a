"""Reasons as they are read: a sentence for every code, whatever has become of what they name."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from recommender.reasons import CODES, Titles, cited_events, mentioned, name_events, render

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC).isoformat()
OTHER = 9
"""The item that the reasons are for."""
TITLES = Titles(
    items={1: ("sums", "Sums")},
    concepts={2: ("adding", "Adding"), 3: ("times", "Multiplying")},
    courses={4: ("numbers", "Numbers")},
)


def history(verb: str, right: bool | None = None) -> dict[str, Any]:
    params = {"event": "e", "verb": verb, "right": right, "item": 1, "at": NOW, "share": 0.5}
    return {"code": "history", "params": params}


def success(probability: float) -> dict[str, Any]:
    return {"code": "success", "params": {"probability": probability}}


def prerequisite(wrong: int = 3) -> dict[str, Any]:
    events = [{"event": f"e{n}", "item": 1, "at": NOW} for n in range(wrong)]
    params = {"concept": 2, "failing": 3, "wrong": wrong, "events": events}
    return {"code": "prerequisite", "params": params}


def plain(code: str, **params: Any) -> dict[str, Any]:
    return {"code": code, "params": params}


CASES = [
    (history("completed"), "Because you finished “Sums”"),
    (history("answered", True), "Because you got “Sums” right"),
    (history("answered", False), "Because “Sums” went wrong"),
    (history("answered"), "Because you answered “Sums”"),
    (history("viewed"), "Because you looked at “Sums”"),
    (history("progressed"), "Because you are working on “Sums”"),
    (history("rated"), "Because you rated “Sums”"),
    (history("abandoned"), "Because you left “Sums” before its end"),
    (success(0.724), "You are likely to get this right: 72%"),
    (success(0.5), "You may well get this right: 50%"),
    (success(0.2), "A challenge: 20% that you get this right"),
    (prerequisite(), "Prepares you for “Multiplying”, where 3 answers went wrong"),
    (plain("assigned"), "Your teacher assigned this to you"),
    (plain("pinned"), "Your teacher put this at the top for you"),
    (
        plain("reteaching", concept=2, events=[{"event": "e", "item": 1, "at": NOW}]),
        "Worth going over again: an answer on “Adding” went wrong after it",
    ),
    (plain("introduction", concept=2), "Teaches “Adding” before its exercises"),
    (plain("scaffold", item=1), "Helps with “Sums”, which was too hard for you"),
    (plain("exploration"), "Something new: we are trying this out"),
    (plain("review"), "You completed this before; time to go over it again"),
    (plain("syllabus", course=4), "Next in the order of “Numbers”"),
    (
        plain("syllabus_start", course=4),
        "You haven't studied here yet, so this follows the order of “Numbers”",
    ),
]


@pytest.mark.parametrize(("reason", "text"), CASES)
def test_sentences(reason: dict[str, Any], text: str) -> None:
    assert render(reason, TITLES, item=OTHER)["text"] == text


@pytest.mark.parametrize(
    ("verb", "right", "text"),
    [
        ("answered", False, "You haven't got this right yet"),
        ("answered", True, "You did this before"),
        ("answered", None, "You did this before"),
        ("completed", None, "You did this before"),
        ("progressed", None, "You started this"),
        ("abandoned", None, "You started this"),
        ("viewed", None, "You looked at this before"),
        ("rated", None, "You looked at this before"),
    ],
)
def test_what_she_did_with_the_item_itself_has_its_own_sentence(
    verb: str, right: bool | None, text: str
) -> None:
    rendered = render(history(verb, right), TITLES, item=1)
    assert rendered["text"] == text
    assert [each["item"] for each in rendered["evidence"]] == ["sums"]


def test_every_code_has_a_case() -> None:
    assert {reason["code"] for reason, _text in CASES} == set(CODES)


@pytest.mark.parametrize("reason", [reason for reason, _text in CASES])
def test_what_is_gone_breaks_nothing(reason: dict[str, Any]) -> None:
    rendered = render(reason, Titles(), item=OTHER)
    assert rendered["text"]
    assert rendered["evidence"] == []


def test_evidence_points_to_events_and_concepts() -> None:
    event = {"event": "e", "item": "sums", "concept": None, "title": "Sums", "at": NOW}
    assert render(history("completed"), TITLES, item=OTHER)["evidence"] == [event]
    *events, concept = render(prerequisite(), TITLES, item=OTHER)["evidence"]
    assert [one["event"] for one in events] == ["e0", "e1", "e2"]
    assert (concept["concept"], concept["event"]) == ("adding", None)


def test_a_title_with_markup_or_a_percent_sign_stays_as_it_is() -> None:
    titles = Titles(items={1: ("x", "<b>100%</b> %(item)s")})
    assert (
        render(history("completed"), titles, item=OTHER)["text"]
        == "Because you finished “<b>100%</b> %(item)s”"
    )


def test_what_must_be_looked_up() -> None:
    reasons = [reason for reason, _text in CASES]
    assert mentioned(reasons) == ({1}, {2, 3}, {4})


def test_events_get_their_senders_ids() -> None:
    made = [history("completed"), prerequisite()]
    made[0]["params"]["event"] = 7
    for number, event in enumerate(made[1]["params"]["events"]):
        event["event"] = 8 + number
    assert cited_events(made) == {7, 8, 9, 10}
    names = {key: str(uuid.UUID(int=key)) for key in (7, 8, 9)}
    name_events(made, names)
    assert made[0]["params"]["event"] == names[7]
    assert [e["event"] for e in made[1]["params"]["events"]] == [names[8], names[9], None]
