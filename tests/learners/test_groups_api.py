"""Groups: led by their teachers, joined by code, and closed to everybody else."""

from typing import Any

import pytest
from django.core.cache import cache

from learners import selectors
from learners.api.throttles import AddressThrottle
from learners.models import Enrolment, Group
from learners.services.groups import CODE_ALPHABET

pytestmark = pytest.mark.django_db

GROUPS = "/api/v1/groups/"
JOIN = "/api/v1/groups/join/"


@pytest.fixture(autouse=True)
def nobody_tried_yet() -> None:
    cache.clear()


def of(group: Group, path: str = "") -> str:
    return f"{GROUPS}{group.pk}/{path}"


def studies(person: Any) -> set[int]:
    return selectors.list_learner_courses([person.pk])[person.pk]


def test_a_teacher_makes_a_group_and_gives_out_its_code(api: Any, bob: Any, alice: Any) -> None:
    made = api(bob).post(GROUPS, {"name": "<i>7b</i>"}, format="json")
    assert made.status_code == 201
    body = made.json()
    assert (body["name"], body["teachers"], body["courses"]) == ("<i>7b</i>", ["bob"], [])
    assert len(body["join_code"]) == 8
    assert set(body["join_code"]) <= set(CODE_ALPHABET)

    joined = api(alice).post(
        JOIN, {"code": f" {body['join_code'].lower()[:4]}-{body['join_code'][4:]} "}, format="json"
    )
    assert joined.status_code == 201
    assert joined.json() == {"id": body["id"], "name": "<i>7b</i>", "courses": []}
    page = api(bob).get(GROUPS).json()
    assert [(row["id"], row["learners_count"]) for row in page["results"]] == [(body["id"], 1)]
    assert set(page) == {"next", "previous", "results"}


def test_courses_reach_members_and_those_who_join_later(
    api: Any, bob: Any, alice: Any, charlie: Any, course: Any, dirt: Any
) -> None:
    pk = api(bob).post(GROUPS, {"name": "7b"}, format="json").json()["id"]
    group = Group.objects.get(pk=pk)
    api(bob).post(of(group, "learners/"), {"username": "alice"}, format="json")
    before = dirt(alice)
    added = api(bob).post(of(group, "courses/"), {"course": "numbers"}, format="json")
    assert added.status_code == 201
    assert added.json()["courses"] == ["numbers"]
    assert dirt(alice) > before
    api(bob).post(of(group, "learners/"), {"email": "Charlie@example.org"}, format="json")
    assert studies(alice) == studies(charlie) == {course.pk}

    before = dirt(alice)
    assert api(bob).delete(of(group, "courses/numbers/")).status_code == 204
    assert studies(alice) == studies(charlie) == set()
    assert dirt(alice) > before
    assert api(bob).delete(of(group, "courses/numbers/")).status_code == 404


def test_a_learner_taken_out_studies_no_more(
    api: Any, bob: Any, alice: Any, group: Group, dirt: Any
) -> None:
    before = dirt(alice)
    assert api(bob).delete(of(group, f"learners/{alice.pk}/")).status_code == 204
    assert studies(alice) == set()
    assert dirt(alice) > before
    assert api(bob).delete(of(group, f"learners/{alice.pk}/")).status_code == 404


def test_removing_the_group_withdraws_its_courses(
    api: Any, bob: Any, alice: Any, group: Group, dirt: Any
) -> None:
    before = dirt(alice)
    assert api(bob).delete(of(group)).status_code == 204
    assert not Enrolment.objects.exists()
    assert dirt(alice) > before


def test_adding_twice_changes_nothing(api: Any, bob: Any, alice: Any, group: Group) -> None:
    again = api(bob).post(of(group, "learners/"), {"username": "alice"}, format="json")
    assert again.status_code == 201
    assert again.json()["id"] == alice.pk
    assert group.memberships.count() == 1


def test_a_group_is_renamed(api: Any, bob: Any, group: Group) -> None:
    body = {"name": "8b", "join_code": "AAAA", "synthetic": True}
    assert api(bob).patch(of(group), body, format="json").json()["name"] == "8b"
    group.refresh_from_db()
    assert (group.name, group.synthetic) == ("8b", False)
    assert group.join_code != "AAAA"


def test_a_code_is_renewed_and_revoked(api: Any, bob: Any, charlie: Any, group: Group) -> None:
    old = group.join_code
    new = api(bob).post(of(group, "join-code/")).json()["join_code"]
    assert new != old
    assert api(charlie).post(JOIN, {"code": old}, format="json").status_code == 404
    assert api(bob).delete(of(group, "join-code/")).status_code == 204
    assert api(charlie).post(JOIN, {"code": new}, format="json").status_code == 404
    assert api(bob).get(of(group)).json()["join_code"] is None
    assert not charlie.memberships.exists()


@pytest.mark.parametrize("code", ["", "\0", None, [], {}, "x" * 41, 5])
def test_a_code_that_is_none(api: Any, charlie: Any, group: Group, code: Any) -> None:
    assert api(charlie).post(JOIN, {"code": code}, format="json").status_code in {400, 404}
    Group.objects.update(join_code=None)
    assert api(charlie).post(JOIN, {"code": "--"}, format="json").status_code == 404
    assert not charlie.memberships.exists()


def test_guessing_codes_is_limited_by_person_and_by_address(
    api: Any, charlie: Any, alice: Any, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(AddressThrottle.THROTTLE_RATES, "join", "2/min")
    monkeypatch.setitem(AddressThrottle.THROTTLE_RATES, "join_address", "3/min")

    def guess(person: Any, address: str) -> int:
        answer = api(person).post(JOIN, {"code": "A"}, format="json", REMOTE_ADDR=address)
        return int(answer.status_code)

    assert [guess(charlie, f"192.0.2.{n}") for n in range(3)] == [404, 404, 429]
    cache.clear()
    tries = [guess(one, "192.0.2.9") for one in (charlie, alice, charlie, alice)]
    assert tries == [404, 404, 404, 429]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"username": "nobody"}, "username"),
        ({"email": "nobody@example.org"}, "email"),
        ({"email": "nonsense"}, "email"),
        ({"username": "a\0"}, "username"),
        ({}, "non_field_errors"),
        ({"username": "alice", "email": "alice@example.org"}, "non_field_errors"),
    ],
)
def test_whom_to_add_must_be_clear(api: Any, bob: Any, group: Group, body: Any, field: str) -> None:
    response = api(bob).post(of(group, "learners/"), body, format="json")
    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == [field]


def test_only_published_courses_are_offered(
    api: Any, bob: Any, group: Group, secret_course: Any
) -> None:
    secret_course.published = False
    secret_course.save()
    for slug in ("secrets", "no-such-course", "a\0"):
        response = api(bob).post(of(group, "courses/"), {"course": slug}, format="json")
        assert list(response.json()["error"]["fields"]) == ["course"]


@pytest.mark.parametrize("name", ["", " ", "a\0b", None, "x" * 201, {}])
def test_a_name_that_is_none(api: Any, bob: Any, name: Any) -> None:
    response = api(bob).post(GROUPS, {"name": name}, format="json")
    assert list(response.json()["error"]["fields"]) == ["name"]


def every_request(group: Group, alice: Any) -> list[tuple[str, str, Any]]:
    return [
        ("get", of(group), None),
        ("patch", of(group), {"name": "mine"}),
        ("delete", of(group), None),
        ("get", of(group, "learners/"), None),
        ("post", of(group, "learners/"), {"username": "charlie"}),
        ("get", of(group, f"learners/{alice.pk}/"), None),
        ("delete", of(group, f"learners/{alice.pk}/"), None),
        ("post", of(group, "courses/"), {"course": "numbers"}),
        ("delete", of(group, "courses/numbers/"), None),
        ("post", of(group, "join-code/"), None),
        ("delete", of(group, "join-code/"), None),
        ("get", of(group, "overview/"), None),
        ("get", of(group, "assignments/"), None),
        ("post", of(group, "assignments/"), {"rule": "pin", "items": ["counting"]}),
        ("delete", of(group, "assignments/1/"), None),
    ]


def test_people_who_must_not_get_in(
    api: Any, alice: Any, ada: Any, charlie: Any, person: Any, group: Group
) -> None:
    other_teacher = person("dan", role="teacher")
    code = group.join_code
    for method, path, body in every_request(group, alice):
        for who, expected in (
            (None, 401), (alice, 403), (charlie, 403), (ada, 403), (other_teacher, 404),
        ):  # fmt: skip
            response = getattr(api(who), method)(path, body, format="json")
            assert response.status_code == expected, (method, path, who)
            assert b"Class 7b" not in response.content
    for who, expected in ((None, 401), (alice, 403), (ada, 403)):
        assert api(who).get(GROUPS).status_code == expected
        assert api(who).post(GROUPS, {"name": "x"}, format="json").status_code == expected
    assert api(other_teacher).get(GROUPS).json()["results"] == []
    assert api().post(JOIN, {"code": code}, format="json").status_code == 401
    group.refresh_from_db()
    assert (group.name, group.join_code) == ("Class 7b", code)
    assert list(group.learners.all()) == [alice]


def test_a_teacher_does_not_see_a_learner_of_another_group(
    api: Any, bob: Any, charlie: Any, group: Group
) -> None:
    assert api(bob).get(of(group, f"learners/{charlie.pk}/")).status_code == 404
    assert api(bob).get(f"{GROUPS}{2**70}/").status_code == 404


def test_the_operator_leads_every_group(api: Any, olga: Any, group: Group) -> None:
    assert [row["id"] for row in api(olga).get(GROUPS).json()["results"]] == [group.pk]
    assert api(olga).get(of(group, "overview/")).status_code == 200
