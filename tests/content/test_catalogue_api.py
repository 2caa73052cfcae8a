"""The catalogue's API: learners read what they are enrolled for, authors write all of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from content_samples import CHOICE
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

from content.models import Concept, Course, Item
from learners.models import Enrolment

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


@pytest.fixture
def enrolled(alice: Any, course: Course) -> Any:
    """Alice, enrolled in the course."""
    Enrolment.objects.create(learner=alice, course=course)
    return alice


def errors(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 400, response.content
    return response.json()["error"]["fields"]


def test_learner_reads_her_item(api: Api, enrolled: Any, exercise: Item) -> None:
    shown = api(enrolled).get("/api/v1/items/capital/").json()
    assert shown["id"] == exercise.pk
    assert shown["body_html"] == "<p>What is the <strong>capital</strong> of France?</p>\n"
    assert (shown["course"], shown["concepts"]) == ("france", ["capitals"])
    (question,) = shown["questions"]
    assert [option["index"] for option in question["options"]] == [0, 1, 2]
    assert question["hint_count"] == 2
    assert not {"key", "hints", "explanation"} & set(question)


def test_hints_come_one_by_one(api: Api, enrolled: Any, exercise: Item) -> None:
    client = api(enrolled)
    first = client.get("/api/v1/items/capital/hints/1/").json()
    assert first == {
        "hint": 1,
        "of": 2,
        "text": "SECRET-HINT one",
        "html": "<p>SECRET-HINT one</p>\n",
    }
    for address in ("hints/0/", "hints/3/", "hints/9999/", "hints/1/?question=1"):
        assert client.get(f"/api/v1/items/capital/{address}").status_code == 404
    assert client.get("/api/v1/items/capital/hints/1/?question=x").status_code == 400


def test_hints_of_a_quiz_belong_to_a_question(api: Api, enrolled: Any, quiz: Item) -> None:
    quiz.questions.filter(position=1).update(hints=["Weigh it."])
    client = api(enrolled)
    assert client.get("/api/v1/items/mixed/hints/1/?question=1").json()["text"] == "Weigh it."
    assert client.get("/api/v1/items/mixed/hints/1/").status_code == 404


def list_get_addresses() -> list[str]:
    """Every address of the API, whoever's, its parameters filled in with what exists here."""
    values = {"slug": "{slug}", "number": "1", "pk": "1", "id": "1", "learner_id": "1"}

    def walk(patterns: list[Any], prefix: str) -> list[str]:
        found = []
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                found += walk(pattern.url_patterns, route)
            elif isinstance(pattern, URLPattern) and route.startswith("api/v1/"):
                names = list(pattern.pattern.converters or pattern.pattern.regex.groupindex)
                found.append(
                    (pattern.name or "", {name: values.get(name, "1") for name in names}, route)
                )
        return found

    addresses = set()
    for name, arguments, _route in walk(get_resolver().url_patterns, ""):
        for slug in ("france", "capitals", "capital", "mixed", "towns"):
            filled = {key: value.format(slug=slug) for key, value in arguments.items()}
            try:
                addresses.add(reverse(name, kwargs=filled))
            except NoReverseMatch:
                continue
    return sorted(addresses)


def test_no_get_shows_the_key_to_a_learner(
    api: Api, enrolled: Any, exercise: Item, quiz: Item, lesson: Item
) -> None:
    client = api(enrolled)
    # Hints are meant to be read; everything else about a key is not.
    secrets = [b"SECRET-FEEDBACK", b"SECRET-EXPLANATION", b"SECRET-ACCEPTED", b"987654.25"]
    addresses = list_get_addresses()
    assert {"/api/v1/items/", "/api/v1/items/capital/", "/api/v1/items/mixed/"} <= set(addresses)
    for address in addresses:
        for query in ("", "?course=france", "?format=json"):
            body = client.get(address + query).getvalue()
            assert not [secret for secret in secrets if secret in body], address
            if "/schema" not in address:
                assert b'"correct"' not in body, address
                assert b'"tolerance"' not in body, address


def test_author_reads_the_key(api: Api, ada: Any, exercise: Item) -> None:
    (question,) = api(ada).get("/api/v1/items/capital/").json()["questions"]
    assert question["key"]["options"][1] == {"text": "Paris", "correct": True, "feedback": ""}
    assert question["explanation"] == "SECRET-EXPLANATION because"


@pytest.mark.parametrize("name", ["courses/france", "items/capital", "concepts/capitals"])
def test_who_is_not_enrolled_sees_nothing(
    api: Api, charlie: Any, exercise: Item, name: str
) -> None:
    client = api(charlie)
    assert client.get(f"/api/v1/{name}/").status_code == 404
    assert client.get(f"/api/v1/{name.split('/', maxsplit=1)[0]}/").json()["results"] == []
    assert client.get("/api/v1/items/capital/hints/1/").status_code == 404
    assert api(None).get(f"/api/v1/{name}/").status_code == 401
    assert api(None).get("/api/v1/items/capital/hints/1/").status_code == 401


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


def test_learner_does_not_see_what_is_unpublished(
    api: Api, enrolled: Any, ada: Any, exercise: Item
) -> None:
    changed = api(ada).patch("/api/v1/items/capital/", {"published": False}, format="json")
    assert (changed.status_code, changed.json()["published"]) == (200, False)
    assert api(enrolled).get("/api/v1/items/capital/").status_code == 404
    assert api(ada).get("/api/v1/items/capital/").status_code == 200


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


@pytest.mark.parametrize(
    ("query", "slugs"),
    [
        ("?course=france", {"capital", "towns"}),
        ("?kind=lesson", {"towns"}),
        ("?concept=capitals&kind=exercise", {"capital"}),
        ("?course=atlantis", set()),
        ("?published=true", {"capital", "towns"}),
    ],
)
def test_items_are_filtered(
    api: Api, enrolled: Any, exercise: Item, lesson: Item, query: str, slugs: set[str]
) -> None:
    listed = api(enrolled).get(f"/api/v1/items/{query}").json()["results"]
    assert {item["slug"] for item in listed} == slugs


def test_bad_filters_are_refused(api: Api, enrolled: Any) -> None:
    client = api(enrolled)
    assert client.get("/api/v1/items/?kind=game").status_code == 400
    assert client.get("/api/v1/items/?kind=").status_code == 400
    assert client.get("/api/v1/items/?published=perhaps").status_code == 400
    assert client.get("/api/v1/items/?published=").status_code == 400
    assert client.get("/api/v1/items/?course=%00").status_code == 400
    assert client.get("/api/v1/items/?cursor=nonsense").status_code == 404


def test_list_costs_the_same_however_long(
    api: Api, enrolled: Any, exercise: Item, django_assert_max_num_queries: Any
) -> None:
    from content import services

    for number in range(30):
        services.create_item(
            course=exercise.course,
            slug=f"n-{number}",
            title="N",
            kind="reading",
            concepts=list(exercise.concepts.all()),
        )
    client = api(enrolled)
    with django_assert_max_num_queries(4):
        assert len(client.get("/api/v1/items/").json()["results"]) == 31
