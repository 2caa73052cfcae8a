"""POST events/: what is taken, what is refused, and that nothing is half-stored."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.test import RequestFactory
from rest_framework.test import force_authenticate

from learners.api.events import EventsView
from learners.models import Event, Group

pytestmark = pytest.mark.django_db

URL = "/api/v1/events/"


@pytest.fixture
def send(api: Callable[..., Any], alice: Any, group: Group) -> Callable[..., Any]:
    """Send a body as Alice."""
    client = api(alice)

    def post(body: Any) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return client.generic("POST", URL, data, content_type="application/json")

    return post


def fields_of(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 400, response.content
    assert response.json()["error"]["code"] == "invalid"
    return response.json()["error"]["fields"]


def test_one_event(send: Any, event: Any, alice: Any) -> None:
    sent = event(
        "answered",
        item="two-and-two",
        result={"success": True, "score": 1, "duration": 12.5, "response": {"option": 2}},
        context={"page": "<script>alert(1)</script>"},
    )
    response = send(sent)
    assert response.status_code == 201, response.content
    assert response.json() == {"accepted": 1, "duplicates": 0}
    stored = Event.objects.get()
    assert (stored.actor, stored.uid, stored.verb) == (alice, uuid.UUID(sent["id"]), "answered")
    assert (stored.success, stored.score, stored.duration) == (True, 1.0, 12.5)
    assert stored.response == {"option": 2}
    assert stored.context == {"page": "<script>alert(1)</script>"}
    assert stored.graded is False


def test_a_list_of_a_thousand(send: Any, event: Any, django_assert_max_num_queries: Any) -> None:
    events = [event() for _number in range(1_000)]
    with django_assert_max_num_queries(10):
        assert send(events).json() == {"accepted": 1_000, "duplicates": 0}
    assert send(events).json() == {"accepted": 0, "duplicates": 1_000}


def test_an_empty_list_changes_nothing(send: Any) -> None:
    assert send([]).json() == {"accepted": 0, "duplicates": 0}


def test_repeated_ids_count_as_duplicates(send: Any, event: Any) -> None:
    first = event()
    assert send([first, {**first, "verb": "completed"}, event()]).json() == {
        "accepted": 2,
        "duplicates": 1,
    }
    assert set(Event.objects.values_list("verb", flat=True)) == {"viewed"}


def test_another_learners_id_is_no_clash(
    send: Any, event: Any, api: Any, charlie: Any, group: Group
) -> None:
    from learners.services.groups import add_learner

    add_learner(group=group, learner=charlie)
    sent = event()
    assert send(sent).json()["accepted"] == 1
    assert api(charlie).post(URL, sent, format="json").json() == {"accepted": 1, "duplicates": 0}


def test_null_is_the_same_as_absent(send: Any, event: Any) -> None:
    nothing = {"success": None, "score": None, "duration": None, "response": None}
    assert send([event(result=None, context=None), event(result=nothing)]).status_code == 201


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "not-a-uuid"),
        ("id", 7),
        ("id", None),
        ("verb", "destroyed"),
        ("verb", "VIEWED"),
        ("verb", ["viewed"]),
        ("item", "no-such-item"),
        ("item", "first-secret"),
        ("item", ""),
        ("item", "a" * 101),
        ("item", "coun\0ting"),
        ("item", "<b>counting</b>"),
        ("item", 1),
        ("occurred_at", "yesterday"),
        ("occurred_at", "1700000000"),
        ("occurred_at", 1_700_000_000),
        ("occurred_at", "2026-01-01"),
        ("occurred_at", "2026-01-01T00:00:00"),
        ("occurred_at", "1999-12-31T23:59:59Z"),
        ("occurred_at", "9999-12-31T23:59:59-23:00"),
        ("occurred_at", "0001-01-01T00:00:00+23:00"),
        ("occurred_at", "2999-01-01T00:00:00Z"),
        ("result", []),
        ("result.success", "true"),
        ("result.success", 1),
        ("result.score", 1.01),
        ("result.score", -0.1),
        ("result.score", "0.5"),
        ("result.score", True),
        ("result.duration", -1),
        ("result.duration", 86_401),
        ("result.response", "a\0b"),
        ("result.response", {"a\0": 1}),
        ("result.response", "a" * 16_385),
        ("result.grade", 1),
        ("context", ["slate"]),
        ("context", "text"),
        ("context", {"deep": [{"er": "\0"}]}),
        ("context", {"\0": 1}),
        ("context", {"text": "é" * 2_048}),
        ("actor", "bob"),
    ],
)
def test_a_wrong_field_refuses_all_naming_index_and_field(
    send: Any, event: Any, secret_course: Any, field: str, value: Any
) -> None:
    wrong = event()
    outer, _dot, inner = field.partition(".")
    wrong[outer] = {inner: value} if inner else value
    assert list(fields_of(send(wrong))) == [field]
    assert list(fields_of(send([event(), wrong, event()]))) == [f"1.{field}"]
    assert not Event.objects.exists()


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize(
    ("part", "path"),
    [
        ('"result": {"score": %s}', "result.score"),
        ('"result": {"duration": %s}', "result.duration"),
        ('"result": {"response": [%s]}', "result.response"),
        ('"context": {"a": %s}', "context"),
    ],
)
def test_numbers_that_are_none_are_refused(
    send: Any, event: Any, number: str, part: str, path: str
) -> None:
    body = json.dumps(event())[:-1] + ", " + part % number + "}"
    assert list(fields_of(send(body.encode()))) == [path]
    assert not Event.objects.exists()


def test_a_written_backslash_is_no_null_character(send: Any, event: Any) -> None:
    assert send(event(context={"path": "C:\\u0000"})).status_code == 201
    assert Event.objects.get().context == {"path": "C:\\u0000"}


@pytest.mark.parametrize("written", [b"\0", rb"\u0000"])
def test_a_null_character_is_refused_at_its_field(send: Any, event: Any, written: bytes) -> None:
    for field, value in (("item", b"counting"), ("verb", b"viewed")):
        one = json.dumps(event()).encode().replace(value, value[:3] + written + value[3:])
        assert list(fields_of(send(one))) == [field]
        assert list(fields_of(send(b"[" + json.dumps(event()).encode() + b"," + one + b"]"))) == [
            f"1.{field}"
        ]
    assert not Event.objects.exists()


def test_a_raw_line_break_is_named_too_and_a_body_that_is_no_json_at_all_is_not(
    send: Any, event: Any
) -> None:
    raw = json.dumps(event(context={"note": "a-b"})).encode().replace(b"a-b", b"a\nb")
    assert list(fields_of(send(raw))) == ["context.note"]
    assert send(b'{"item": "\0').json()["error"]["code"] == "parse_error"


def test_every_missing_field_is_named(send: Any) -> None:
    assert set(fields_of(send({}))) == {"id", "verb", "item", "occurred_at"}
    assert set(fields_of(send([{}]))) == {"0.id", "0.verb", "0.item", "0.occurred_at"}


def test_an_unknown_item_and_one_of_another_course_read_the_same(
    send: Any, event: Any, secret_course: Any
) -> None:
    unknown = fields_of(send(event(item="no-such-item")))
    assert unknown == fields_of(send(event(item="first-secret")))


def test_a_little_ahead_of_the_servers_clock_is_taken(send: Any, event: Any) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=4)).isoformat()
    assert send(event(occurred_at=soon)).status_code == 201
    late = (datetime.now(UTC) + timedelta(minutes=5, seconds=30)).isoformat()
    assert list(fields_of(send(event(occurred_at=late)))) == ["occurred_at"]


def test_an_item_that_was_unpublished_meanwhile_is_taken(
    send: Any, event: Any, course: Any
) -> None:
    course.items.filter(slug="counting").update(published=False)
    assert send(event()).status_code == 201


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"7", b'"viewed"', b"[[]]", b"[7]", b"\xff\xfe", b"[" * 100_000,
     b'{"id": "\\ud800"}', b"[" + b"9" * 10_000 + b"]"],
)  # fmt: skip
def test_garbage_is_a_400(send: Any, body: bytes) -> None:
    response = send(body)
    assert response.status_code == 400
    assert set(response.json()["error"]) >= {"code", "message"}


def test_a_thousand_and_one_events_are_too_many(send: Any, event: Any) -> None:
    response = send([event() for _number in range(1_001)])
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "too_large"
    assert not Event.objects.exists()


def test_a_body_of_ten_megabytes_is_too_large(send: Any, event: Any) -> None:
    response = send(event(context={"text": "a" * 10_000_000}))
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "too_large"


def stream(alice: Any, body: bytes, **headers: str) -> Any:
    """A request as a server hands it over, whose headers may say something else of the body than is true."""
    environ = RequestFactory()._base_environ(
        PATH_INFO=URL, REQUEST_METHOD="POST", CONTENT_TYPE="application/json", **headers
    )
    environ["wsgi.input"] = BytesIO(body)
    request = WSGIRequest(environ)
    force_authenticate(request, alice)
    return EventsView.as_view()(request)


def test_the_length_is_measured_and_not_believed(alice: Any, group: Group, event: Any) -> None:
    large = b" " * (2 * 1024 * 1024) + json.dumps(event()).encode()
    small = json.dumps(event()).encode()
    assert stream(alice, large, HTTP_TRANSFER_ENCODING="chunked").status_code == 413
    assert stream(alice, small, CONTENT_LENGTH="99999999").status_code == 413
    # What follows the declared length is the next request's.
    assert stream(alice, large, CONTENT_LENGTH="10").status_code == 400
    assert stream(alice, b"", CONTENT_LENGTH="x").status_code == 400
    assert not Event.objects.exists()
    assert stream(alice, small, HTTP_TRANSFER_ENCODING="chunked").status_code == 201


def test_other_media_types_are_refused(api: Any, alice: Any, group: Group, event: Any) -> None:
    response = api(alice).generic("POST", URL, json.dumps(event()), content_type="text/plain")
    assert response.status_code == 415


def test_people_who_must_not_get_in(api: Any, event: Any, group: Group, charlie: Any) -> None:
    assert api().post(URL, event(), format="json").status_code == 401
    response = api(charlie).post(URL, event(), format="json")
    assert list(fields_of(response)) == ["item"]
    assert api(charlie).get(URL).status_code == 405
    assert not Event.objects.exists()
