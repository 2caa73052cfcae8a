"""The catalogue's API: learners read what they are enrolled for, authors write all of it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

from content.models import Item

Api = Callable[..., Any]


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


def test_learner_does_not_see_what_is_unpublished(
    api: Api, enrolled: Any, ada: Any, exercise: Item
) -> None:
    changed = api(ada).patch("/api/v1/items/capital/", {"published": False}, format="json")
    assert (changed.status_code, changed.json()["published"]) == (200, False)
    assert api(enrolled).get("/api/v1/items/capital/").status_code == 404
    assert api(ada).get("/api/v1/items/capital/").status_code == 200


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
