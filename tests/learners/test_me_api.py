"""A person's own data: seen, exported and erased by herself alone."""

import json
import uuid
from typing import Any

import pytest
from axes.models import AccessAttempt
from common import privacy
from django.db import connection
from knox.models import AuthToken
from rest_framework.test import APIClient

from learners.models import Event, Group, Session, User
from learners.services.accounts import erase_person
from learners.services.assignments import give_assignment

pytestmark = pytest.mark.django_db

ME = "/api/v1/me/"


def answer(api: Any, person: Any, slug: str, response: Any) -> None:
    body = {"id": str(uuid.uuid4()), "response": response}
    assert (
        api(person).post(f"/api/v1/items/{slug}/attempts/", body, format="json").status_code == 201
    )


def test_the_account(api: Any, alice: Any, group: Group) -> None:
    body = api(alice).get(ME).json()
    assert (body["username"], body["role"], body["language"]) == ("alice", "learner", "")
    assert body["groups"] == [{"id": group.pk, "name": "Class 7b"}]


def test_name_and_language_are_hers_to_change_and_nothing_else(api: Any, alice: Any) -> None:
    body = {"first_name": "<b>Al</b>", "language": "zh-hans", "role": "operator", "username": "x"}
    response = api(alice).patch(ME, body, format="json")
    assert response.json()["first_name"] == "<b>Al</b>"
    alice.refresh_from_db()
    assert (alice.language, alice.role, alice.username) == ("zh-hans", "learner", "alice")
    for field, value in (("language", "xx"), ("first_name", "a\0"), ("last_name", "x" * 151)):
        wrong = api(alice).patch(ME, {field: value}, format="json")
        assert list(wrong.json()["error"]["fields"]) == [field]


def test_progress(api: Any, alice: Any, group: Group, event: Any, course: Any) -> None:
    for slug, response in (("two-and-two", 0), ("two-and-two", 1), ("three-and-three", 1)):
        answer(api, alice, slug, response)
    sent = event("completed", result={"duration": 60.04})
    assert api(alice).post("/api/v1/events/", sent, format="json").status_code == 201
    claimed = event("answered", item="two-and-two", result={"success": True})
    assert api(alice).post("/api/v1/events/", claimed, format="json").status_code == 201
    shown = event("shown")
    assert api(alice).post("/api/v1/events/", shown, format="json").status_code == 201

    body = api(alice).get(f"{ME}progress/").json()
    assert [(c["slug"], c["done"], c["total"], c["seconds"]) for c in body["courses"]] == [
        ("numbers", 2, 4, 60.0)
    ]
    assert [(c["slug"], c["right"], c["attempts"]) for c in body["concepts"]] == [("adding", 1, 3)]
    assert [(c["slug"], c["right"], c["answers"]) for c in body["struggling"]] == [("adding", 1, 3)]
    assert [(a["verb"], a["item"], a["success"]) for a in body["activity"]] == [
        ("answered", "two-and-two", None),
        ("completed", "counting", None),
        ("answered", "three-and-three", False),
        ("answered", "two-and-two", False),
        ("answered", "two-and-two", True),
    ]


def test_progress_of_somebody_new(api: Any, charlie: Any) -> None:
    body = api(charlie).get(f"{ME}progress/").json()
    assert body == {"courses": [], "concepts": [], "mastery": [], "struggling": [], "activity": []}


def test_every_column_that_points_to_a_person_is_exported_or_erased(db: None) -> None:
    """A table that an app adds later must not be forgotten: each reference to a person goes with her."""
    relations = User._meta.get_fields(include_hidden=True)
    kept = {
        f"{field.related_model._meta.label}.{field.field.name}"
        for field in relations
        if (field.one_to_many or field.one_to_one)
        and field.auto_created
        and field.on_delete.__name__ not in {"CASCADE", "SET_NULL"}
    }
    assert kept == set()


def rows_of(person_id: int, username: str) -> dict[str, int]:
    """Rows of every table that still point to this person."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT source.relname, attribute.attname FROM pg_constraint AS key
               JOIN pg_class AS source ON source.oid = key.conrelid
               JOIN pg_attribute AS attribute
                 ON attribute.attrelid = key.conrelid AND attribute.attnum = key.conkey[1]
               WHERE key.contype = 'f' AND key.confrelid = 'learners_user'::regclass"""
        )
        for table, column in cursor.fetchall():
            cursor.execute(f'SELECT COUNT(*) FROM "{table}" WHERE "{column}" = %s', [person_id])
            found[f"{table}.{column}"] = cursor.fetchone()[0]
    found["attempts"] = AccessAttempt.objects.filter(username=username).count()
    found["sessions"] = sum(
        session.get_decoded().get("_auth_user_id") == str(person_id)
        for session in Session.objects.all()
    )
    return {place: count for place, count in found.items() if count}


def test_leaving_takes_everything_along(
    api: Any, alice: Any, bob: Any, charlie: Any, group: Group, event: Any
) -> None:
    from learners.services.groups import add_learner

    add_learner(group=group, learner=charlie)
    for one in (alice, charlie):
        answer(api, one, "two-and-two", 1)
        AccessAttempt.objects.create(
            username=one.username, ip_address="192.0.2.1", failures_since_start=1
        )
        APIClient().force_login(one)
    _token, secret = AuthToken.objects.create(user=alice)
    client = APIClient(HTTP_AUTHORIZATION=f"Token {secret}")
    pk, hers = alice.pk, rows_of(charlie.pk, "charlie")
    assert rows_of(pk, "alice").keys() >= {"learners_event.actor_id", "sessions", "attempts"}

    assert client.delete(ME).status_code == 204

    assert rows_of(pk, "alice") == {}
    assert not User.objects.filter(pk=pk).exists()
    assert client.get(ME).status_code == 401
    assert rows_of(charlie.pk, "charlie") == hers


def test_a_session_must_confirm(alice: Any) -> None:
    client = APIClient()
    client.force_login(alice)
    for body in ({}, {"confirm": "bob"}, {"confirm": ["alice"]}):
        response = client.delete(ME, body, format="json")
        assert response.status_code == 400, body
        assert list(response.json()["error"]["fields"]) == ["confirm"]
    assert client.delete(ME, {"confirm": "alice"}, format="json").status_code == 204
    assert client.get(ME).status_code == 401
    assert not User.objects.filter(pk=alice.pk).exists()


def test_leaving_is_all_or_nothing(
    api: Any, alice: Any, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(api, alice, "two-and-two", 1)

    def fail(user_id: int) -> int:
        raise RuntimeError("disk full")

    broken = privacy.PersonalData("broken", lambda user_id: iter(()), fail, order=-1)
    monkeypatch.setitem(privacy._registry, "broken", broken)
    with pytest.raises(RuntimeError):
        erase_person(person=alice)
    assert Event.objects.filter(actor=alice).exists()


def test_a_teacher_who_leaves_leaves_the_group_behind(
    api: Any, bob: Any, alice: Any, group: Group, course: Any
) -> None:
    give_assignment(group=group, teacher=bob, rule="pin", items=[course.items.first()])
    assert api(bob).delete(ME, {"confirm": "bob"}, format="json").status_code == 204
    group.refresh_from_db()
    assert group.assignments.get().teacher is None
    assert group.memberships.count() == 1


@pytest.mark.parametrize("path", ["", "progress/", "export/"])
def test_nobody_gets_in_anonymously(api: Any, db: None, path: str) -> None:
    assert api().get(ME + path).status_code == 401
    assert api().delete(ME).status_code == 401
    assert api().patch(ME, {}, format="json").status_code == 401


def test_failed_sign_ins_with_her_address_are_hers_too(api: Any, alice: Any, charlie: Any) -> None:
    for name in ("ALICE@example.org", "charlie@example.org"):
        wrong = {"username": name, "password": "wrong password"}
        assert APIClient().post("/api/v1/auth/login/", wrong, format="json").status_code == 401
    text = b"".join(api(alice).get(f"{ME}export/").streaming_content).decode()
    assert len(json.loads(text)["learners"]["failed_sign_ins"]) == 1
    erase_person(person=alice)
    left = AccessAttempt.objects.values_list("username", flat=True)
    assert list(left) == ["charlie@example.org"]


def test_progress_reads_her_own_rows_only(
    alice: Any, group: Group, course: Any, django_assert_num_queries: Any
) -> None:
    from learners.selectors import summarise_progress

    with django_assert_num_queries(4) as queries:
        summarise_progress(learner_id=alice.pk, course_ids=[course.pk])
    reads = [q["sql"] for q in queries.captured_queries if "learners_itemprogress" in q["sql"]]
    assert reads
    assert all(' FROM "learners_itemprogress"' in sql for sql in reads)
