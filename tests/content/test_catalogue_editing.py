"""Courses, items and concepts over the API, as authors write them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from content_samples import CHOICE

from content.models import Concept, Course, Item

Api = Callable[..., Any]
NEW_ITEM = {
    "slug": "new",
    "title": "New",
    "kind": "exercise",
    "course": "france",
    "concepts": ["capitals"],
    "body": "What?",
    "questions": [CHOICE],
}


def errors(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 400, response.content
    return response.json()["error"]["fields"]


@pytest.mark.parametrize("name", ["courses/france", "items/capital", "concepts/capitals"])
def test_learners_and_teachers_do_not_write(
    api: Api, enrolled: Any, bob: Any, exercise: Item, name: str
) -> None:
    for person, status in ((enrolled, 403), (bob, 403), (None, 401)):
        client = api(person)
        collection = f"/api/v1/{name.split('/', maxsplit=1)[0]}/"
        assert client.post(collection, {}, format="json").status_code == status
        for method in (client.put, client.patch):
            assert method(f"/api/v1/{name}/", {"title": "X"}, format="json").status_code == status
    assert not Item.objects.filter(title="X").exists()


def test_nothing_is_deleted(api: Api, olga: Any, exercise: Item) -> None:
    for name in ("courses/france", "items/capital", "concepts/capitals"):
        assert api(olga).delete(f"/api/v1/{name}/").status_code == 405


def test_author_writes_a_course_with_sections(api: Api, ada: Any) -> None:
    course = {
        "slug": "spain",
        "title": "<b>Spain</b>",
        "authors": ["Ada"],
        "sections": [
            {"slug": "a", "title": "A"},
            {"slug": "b", "title": "B", "parent": "a"},
        ],
    }
    created = api(ada).post("/api/v1/courses/", course, format="json")
    assert created.status_code == 201
    # Markup in text is text: stored as it is.
    assert created.json()["title"] == "<b>Spain</b>"
    assert [each["parent"] for each in created.json()["sections"]] == [None, "a"]
    change = {"sections": [{"slug": "b", "title": "B"}], "description": "**new** <i>x</i>"}
    changed = api(ada).patch("/api/v1/courses/spain/", change, format="json").json()
    assert [(each["slug"], each["parent"]) for each in changed["sections"]] == [("b", None)]
    assert changed["description_html"] == "<p><strong>new</strong> &lt;i&gt;x&lt;/i&gt;</p>\n"


def test_author_writes_an_item_with_its_key(
    api: Api, ada: Any, course: Course, concept: Concept
) -> None:
    client = api(ada)
    created = client.post("/api/v1/items/", NEW_ITEM, format="json")
    assert created.status_code == 201, created.content
    item = Item.objects.get(slug="new")
    question = item.questions.get()
    assert question.key["options"][1]["correct"] is True
    old_hash = item.text_hash
    assert len(old_hash) == 64
    changed = client.patch("/api/v1/items/new/", {"body": "Which?"}, format="json")
    assert changed.json()["body_html"] == "<p>Which?</p>\n"
    item.refresh_from_db()
    assert item.text_hash != old_hash
    # What was not named stays, with its row.
    assert item.questions.get() == question


def test_second_item_comes_after_the_first(api: Api, ada: Any, exercise: Item, quiz: Item) -> None:
    assert (exercise.position, quiz.position) == (0, 1)
    listed = api(ada).get("/api/v1/items/?course=france").json()["results"]
    assert [item["slug"] for item in listed] == ["capital", "mixed"]


def test_prerequisite_cycle_is_refused_by_name(api: Api, olga: Any, concept: Concept) -> None:
    client = api(olga)
    for slug, prerequisites in (("b", ["capitals"]), ("c", ["b"])):
        body = {"slug": slug, "title": slug, "prerequisites": prerequisites}
        assert client.post("/api/v1/concepts/", body, format="json").status_code == 201
    refused = client.patch(
        "/api/v1/concepts/capitals/", {"title": "Changed", "prerequisites": ["c"]}, format="json"
    )
    (message,) = errors(refused)["prerequisites"]
    assert "capitals → c → b → capitals" in message
    concept.refresh_from_db()
    assert (concept.title, concept.prerequisites.count()) == ("Capitals", 0)
    itself = client.patch("/api/v1/concepts/b/", {"prerequisites": ["b"]}, format="json")
    assert "b → b" in errors(itself)["prerequisites"][0]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"slug": "capital"}, "slug"),
        ({"slug": "no slug"}, "slug"),
        ({"title": "a\0b"}, "title"),
        ({"title": "\ud800"}, "title"),
        ({"title": ""}, "title"),
        ({"body": "x" * 100_001}, "body"),
        ({"body": 5.5e300}, "body"),
        ({"kind": "game"}, "kind"),
        ({"course": "atlantis"}, "course"),
        ({"section": "nowhere"}, "section"),
        ({"concepts": ["unknown"]}, "concepts"),
        ({"concepts": "capitals"}, "concepts"),
        ({"difficulty": 1.5}, "difficulty"),
        pytest.param({"difficulty": 10**400}, "difficulty", id="huge"),
        ({"minutes": -1}, "minutes"),
        ({"position": -1}, "position"),
        ({"position": 10**12}, "position"),
        ({"questions": []}, "questions.non_field_errors"),
        ({"questions": [CHOICE, CHOICE]}, "questions.non_field_errors"),
        ({"questions": "all"}, "questions.non_field_errors"),
        ({"questions": [{**CHOICE, "key": {}}]}, "questions.0.key.options"),
        ({"questions": [{**CHOICE, "key": 5}]}, "questions.0.key"),
        ({"questions": [{**CHOICE, "key": None}]}, "questions.0.key"),
        ({"questions": [{**CHOICE, "answer_type": "x"}]}, "questions.0.answer_type"),
        ({"questions": [{**CHOICE, "hints": ["\0"]}]}, "questions.0.hints.0"),
        (
            {"questions": [{"answer_type": "text", "key": {"accepted": ["a\0"]}}]},
            "questions.0.key.accepted.0",
        ),
        (
            {"questions": [{"answer_type": "number", "key": {"value": "x"}}]},
            "questions.0.key.value",
        ),
        (
            {
                "questions": [
                    {"answer_type": "choice", "key": {"options": [{"text": "a"}, {"text": "b"}]}}
                ]
            },
            "questions.0.key",
        ),
        ({"kind": "lesson"}, "questions.non_field_errors"),
    ],
)
def test_bad_items_are_refused_at_their_field(
    api: Api, ada: Any, exercise: Item, change: dict[str, Any], field: str
) -> None:
    before = Item.objects.count()
    sent = json.dumps({**NEW_ITEM, **change})
    response = api(ada).post("/api/v1/items/", sent, content_type="application/json")
    assert field in errors(response)
    assert Item.objects.count() == before


def test_kind_cannot_leave_the_questions_behind(api: Api, ada: Any, exercise: Item) -> None:
    refused = api(ada).patch("/api/v1/items/capital/", {"kind": "lesson"}, format="json")
    assert "questions.non_field_errors" in errors(refused)
    exercise.refresh_from_db()
    assert exercise.kind == "exercise"
    both = {"kind": "lesson", "questions": []}
    assert api(ada).patch("/api/v1/items/capital/", both, format="json").status_code == 200
    assert not exercise.questions.exists()
