"""Operators manage people and groups in the admin; what learners see follows as it does elsewhere."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from web_pages import sign_in

from learners import selectors
from learners.models import Enrolment, Event, Group, User

pytestmark = pytest.mark.django_db

MODELS = (
    "user", "group", "enrolment", "assignment", "event", "itemprogress", "learnerstate",
    "memorycard", "memoryfit", "conceptmastery",
)  # fmt: skip


@pytest.fixture
def desk(olga: Any) -> Client:
    """A browser in which the operator is signed in."""
    return sign_in(olga)


def page(name: str, *args: Any) -> str:
    return reverse(f"admin:learners_{name}", args=args)


def members(*people: Any, initial: Any = ()) -> dict[str, Any]:
    form: dict[str, Any] = {
        "memberships-TOTAL_FORMS": len(people),
        "memberships-INITIAL_FORMS": len(initial),
    }
    for number, person in enumerate(people):
        form[f"memberships-{number}-learner"] = person.pk
    for number, row in enumerate(initial):
        form[f"memberships-{number}-id"] = row.pk
        form[f"memberships-{number}-group"] = row.group_id
    return form


@pytest.mark.parametrize("model", MODELS)
def test_every_list_opens_and_can_be_searched(desk: Client, group: Group, model: str) -> None:
    assert desk.get(page(f"{model}_changelist")).status_code == 200
    assert desk.get(page(f"{model}_changelist"), {"q": "alice"}).status_code == 200


def test_a_group_is_made_with_learners_and_courses(
    desk: Client, alice: Any, bob: Any, course: Any, dirt: Any
) -> None:
    before = dirt(alice)
    form = {"name": "8c", "teachers": [bob.pk], "courses": [course.pk], **members(alice)}
    assert desk.post(page("group_add"), form).status_code == 302
    group = Group.objects.get(name="8c")
    assert list(group.teachers.all()) == [bob]
    assert selectors.list_learner_courses([alice.pk])[alice.pk] == {course.pk}
    assert dirt(alice) > before


def test_taking_a_course_and_a_learner_away_withdraws_them(
    desk: Client, alice: Any, bob: Any, charlie: Any, group: Group, course: Any
) -> None:
    row = group.memberships.get()
    form = {"name": group.name, "teachers": [bob.pk], "courses": [course.pk]}
    form |= members(alice, charlie, initial=[row]) | {"memberships-0-DELETE": "on"}
    assert desk.post(page("group_change", group.pk), form).status_code == 302
    studied = selectors.list_learner_courses([alice.pk, charlie.pk])
    assert studied == {alice.pk: set(), charlie.pk: {course.pk}}
    row = group.memberships.get()
    form = {"name": group.name, "teachers": [bob.pk], **members(charlie, initial=[row])}
    assert desk.post(page("group_change", group.pk), form).status_code == 302
    assert not Enrolment.objects.exists()


def test_a_member_s_row_cannot_become_another_s(
    desk: Client, alice: Any, bob: Any, charlie: Any, group: Group, course: Any
) -> None:
    row = group.memberships.get()
    form = {"name": group.name, "teachers": [bob.pk], "courses": [course.pk]}
    form |= members(charlie, initial=[row])
    assert desk.post(page("group_change", group.pk), form).status_code == 302
    assert list(group.learners.all()) == [alice]
    assert selectors.list_learner_courses([alice.pk])[alice.pk] == {course.pk}


def test_what_changes_for_a_member_is_counted(
    desk: Client, alice: Any, bob: Any, charlie: Any, group: Group, course: Any, dirt: Any
) -> None:
    address, row = page("group_change", group.pk), group.memberships.get()
    form = {"name": group.name, "teachers": [bob.pk], "courses": [course.pk]}
    before = dirt(alice)
    desk.post(address, form | members(alice, initial=[row]))
    assert dirt(alice) == before
    desk.post(address, form | members(alice, charlie, initial=[row]))
    assert (dirt(alice), dirt(charlie) > 0) == (before, True)
    rows = list(group.memberships.order_by("pk"))
    gone = members(alice, charlie, initial=rows) | {"memberships-0-DELETE": "on"}
    desk.post(address, form | gone)
    assert dirt(alice) > before
    assert list(group.learners.all()) == [charlie]


def test_an_operator_enrols_one_learner(desk: Client, charlie: Any, course: Any, dirt: Any) -> None:
    form = {"learner": charlie.pk, "course": course.pk}
    assert desk.post(page("enrolment_add"), form).status_code == 302
    enrolment = Enrolment.objects.get(learner=charlie)
    assert (enrolment.group, dirt(charlie)) == (None, 1)
    gone = desk.post(page("enrolment_delete", enrolment.pk), {"post": "yes"})
    assert gone.status_code == 302
    assert not Enrolment.objects.exists()


def test_the_role_opens_the_admin(desk: Client, alice: Any) -> None:
    form = {"username": "alice", "role": "author", "is_active": "on", "language": ""}
    assert desk.post(page("user_change", alice.pk), form).status_code == 302
    alice.refresh_from_db()
    assert (alice.role, alice.is_staff) == ("author", True)
    desk.post(page("user_change", alice.pk), {**form, "role": "learner"})
    alice.refresh_from_db()
    assert alice.is_staff is False


def test_a_new_person(desk: Client) -> None:
    form = {
        "username": "eve", "email": "eve@example.org", "role": "teacher", "usable_password": "true",
        "password1": "a long enough one", "password2": "a long enough one",
    }  # fmt: skip
    assert desk.post(page("user_add"), form).status_code == 302
    eve = User.objects.get(username="eve")
    assert (eve.role, eve.is_staff, eve.check_password("a long enough one")) == (
        "teacher", False, True,
    )  # fmt: skip


def test_deleting_a_person_erases_her(desk: Client, alice: Any, group: Group) -> None:
    assert desk.post(page("user_delete", alice.pk), {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=alice.pk).exists()
    assert not Event.objects.filter(actor=alice.pk).exists()


def test_deleting_a_group_withdraws_its_courses(desk: Client, alice: Any, group: Group) -> None:
    assert desk.post(page("group_delete", group.pk), {"post": "yes"}).status_code == 302
    assert not Group.objects.exists()
    assert selectors.list_learner_courses([alice.pk]) == {alice.pk: set()}


def test_an_operator_cannot_take_over_or_shut_herself_out(
    desk: Client, olga: Any, person: Any
) -> None:
    root = person("root", is_superuser=True)
    form = {"username": "mine", "role": "learner", "is_active": "on"}
    assert desk.post(page("user_change", root.pk), form).status_code == 403
    password = reverse("admin:auth_user_password_change", args=[root.pk])
    assert desk.post(password, {"password1": "x", "password2": "x"}).status_code == 403
    assert desk.post(page("user_delete", root.pk), {"post": "yes"}).status_code == 403
    assert desk.post(page("user_delete", olga.pk), {"post": "yes"}).status_code == 403
    desk.post(
        page("user_change", olga.pk), {"username": "olga", "role": "learner", "is_superuser": "on"}
    )
    olga.refresh_from_db()
    assert (olga.role, olga.is_active, olga.is_superuser) == ("operator", True, False)


def test_events_are_facts(desk: Client, alice: Any, group: Group, api: Any, event: Any) -> None:
    assert api(alice).post("/api/v1/events/", event(), format="json").status_code == 201
    pk = Event.objects.get().pk
    assert desk.get(page("event_change", pk)).status_code == 200
    assert desk.post(page("event_change", pk), {"verb": "completed"}).status_code == 403
    assert desk.get(page("event_add")).status_code == 403
    assert desk.post(page("event_delete", pk), {"post": "yes"}).status_code == 403


def test_people_who_must_not_get_in(
    alice: Any, bob: Any, ada: Any, desk: Client, group: Group
) -> None:
    ada.is_staff = True  # an author works in the admin, on the catalogue
    ada.save()
    for person, expected in ((alice, 302), (bob, 302), (ada, 403)):
        client = sign_in(person)
        for model in MODELS:
            assert client.get(page(f"{model}_changelist")).status_code == expected, model
