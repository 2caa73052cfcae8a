"""Whatever JSON comes, intake answers 201 or an error of its own, and an error stores nothing."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from learners.models import Event, Group

pytestmark = pytest.mark.django_db

URL = "/api/v1/events/"
GOOD = {
    "id": str(uuid.UUID(int=7)),
    "verb": "viewed",
    "item": "counting",
    "occurred_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).isoformat(),
}

texts = st.text(st.characters(codec=None), max_size=20) | st.sampled_from(
    ["\0", "\ud800", "counting", "viewed", "2026-01-01T00:00:00Z", "9" * 50, "\\u0000", "é" * 5_000]
)
numbers = (
    st.floats()
    | st.integers()
    | st.sampled_from([10**400, -(10**30), 1e308, float("nan"), float("inf"), 2**63])
)
anything = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
results = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("success", "score", "duration", "response", "x"), anything)
)
events = st.fixed_dictionaries(
    {name: st.just(value) | anything for name, value in GOOD.items()},
    optional={"result": results | anything, "context": anything, "extra": anything},
)
no_example_database = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def check(client: Any, body: bytes) -> None:
    with transaction.atomic():
        response = client.generic("POST", URL, body, content_type="application/json")
        assert response.status_code in {201, 400, 413}, response.content
        answer = response.json()
        stored = Event.objects.count()
        if response.status_code == 201:
            assert stored == answer["accepted"]
        else:
            assert stored == 0
            assert answer["error"]["message"]
        transaction.set_rollback(True)


@no_example_database
@given(body=events | st.lists(events, max_size=3) | anything)
def test_any_json(api: Any, alice: Any, group: Group, body: Any) -> None:
    check(api(alice), json.dumps(body).encode())


@no_example_database
@given(field=st.sampled_from([*GOOD, "result", "context"]), value=anything)
def test_one_wrong_field(api: Any, alice: Any, group: Group, field: str, value: Any) -> None:
    check(api(alice), json.dumps([GOOD, {**GOOD, field: value}]).encode())


@no_example_database
@given(value=anything)
def test_any_response_and_context(api: Any, alice: Any, group: Group, value: Any) -> None:
    event = {**GOOD, "result": {"response": value}, "context": {"value": value}}
    check(api(alice), json.dumps(event).encode())


@no_example_database
@given(body=st.binary(max_size=200))
def test_any_bytes(api: Any, alice: Any, group: Group, body: bytes) -> None:
    check(api(alice), body)
