"""Entries of a slate take little room in the database, and come back as they were."""

import json
from typing import Any

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender import reasons
from recommender.entries import pack_entries, unpack_entries
from recommender.models import Slate

CODES = ["assigned", "exploration", "review"]


def describe(event: int) -> dict[str, Any]:
    right = [True, False, None][event % 3]
    at = f"2026-05-0{1 + event % 9}T12:00:00+00:00"
    return {"event": f"uid-{event}", "verb": "answered", "right": right, "item": event, "at": at}


shares = st.floats(0, 1).map(lambda share: round(share, 3))
events = st.builds(
    lambda event, share: {"code": "history", "params": {**describe(event), "share": share}},
    st.integers(0, 5),
    shares,
)
others = st.one_of(
    st.sampled_from([{"code": code, "params": {}} for code in CODES]),
    shares.map(lambda p: {"code": "success", "params": {"probability": p}}),
    st.builds(reasons.from_syllabus, course=st.integers(1, 3), started=st.booleans()),
    st.just({"code": "history", "params": {"item": 3}}),
)
entries = st.lists(
    st.fixed_dictionaries(
        {
            "item": st.integers(1, 10**9),
            "score": st.floats(-9, 9),
            "success": st.none() | shares,
            "retrievability": st.none() | shares,
            "terms": st.dictionaries(st.sampled_from("abcd"), st.floats(0.1, 9), max_size=4),
            "again": st.booleans(),
            "propensity": st.sampled_from([0.9, 0.1, None]),
            "reasons": st.lists(st.one_of(events, others), max_size=4),
        }
    ),
    max_size=6,
)


@given(entries)
@settings(deadline=None)
def test_they_come_back_as_they_were(made: list[dict[str, Any]]) -> None:
    stored = json.loads(json.dumps(pack_entries(made)))
    assert unpack_entries(stored) == made


def test_what_is_no_entry_is_left_alone() -> None:
    made = [{"item": 1, "colour": "red"}]
    assert pack_entries(made) == made


@pytest.mark.django_db
def test_a_slate_is_read_and_written_as_a_plain_list(alice: Any, api: Any, group: Any) -> None:
    api(alice).get("/api/v1/recommendations/")
    slate = Slate.objects.get(learner=alice)
    assert slate.entries[0]["reasons"][0]["code"] == "syllabus_start"
    (raw,) = Slate.objects.extra(select={"raw": "entries::text"}).values_list("raw", flat=True)
    assert json.loads(raw).keys() == {"usual", "terms", "events", "rows"}
    slate.entries[0]["score"] = 7.5
    slate.save()
    assert Slate.objects.values_list("entries", flat=True)[0] == slate.entries
    # A slate from before they were packed.
    plain = slate.entries[:2]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE recommender_slate SET entries = %s", [json.dumps(plain)])
    slate.refresh_from_db()
    assert slate.entries == plain


@pytest.mark.django_db
def test_entries_of_the_model_take_a_third_of_the_room(
    alice: Any, training_ground: Any, practised: Any, activate: Any, refresh: Any
) -> None:
    for place in range(12):
        practised(alice, place, right=None if place % 5 == 0 else place % 3 > 0)
    activate()
    refresh()
    slate = Slate.objects.get(learner=alice)
    assert slate.source == "model"
    plain = len(json.dumps(slate.entries))
    assert len(json.dumps(pack_entries(slate.entries))) < plain / 3
