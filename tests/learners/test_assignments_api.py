"""Teachers' rules: given, listed, withdrawn, and refused where they make no sense."""

from typing import Any

import pytest

from learners.models import Assignment, Group
from learners.selectors import list_rules
from learners.services.accounts import erase_person
from learners.services.groups import add_learner

pytestmark = pytest.mark.django_db


@pytest.fixture
def give(api: Any, bob: Any, group: Group) -> Any:
    """Give Bob's group a rule."""

    def post(**body: Any) -> Any:
        return api(bob).post(f"/api/v1/groups/{group.pk}/assignments/", body, format="json")

    return post


def test_items_are_assigned_until_withdrawn(
    give: Any, api: Any, bob: Any, alice: Any, group: Group, course: Any, dirt: Any
) -> None:
    before = dirt(alice)
    given = give(items=["counting", "two-and-two"], due="2030-01-01T12:00:00Z", rule="assign")
    assert given.status_code == 201
    body = given.json()
    assert sorted(body["items"]) == ["counting", "two-and-two"]
    assert (body["rule"], body["due"], body["teacher"]) == ("assign", "2030-01-01T12:00:00Z", "bob")
    assert (body["concept"], body["learners"]) == (None, [])
    assert dirt(alice) == before + 1
    assert len(list_rules([alice.pk])[alice.pk].assigned) == 2

    url = f"/api/v1/groups/{group.pk}/assignments/"
    assert [row["id"] for row in api(bob).get(url).json()["results"]] == [body["id"]]
    assert api(bob).delete(f"{url}{body['id']}/").status_code == 204
    assert api(bob).get(url).json()["results"] == []
    assert dirt(alice) == before + 2
    assert not list_rules([alice.pk])[alice.pk].assigned
    assert api(bob).delete(f"{url}{body['id']}/").status_code == 404
    assert Assignment.objects.count() == 1  # kept, to explain what was shown


def test_a_concept_is_pinned_for_some(
    give: Any, alice: Any, charlie: Any, group: Group, dirt: Any
) -> None:
    add_learner(group=group, learner=charlie)
    before = dirt(charlie)
    given = give(concept="adding", learners=[alice.pk], rule="pin")
    assert given.status_code == 201
    assert (given.json()["concept"], given.json()["learners"]) == ("adding", [alice.pk])
    assert dirt(charlie) == before
    rules = list_rules([alice.pk, charlie.pk])
    assert len(rules[alice.pk].pinned) == 3
    assert not rules[charlie.pk].pinned


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"rule": "assign"}, "items"),
        ({"rule": "assign", "items": []}, "items"),
        ({"rule": "assign", "items": ["counting"], "concept": "adding"}, "items"),
        ({"rule": "assign", "items": ["no-such-item"]}, "items"),
        ({"rule": "assign", "items": ["first-secret"]}, "items"),
        ({"rule": "assign", "items": "counting"}, "items"),
        ({"rule": "assign", "items": ["a\0"]}, "items.0"),
        ({"rule": "assign", "concept": "no-such-concept"}, "concept"),
        ({"rule": "assign", "concept": "s"}, "concept"),
        ({"rule": "assign", "concept": ["adding"]}, "concept"),
        ({"rule": "hide", "items": ["counting"]}, "rule"),
        ({"items": ["counting"]}, "rule"),
        ({"rule": "assign", "items": ["counting"], "learners": [999_999]}, "learners"),
        ({"rule": "assign", "items": ["counting"], "learners": ["alice"]}, "learners.0"),
        ({"rule": "assign", "items": ["counting"], "learners": [2**70]}, "learners.0"),
        ({"rule": "assign", "items": ["counting"], "due": "soon"}, "due"),
        ({"rule": "pin", "items": ["counting"], "due": "2030-01-01T12:00:00Z"}, "due"),
    ],
)
def test_a_rule_that_makes_no_sense(
    give: Any, secret_course: Any, body: dict[str, Any], field: str
) -> None:
    response = give(**body)
    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == [field]
    assert not Assignment.objects.exists()


def test_a_rule_of_another_group_cannot_be_withdrawn(give: Any, api: Any, person: Any) -> None:
    from learners.services.groups import create_group

    pk = give(items=["counting"], rule="ban").json()["id"]
    dan = person("dan", role="teacher")
    other = create_group(teacher=dan, name="Other")
    assert api(dan).delete(f"/api/v1/groups/{other.pk}/assignments/{pk}/").status_code == 404
    assert Assignment.objects.in_force().exists()


def test_a_rule_for_one_learner_ends_when_she_leaves_for_good(
    give: Any, person: Any, alice: Any, group: Group
) -> None:
    dan, erin = person("dan"), person("erin")
    for learner in (dan, erin):
        add_learner(group=group, learner=learner)
    hers = give(items=["counting"], learners=[dan.pk], rule="ban").json()["id"]
    shared = give(items=["two-and-two"], learners=[dan.pk, erin.pk], rule="ban").json()["id"]
    erase_person(person=dan)
    assert Assignment.objects.get(pk=hers).withdrawn_at is not None
    assert Assignment.objects.get(pk=shared).withdrawn_at is None
    rules = list_rules([alice.pk, erin.pk])
    assert not rules[alice.pk].banned  # naming nobody, either rule would reach her
    assert len(rules[erin.pk].banned) == 1
