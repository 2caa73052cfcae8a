"""The teachers' pages: who needs help, with what, what to assign; and who must not get in."""

import re
import uuid
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from web_pages import HTMX, text_of

from content.models import Concept, Course, Item
from learners.models import Assignment, Group
from learners.services.enrolment import enrol_learners
from learners.services.events import record_attempt
from learners.services.groups import add_learner, create_group
from recommender import reasons
from recommender.services.syllabus import store_first_slate

GIVEN = "Assigned</span>"


@pytest.fixture
def struggling(alice: Any, group: Any, algebra: SimpleNamespace) -> Any:
    """Alice answers three times wrong."""
    for _try in range(3):
        record_attempt(
            actor=alice, item=algebra.items["equations-one"], uid=uuid.uuid4(), response="7"
        )
    return alice


def test_the_group_page_says_who_needs_help_with_what(
    page: Any, bob: Any, group: Any, struggling: Any
) -> None:
    body = text_of(page(bob).get(f"/groups/{group.pk}/"))
    assert "1 needs help" in body
    assert "Equations" in body
    assert "0 of the last 3 right" in body


def test_practice_is_assigned_with_one_press(
    page: Any, bob: Any, group: Any, struggling: Any
) -> None:
    data = {"brief": 1, "rule": "assign", "concept": "equations", "learners": struggling.pk}
    response = page(bob).post(f"/groups/{group.pk}/rules/", data, headers=HTMX)
    assert "In force." in text_of(response)
    rule = Assignment.objects.get(group=group)
    assert (rule.rule, rule.concept.slug) == ("assign", "equations")
    assert list(rule.learners.all()) == [struggling]


def test_practice_that_is_assigned_is_not_offered_again(
    page: Any, bob: Any, group: Any, struggling: Any
) -> None:
    client = page(bob)
    addresses = [f"/groups/{group.pk}/", f"/groups/{group.pk}/learners/{struggling.pk}/"]
    for address in addresses:
        assert GIVEN not in text_of(client.get(address))
    data = {"rule": "assign", "concept": "equations", "learners": struggling.pk}
    client.post(f"/groups/{group.pk}/rules/", data)
    for address in addresses:
        body = text_of(client.get(address))
        assert GIVEN in body
        assert "Assign practice" not in body
    rule = Assignment.objects.get(group=group)
    client.post(f"/groups/{group.pk}/rules/{rule.pk}/withdraw/")
    # What everybody is given, she is given.
    assert "Assign practice" in text_of(client.get(addresses[0]))
    client.post(f"/groups/{group.pk}/rules/", {"rule": "assign", "concept": "equations"})
    assert GIVEN in text_of(client.get(addresses[0]))


def test_an_item_is_assigned_with_a_date_and_withdrawn(page: Any, bob: Any, group: Any) -> None:
    client = page(bob)
    day = timezone.localdate() + timedelta(days=3)
    data = {"rule": "assign", "item": "graphs-one", "due": day.isoformat()}
    body = text_of(client.post(f"/groups/{group.pk}/rules/", data, follow=True))
    assert "Graphs one" in body
    rule = Assignment.objects.get(group=group)
    assert timezone.localdate(rule.due) == day
    client.post(f"/groups/{group.pk}/rules/{rule.pk}/withdraw/", headers=HTMX)
    rule.refresh_from_db()
    assert rule.withdrawn_at is not None


def test_a_rule_from_a_learners_page_answers_with_her_rules(
    page: Any, bob: Any, alice: Any, charlie: Any, group: Any
) -> None:
    add_learner(group=group, learner=charlie)
    client, rules = page(bob), f"/groups/{group.pk}/rules/"
    client.post(rules, {"rule": "assign", "item": "graphs-one", "learners": charlie.pk})
    own = f"/groups/{group.pk}/learners/{alice.pk}/"
    before = text_of(client.get(own))
    assert f'name="page_of" value="{alice.pk}"' in before
    assert "No rule is in force." in before

    data = {"rule": "ban", "item": "letters-one", "learners": alice.pk, "page_of": alice.pk}
    given = text_of(client.post(rules, data, headers=HTMX))
    assert "Letters one</a>" in given
    assert "Graphs one</a>" not in given
    # The form names her again, and stays one of her page.
    ticked = re.findall(r'name="learners" value="(\d+)"[^>]*checked', given)
    assert ticked == [str(alice.pk)]
    assert f'name="page_of" value="{alice.pk}"' in given
    assert ">Hidden</span>" in given

    rule = Assignment.objects.get(rule="ban")
    address = f"{rules}{rule.pk}/withdraw/"
    withdrawn = text_of(client.post(address, {"page_of": alice.pk}, headers=HTMX))
    assert "Withdrawn." in withdrawn
    assert "Graphs one</a>" not in withdrawn
    # Without a script it leads back to where it was pressed.
    assert client.post(rules, data).headers["Location"] == own
    assert client.post(address, {"page_of": alice.pk}).headers["Location"] == own
    assert client.post(address, {"page_of": bob.pk}).status_code == 404
    # The group's own page goes on to show all of them.
    of_group = {name: value for name, value in data.items() if name != "page_of"}
    assert "Graphs one</a>" in text_of(client.post(rules, of_group, headers=HTMX))


def test_each_kind_of_rule_says_what_it_does(page: Any, bob: Any, group: Any) -> None:
    body = text_of(page(bob).get(f"/groups/{group.pk}/"))
    for label in ("Assign as work", "Keep at the top", "Hide"):
        assert f">{label}</option>" in body
    assert "What is hidden is never suggested." in body


def test_learners_of_a_rule_are_ticked_one_by_one(
    page: Any, bob: Any, alice: Any, charlie: Any, person: Any, group: Any
) -> None:
    add_learner(group=group, learner=person("dan"))
    add_learner(group=group, learner=charlie)
    client = page(bob)
    body = text_of(client.get(f"/groups/{group.pk}/"))
    boxes = re.findall(r'type="checkbox" name="learners" value="(\d+)"', body)
    assert len(boxes) == 3
    named = re.search(r'role="group" aria-labelledby="(\w+)"', body)
    assert named is not None
    assert f'id="{named[1]}">Only for' in body
    data = {"rule": "pin", "item": "graphs-one", "learners": [alice.pk, charlie.pk]}
    client.post(f"/groups/{group.pk}/rules/", data)
    assert set(Assignment.objects.get(group=group).learners.all()) == {alice, charlie}


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"rule": "assign"}, "item"),
        ({"rule": "assign", "item": "graphs-one", "concept": "graphs"}, "item"),
        ({"rule": "praise", "item": "graphs-one"}, "rule"),
        ({"rule": "pin", "item": "chemistry-one"}, "item"),
        ({"rule": "assign", "item": "graphs-one", "due": "2001-01-01"}, "due"),
        ({"rule": "ban", "item": "graphs-one", "learners": "999999"}, "learners"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_at_its_field(
    page: Any, bob: Any, group: Any, data: dict[str, str], field: str
) -> None:
    response = page(bob).post(f"/groups/{group.pk}/rules/", data)
    assert response.status_code == 422
    assert field in response.context["rule_form"].errors
    assert not Assignment.objects.exists()


def test_a_refused_rule_from_a_learners_page_answers_with_that_page(
    page: Any, bob: Any, alice: Any, group: Any
) -> None:
    data = {"rule": "assign", "page_of": alice.pk}
    response = page(bob).post(f"/groups/{group.pk}/rules/", data)
    assert response.status_code == 422
    assert response.context["person"] == alice
    assert "item" in response.context["rule_form"].errors


def test_a_rule_is_not_withdrawn_from_the_page_of_a_stranger(
    page: Any, bob: Any, charlie: Any, group: Any
) -> None:
    client = page(bob)
    client.post(f"/groups/{group.pk}/rules/", {"rule": "pin", "item": "graphs-one"})
    rule = Assignment.objects.get(group=group)
    address = f"/groups/{group.pk}/rules/{rule.pk}/withdraw/"
    assert client.post(address, {"page_of": charlie.pk}).status_code == 404
    rule.refresh_from_db()
    assert rule.withdrawn_at is None


def test_the_opposite_of_a_rule_in_force_is_warned_of(
    page: Any, bob: Any, alice: Any, charlie: Any, group: Any
) -> None:
    add_learner(group=group, learner=charlie)
    client, rules = page(bob), f"/groups/{group.pk}/rules/"
    told = "says the opposite"
    pin = {"rule": "pin", "item": "graphs-one", "learners": alice.pk}
    ban = {"rule": "ban", "item": "graphs-one"}
    assert told not in text_of(client.post(rules, pin, headers=HTMX))
    assert told not in text_of(client.post(rules, {**ban, "learners": charlie.pk}, headers=HTMX))
    assert told in text_of(client.post(rules, ban, headers=HTMX))
    assert told in text_of(client.post(rules, ban, follow=True))


def test_the_join_code_is_renewed_and_revoked(page: Any, bob: Any, group: Any) -> None:
    client, old = page(bob), group.join_code
    client.post(f"/groups/{group.pk}/code/", {"action": "renew"}, headers=HTMX)
    group.refresh_from_db()
    assert group.join_code not in (None, old)
    body = text_of(client.post(f"/groups/{group.pk}/code/", {"action": "revoke"}, headers=HTMX))
    group.refresh_from_db()
    assert group.join_code is None
    assert "Nobody can join by code" in body


def test_learners_come_and_go(page: Any, bob: Any, charlie: Any, group: Any) -> None:
    client, address = page(bob), f"/groups/{group.pk}/members/"
    client.post(address, {"person": "CHARLIE@example.org"})
    assert group.learners.filter(pk=charlie.pk).exists()
    assert charlie.enrolments.filter(course__slug="algebra").exists()
    client.post(address, {"remove": charlie.pk})
    assert not group.learners.filter(pk=charlie.pk).exists()
    refused = client.post(address, {"person": "nobody"})
    assert (refused.status_code, "There is nobody of this name" in text_of(refused)) == (422, True)


def test_courses_come_and_go(page: Any, bob: Any, alice: Any, group: Any) -> None:
    Course.objects.create(slug="chemistry", title="Chemistry")
    client, address = page(bob), f"/groups/{group.pk}/courses/"
    client.post(address, {"course": "chemistry"})
    assert alice.enrolments.filter(course__slug="chemistry").exists()
    client.post(address, {"remove": "chemistry"})
    assert not alice.enrolments.filter(course__slug="chemistry").exists()


def test_a_teacher_makes_a_group(page: Any, bob: Any) -> None:
    response = page(bob).post("/groups/", {"name": "Evening class"})
    made = Group.objects.get(name="Evening class")
    assert response.headers["Location"] == f"/groups/{made.pk}/"
    assert list(made.teachers.all()) == [bob]


def test_the_learner_page_shows_how_she_is_doing(
    page: Any, bob: Any, group: Any, struggling: Any
) -> None:
    store_first_slate(learner_id=struggling.pk)
    body = text_of(page(bob).get(f"/groups/{group.pk}/learners/{struggling.pk}/"))
    assert "Hard at the moment" in body
    assert "0 of 3 right" in body
    assert "Answered, not yet right:" in body
    assert "Next on the list" in body
    assert "Letters lesson" in body


def test_the_learner_page_shows_the_worst_five_and_folds_the_rest(
    page: Any, bob: Any, alice: Any, group: Any, algebra: SimpleNamespace
) -> None:
    item = algebra.items["equations-one"]
    for number in range(7):
        item.concepts.add(Concept.objects.create(slug=f"part-{number}", title=f"Part {number}"))
    for _try in range(3):
        record_attempt(actor=alice, item=item, uid=uuid.uuid4(), response="7")
    body = text_of(page(bob).get(f"/groups/{group.pk}/learners/{alice.pk}/"))
    before, folded = body.split('<details class="more">')[:2]
    assert before.count("Assign practice") == 5
    assert "3 more concepts" in folded
    assert folded.split("</details>")[0].count("Assign practice") == 3


def test_reasons_tell_the_teacher_nothing_of_other_courses(
    page: Any, bob: Any, alice: Any, group: Any, algebra: SimpleNamespace
) -> None:
    other = Course.objects.create(slug="therapy", title="Therapy")
    private = Item.objects.create(
        course=other, slug="grief", title="Living with grief", kind="lesson"
    )
    enrol_learners(learner_ids=[alice.pk], courses=[other])
    slate = store_first_slate(learner_id=alice.pk)
    told = [
        reasons.from_event(
            event=1, verb="completed", right=None, item=item.pk, at=timezone.now(), share=0.5
        )
        for item in (private, algebra.items["letters-one"])
    ]
    for entry in slate.entries:
        entry["reasons"] = told
    reasons.name_events(told, {})
    slate.save()
    body = text_of(page(bob).get(f"/groups/{group.pk}/learners/{alice.pk}/"))
    assert "grief" not in body
    assert f"Because you finished “{algebra.items['letters-one'].title}”" in body


def test_the_list_of_groups_takes_as_many_queries_for_many(
    page: Any, bob: Any, group: Any, django_assert_max_num_queries: Any
) -> None:
    browser = page(bob)
    with CaptureQueriesContext(connection) as one:
        assert browser.get("/groups/").status_code == 200
    for name in ("8a", "8b", "8c"):
        create_group(teacher=bob, name=name)
    with django_assert_max_num_queries(len(one)):
        assert "8c" in text_of(browser.get("/groups/"))


def test_people_who_must_not_get_in(
    page: Any, person: Any, alice: Any, charlie: Any, group: Any
) -> None:
    other = person("barbara", role="teacher")
    addresses = [f"/groups/{group.pk}/", f"/groups/{group.pk}/learners/{alice.pk}/"]
    actions = ["code/", "rules/", "members/", "courses/", "rules/1/withdraw/"]
    for someone in (other, alice, charlie):
        client = page(someone)
        assert [client.get(address).status_code for address in addresses] == [404, 404]
        for action in actions:
            data = {"action": "revoke", "rule": "ban", "item": "graphs-one", "remove": alice.pk}
            assert client.post(f"/groups/{group.pk}/{action}", data).status_code == 404
    for address in addresses:
        assert page().get(address).status_code == 302
    assert page(alice).get("/groups/").status_code == 403
    assert page(alice).post("/groups/", {"name": "Mine"}).status_code == 403
    group.refresh_from_db()
    assert group.join_code
    assert group.learners.filter(pk=alice.pk).exists()
    assert not Assignment.objects.exists()


def test_a_learner_of_another_group_is_not_found(
    page: Any, bob: Any, charlie: Any, group: Any
) -> None:
    assert page(bob).get(f"/groups/{group.pk}/learners/{charlie.pk}/").status_code == 404
