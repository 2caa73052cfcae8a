"""The catalogue in the admin: the same checks as everywhere else."""

import json
from typing import Any

import pytest
from content_samples import CHOICE
from django.urls import reverse
from web_pages import sign_in

from content import services
from content.models import Concept, Course, Item


def question_form(item: Item, **changes: Any) -> dict[str, Any]:
    """What the browser sends back for an exercise, changed."""
    question = item.questions.get()
    data = {
        "course": item.course_id,
        "slug": item.slug,
        "title": item.title,
        "kind": item.kind,
        "position": item.position,
        "body": item.body,
        "minutes": item.minutes,
        "difficulty": item.difficulty,
        "concepts": [concept.pk for concept in item.concepts.all()],
        "published": "on",
        "questions-TOTAL_FORMS": 1,
        "questions-INITIAL_FORMS": 1,
        "questions-0-id": question.pk,
        "questions-0-item": item.pk,
        "questions-0-position": 0,
        "questions-0-prompt": "",
        "questions-0-answer_type": "choice",
        "questions-0-key": json.dumps(question.key),
        "questions-0-hints": json.dumps(question.hints),
        "questions-0-explanation": question.explanation,
    }
    return {**data, **changes}


def test_operator_finds_the_catalogue(olga: Any, exercise: Item, concept: Concept) -> None:
    client = sign_in(olga)
    for name in ("course", "item", "concept"):
        assert client.get(reverse(f"admin:content_{name}_changelist")).status_code == 200
        assert client.get(reverse(f"admin:content_{name}_add")).status_code == 200
    for row in (exercise, exercise.course, concept):
        address = reverse(f"admin:content_{row._meta.model_name}_change", args=[row.pk])
        assert client.get(address).status_code == 200


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_others_do_not_enter(request: pytest.FixtureRequest, exercise: Item, who: str) -> None:
    person = request.getfixturevalue(who)
    address = reverse("admin:content_item_changelist")
    assert sign_in(person).get(address).status_code == 302


def test_operator_changes_an_item(olga: Any, exercise: Item) -> None:
    old_hash = exercise.text_hash
    address = reverse("admin:content_item_change", args=[exercise.pk])
    response = sign_in(olga).post(address, question_form(exercise, body="Which town?"))
    assert response.status_code == 302, response.content.decode()
    exercise.refresh_from_db()
    assert exercise.body == "Which town?"
    assert exercise.text_hash != old_hash
    assert exercise.questions.get().key["options"][1]["correct"] is True


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"questions-0-key": "{"}, "Enter a valid JSON"),
        ({"questions-0-key": '{"options": [{"text": "a"}, {"text": "b"}]}'}, "no right option"),
        ({"questions-0-key": '{"options": [{"text": "a\\u0000"}]}'}, "NUL"),
        ({"questions-0-hints": '["\\u0000"]'}, "NUL"),
        ({"questions-0-hints": '{"a": 1}'}, "must be a list"),
        ({"questions-0-DELETE": "on"}, "are missing"),
        ({"kind": "lesson"}, "are only for exercises and quizzes"),
    ],
)
def test_bad_questions_are_refused(
    olga: Any,
    exercise: Item,
    changes: dict[str, Any],
    message: str,
) -> None:
    address = reverse("admin:content_item_change", args=[exercise.pk])
    response = sign_in(olga).post(address, question_form(exercise, title="New", **changes))
    assert response.status_code == 200
    assert message in response.content.decode()
    exercise.refresh_from_db()
    assert (exercise.title, exercise.questions.count()) == ("The capital", 1)


def test_prerequisite_cycle_is_refused(olga: Any, concept: Concept) -> None:
    after = services.create_concept(slug="after", title="After", prerequisites=[concept])
    form = {
        "slug": concept.slug,
        "title": concept.title,
        "prerequisite_links-TOTAL_FORMS": 1,
        "prerequisite_links-INITIAL_FORMS": 0,
        "prerequisite_links-0-concept": concept.pk,
        "prerequisite_links-0-prerequisite": after.pk,
    }
    address = reverse("admin:content_concept_change", args=[concept.pk])
    client = sign_in(olga)
    response = client.post(address, form)
    assert response.status_code == 200
    assert "capitals → after → capitals" in response.content.decode()
    services.set_prerequisites(concept=after, prerequisites=[])
    assert client.post(address, form).status_code == 302
    assert concept.prerequisites.get() == after


def test_unpublish_action(olga: Any, exercise: Item, lesson: Item) -> None:
    address = reverse("admin:content_item_changelist")
    client = sign_in(olga)
    client.post(address, {"action": "unpublish", "_selected_action": [exercise.pk]})
    assert list(Item.objects.published()) == [lesson]
    client.post(address, {"action": "publish", "_selected_action": [exercise.pk]})
    assert Item.objects.published().count() == 2


def test_nothing_can_be_deleted(olga: Any, exercise: Item, course: Course) -> None:
    olga.is_superuser = True
    olga.save()
    client = sign_in(olga)
    for row in (exercise, course):
        address = reverse(f"admin:content_{row._meta.model_name}_delete", args=[row.pk])
        assert client.post(address, {"post": "yes"}).status_code == 403


def test_state_of_the_text_vector_is_visible(olga: Any, exercise: Item, lesson: Item) -> None:
    services.store_vectors("e1", {exercise.text_hash: [1.0]})
    address = reverse("admin:content_item_changelist")
    client = sign_in(olga)
    waiting = client.get(address, {"vector": "no"}).context["cl"].result_list
    assert list(waiting) == [lesson]
    assert list(client.get(address, {"vector": "yes"}).context["cl"].result_list) == [exercise]


def test_export_has_no_key(olga: Any, exercise: Item) -> None:
    address = reverse("admin:content_item_export")
    client = sign_in(olga)
    assert client.get(address).status_code == 200
    response = client.post(address, {"format": "0", "resource": "0"})
    table = response.content.decode()
    assert "capital" in table
    assert CHOICE["explanation"] not in table
    assert "Lyon" not in table
