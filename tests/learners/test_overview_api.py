"""What a teacher sees of her group: who needs help first, and one learner's work."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from learners.models import Group, LearnerState, Membership
from learners.services.assignments import give_assignment
from learners.services.events import record_attempt
from learners.services.groups import add_learner

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(person: Any, group: Group) -> Any:
    """Make a learner of the group."""

    def make(username: str) -> Any:
        learner = person(username, first_name=username.title())
        add_learner(group=group, learner=learner)
        return learner

    return make


def answer(person: Any, course: Any, slug: str, *rights: bool) -> None:
    item = course.items.get(slug=slug)
    for right in rights:
        record_attempt(actor=person, item=item, uid=uuid.uuid4(), response=0 if right else 1)


def overview(api: Any, bob: Any, group: Group) -> dict[str, Any]:
    response = api(bob).get(f"/api/v1/groups/{group.pk}/overview/")
    assert response.status_code == 200
    return response.json()


def test_who_needs_help_comes_first(
    api: Any, bob: Any, alice: Any, group: Group, course: Any, member: Any
) -> None:
    fine, struggling, late, silent = (member(name) for name in ("fay", "sue", "liv", "sid"))
    answer(fine, course, "two-and-two", True)
    answer(struggling, course, "two-and-two", True, False, False)
    yesterday = timezone.now() - timedelta(days=1)
    counting = course.items.get(slug="counting")
    give_assignment(
        group=group, teacher=bob, rule="assign", items=[counting], due=yesterday, learners=[late]
    )
    Membership.objects.filter(learner=silent).update(joined_at=timezone.now() - timedelta(days=9))

    body = overview(api, bob, group)
    assert (body["id"], body["name"], body["items_total"]) == (group.pk, "Class 7b", 4)
    rows = {row["username"]: row for row in body["learners"]}
    assert [row["username"] for row in body["learners"]] == ["sue", "liv", "sid", "alice", "fay"]
    assert rows["sue"]["needs_help"] == ["struggling"]
    assert [c["slug"] for c in rows["sue"]["struggling"]] == ["adding"]
    assert (rows["sue"]["right"], rows["sue"]["attempts"], rows["sue"]["items_done"]) == (1, 3, 1)
    assert (rows["liv"]["needs_help"], rows["liv"]["overdue"]) == (["overdue"], 1)
    assert (rows["sid"]["needs_help"], rows["sid"]["last_active"]) == (["inactive"], None)
    assert rows["fay"]["needs_help"] == []
    assert rows["fay"]["name"] == "Fay"
    assert rows["fay"]["last_active"] is not None


def test_a_concept_is_a_struggle_by_its_latest_five_answers(
    api: Any, bob: Any, alice: Any, group: Group, course: Any
) -> None:
    def struggles() -> list[tuple[int, int]]:
        row = overview(api, bob, group)["learners"][0]
        return [(one["right"], one["answers"]) for one in row["struggling"]]

    answer(alice, course, "two-and-two", False, False)
    assert struggles() == []  # two answers tell nothing yet
    answer(alice, course, "three-and-three", False)
    assert struggles() == [(0, 3)]
    answer(alice, course, "two-and-two", True, True)
    assert struggles() == [(2, 5)]
    answer(alice, course, "two-and-two", True)
    assert struggles() == []  # three of the latest five


def test_a_claimed_success_is_not_believed(
    api: Any, bob: Any, alice: Any, group: Group, event: Any
) -> None:
    events = [event("answered", item="two-and-two", result={"success": True}) for _n in range(3)]
    assert api(alice).post("/api/v1/events/", events, format="json").status_code == 201
    row = overview(api, bob, group)["learners"][0]
    assert (row["right"], row["attempts"], row["items_done"]) == (0, 0, 0)


def test_work_outside_the_groups_courses_does_not_show(
    api: Any, bob: Any, alice: Any, group: Group, secret_course: Any
) -> None:
    from learners.services.enrolment import enrol_learners

    enrol_learners(learner_ids=[alice.pk], courses=[secret_course])
    answer(alice, secret_course, "first-secret", False, False, False)
    row = overview(api, bob, group)["learners"][0]
    assert (row["attempts"], row["struggling"], row["last_active"]) == (0, [], None)
    one = api(bob).get(f"/api/v1/groups/{group.pk}/learners/{alice.pk}/").json()
    assert [course["slug"] for course in one["courses"]] == ["numbers"]
    assert one["activity"] == []


def test_stale_until_refreshed(api: Any, bob: Any, alice: Any, group: Group, course: Any) -> None:
    answer(alice, course, "two-and-two", True)
    assert overview(api, bob, group)["learners"][0]["stale"] is True
    state = LearnerState.objects.get(learner=alice)
    LearnerState.objects.update(clean_seq=state.dirty_seq)
    assert overview(api, bob, group)["learners"][0]["stale"] is False


def test_done_work_is_not_overdue(
    api: Any, bob: Any, alice: Any, group: Group, course: Any
) -> None:
    item = course.items.get(slug="two-and-two")
    due = timezone.now() - timedelta(hours=1)
    give_assignment(group=group, teacher=bob, rule="assign", items=[item], due=due)
    assert overview(api, bob, group)["learners"][0]["overdue"] == 1
    answer(alice, course, "two-and-two", True)
    assert overview(api, bob, group)["learners"][0]["overdue"] == 0


def test_what_another_group_assigned_is_not_overdue_here(
    api: Any, bob: Any, alice: Any, group: Group, course: Any
) -> None:
    from learners.services.groups import add_course, create_group

    other = create_group(teacher=bob, name="Evening class")
    add_course(group=other, course=course)
    add_learner(group=other, learner=alice)
    due = timezone.now() - timedelta(hours=1)
    item = course.items.get(slug="two-and-two")
    give_assignment(group=other, teacher=bob, rule="assign", items=[item], due=due)
    assert overview(api, bob, other)["learners"][0]["overdue"] == 1
    assert overview(api, bob, group)["learners"][0]["overdue"] == 0


def test_the_number_of_queries_does_not_grow_with_the_group(
    bob: Any, group: Group, course: Any, member: Any, django_assert_num_queries: Any
) -> None:
    from learners.selectors import overview_group

    for number in range(6):
        answer(member(f"learner{number}"), course, "two-and-two", False, False, False)
    give_assignment(
        group=group,
        teacher=bob,
        rule="assign",
        items=[course.items.get(slug="counting")],
        due=timezone.now() - timedelta(days=1),
    )
    with django_assert_num_queries(4):
        assert len(overview_group(group)["learners"]) == 7


def test_an_empty_group(api: Any, bob: Any) -> None:
    from learners.services.groups import create_group

    body = overview(api, bob, create_group(teacher=bob, name="Empty"))
    assert (body["items_total"], body["learners"]) == (0, [])


def test_one_learners_work(api: Any, bob: Any, alice: Any, group: Group, course: Any) -> None:
    answer(alice, course, "two-and-two", False, True)
    give_assignment(group=group, teacher=bob, rule="pin", items=[course.items.get(slug="counting")])
    body = api(bob).get(f"/api/v1/groups/{group.pk}/learners/{alice.pk}/").json()
    assert (body["id"], body["username"]) == (alice.pk, "alice")
    assert [(c["done"], c["total"]) for c in body["courses"]] == [(1, 4)]
    assert [(c["slug"], c["right"], c["attempts"]) for c in body["concepts"]] == [("adding", 1, 2)]
    assert [(a["verb"], a["success"]) for a in body["activity"]] == [
        ("answered", True), ("answered", False),
    ]  # fmt: skip
    assert [(a["rule"], a["items"]) for a in body["assignments"]] == [("pin", ["counting"])]
