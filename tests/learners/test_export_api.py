"""GET me/export/: everything stored of a person, whole or visibly broken, in bounded memory."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from axes.models import AccessAttempt
from common import privacy
from django.db import connection
from knox.models import AuthToken
from web_pages import sign_in

from learners.models import Event, Group
from learners.services.assignments import give_assignment

pytestmark = pytest.mark.django_db

EXPORT = "/api/v1/me/export/"


def export(client: Any) -> Any:
    """The whole answer, parsed."""
    response = client.get(EXPORT)
    assert response.status_code == 200
    return json.loads(b"".join(response.streaming_content))


def test_it_holds_everything_and_nothing_of_others(
    api: Any, alice: Any, bob: Any, charlie: Any, group: Group, event: Any, course: Any
) -> None:
    EmailAddress.objects.create(user=alice, email="alice@example.org", verified=True)
    AuthToken.objects.create(user=alice)
    AccessAttempt.objects.create(username="alice", ip_address="192.0.2.1", failures_since_start=1)
    give_assignment(group=group, teacher=bob, rule="pin", items=[course.items.first()])
    sign_in(alice)
    answer = {"id": str(uuid.uuid4()), "response": 1}
    attempts = "/api/v1/items/two-and-two/attempts/"
    assert api(alice).post(attempts, answer, format="json").status_code == 201
    sent = event(context={"note": "</script>\u2028"})
    assert api(alice).post("/api/v1/events/", sent, format="json").status_code == 201

    data = export(api(alice))["learners"]
    assert [row["username"] for row in data["account"]] == ["alice"]
    assert [row["verb"] for row in data["events"]] == ["answered", "viewed"]
    assert data["events"][1]["context"] == {"note": "</script>\u2028"}
    for section in (
        "email_addresses", "tokens", "sessions", "failed_sign_ins", "groups", "enrolments",
        "assignments", "item_progress", "freshness",
    ):  # fmt: skip
        assert data[section], section
    assert alice.password not in json.dumps(data)
    other = export(api(charlie))["learners"]
    assert not other["events"]
    assert "alice" not in json.dumps(other)


def test_no_row_is_lost_or_told_twice_where_pages_meet(
    api: Any, alice: Any, group: Group, course: Any
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO learners_event (actor_id, uid, verb, item_id, occurred_at, received_at, context, graded)
            SELECT %s, gen_random_uuid(), 'viewed', %s, timestamptz '2026-01-01' - make_interval(secs => n / 3),
                   now(), '{}', false
              FROM generate_series(1, 1201) AS n
            """,
            [alice.pk, course.items.first().pk],
        )
    found = [row["id"] for row in export(api(alice))["learners"]["events"]]
    stored = Event.objects.filter(actor=alice).order_by("occurred_at", "pk")
    assert found == list(stored.values_list("pk", flat=True))


def test_what_fails_on_the_way_leaves_no_whole_document(
    api: Any, alice: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_user_id: int) -> Iterator[tuple[str, Any]]:
        def rows() -> Iterator[dict[str, int]]:
            yield {"id": 1}
            raise OSError("the disk is gone")

        yield "rows", rows()

    broken = privacy.PersonalData("broken", fail, lambda _user_id: 0, order=-1)
    monkeypatch.setitem(privacy._registry, "broken", broken)
    text = ""
    with pytest.raises(OSError, match="disk"):
        for part in api(alice).get(EXPORT).streaming_content:
            text += part.decode()
    assert text.endswith('{"rows": [{"id": 1}')
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)
    assert [record.exc_info is not None for record in caplog.records] == [True]
    assert str(alice.pseudonym) in str(caplog.records[0].__dict__)


MANY = 2_000
_TEXT = 16_000


def _memory(field: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def test_memory_does_not_grow_with_a_history(
    api: Any, alice: Any, charlie: Any, group: Group, course: Any
) -> None:
    """Seen by the system: what the database's client library holds, Python's own statistics do not count."""
    reset = Path("/proc/self/clear_refs")
    if not reset.exists():
        pytest.skip("the peak of a process can be reset on Linux only")
    place = {"learner": alice.pk, "item": course.items.first().pk, "many": MANY, "text": _TEXT}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO learners_event (actor_id, uid, verb, item_id, occurred_at, received_at, context, graded, response)
            SELECT %(learner)s, gen_random_uuid(), 'answered', %(item)s, now(), now(), '{}', true,
                   to_jsonb(repeat('x', %(text)s))
              FROM generate_series(1, %(many)s);
            INSERT INTO recommender_slate (id, learner_id, source, computed_at, seq, entries, history, contributions, attention, kept)
            SELECT gen_random_uuid(), %(learner)s, 'model', now(), 1,
                   jsonb_build_array(jsonb_build_object('item', %(item)s, 'reasons', repeat('x', %(text)s))), '', '', '', true
              FROM generate_series(1, %(many)s);
            INSERT INTO recommender_feedback (learner_id, uid, item_id, signal, comment, received_at, contributions, features)
            SELECT %(learner)s, gen_random_uuid(), %(item)s, 'helpful', repeat('x', %(text)s), now(), '[]', '[]'
              FROM generate_series(1, %(many)s);
            """,
            place,
        )
    export(api(charlie))  # whatever is loaded by the first request is loaded now
    before = _memory("VmRSS")
    reset.write_text("5", encoding="ascii")
    size = sum(len(part) for part in api(alice).get(EXPORT).streaming_content)
    assert size > 3 * MANY * _TEXT
    assert _memory("VmHWM") - before < size / 5
