"""`GET recommendations/`: always answers, and shows only what she may see now."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from content.models import Concept, Course, Item
from learners.services.groups import add_course, add_learner, remove_course
from recommender.models import Slate

URL = "/api/v1/recommendations/"

pytestmark = pytest.mark.django_db


def test_a_learner_without_a_slate_gets_the_syllabus_and_is_told_so(
    alice: Any, group: Any, algebra: SimpleNamespace, api: Callable[..., Any]
) -> None:
    body = api(alice).get(URL).json()
    assert body["model_version"] is None
    assert body["stale"] is True  # a worker's is on its way
    assert [item["item"]["slug"] for item in body["items"]] == list(algebra.items)
    assert [item["rank"] for item in body["items"]] == list(range(1, 10))
    first = body["items"][0]
    assert first["item"] == {
        "slug": "letters-lesson",
        "title": "Letters lesson",
        "kind": "lesson",
        "course": "algebra",
    }
    assert first["predicted_success"] is None
    assert first["retrievability"] is None
    (reason,) = first["reasons"]
    assert reason["code"] == "syllabus_start"
    assert "Algebra" in reason["text"]
    assert Slate.objects.get(learner=alice).source == "syllabus"


def test_the_same_slate_is_read_twice(alice: Any, group: Any, api: Callable[..., Any]) -> None:
    first, second = (api(alice).get(URL).json()["slate"] for _time in range(2))
    assert first == second


def test_a_refresh_makes_a_new_slate_of_the_same_order(
    alice: Any, group: Any, api: Callable[..., Any], refresh: Callable[[], Any]
) -> None:
    before = api(alice).get(URL).json()
    assert alice.pk in refresh().stored
    after = api(alice).get(URL).json()
    assert after["slate"] != before["slate"]
    assert after["stale"] is False
    assert after["items"] == before["items"]


def test_nobody_else_can_read_it(api: Callable[..., Any], charlie: Any, group: Any) -> None:
    assert api().get(URL).status_code == 401
    assert api(charlie).get(URL).json()["items"] == []


def test_one_course_and_a_limit(
    alice: Any, group: Any, next_items: Callable[..., list[str]]
) -> None:
    assert len(next_items(alice, limit=2)) == 2
    assert len(next_items(alice, course="algebra")) == 9


def test_a_course_of_others_is_as_unknown_as_one_that_is_not_there(
    alice: Any, group: Any, api: Callable[..., Any]
) -> None:
    Course.objects.create(slug="chemistry", title="Chemistry")
    Course.objects.filter(slug="algebra").update(published=False)
    answers = [api(alice).get(URL, {"course": slug}) for slug in ("chemistry", "nope", "algebra")]
    assert [answer.status_code for answer in answers] == [400, 400, 400]
    errors = [answer.json()["error"] for answer in answers]
    assert errors[0]["fields"] == {"course": ["There is no such course."]}
    assert errors[0] == errors[1] == errors[2]


def test_a_course_of_hers_with_nothing_left_is_an_empty_list(
    alice: Any, group: Any, algebra: SimpleNamespace, next_items: Callable[..., list[str]]
) -> None:
    algebra.course.items.update(published=False)
    assert next_items(alice, course="algebra") == []


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 201},
        {"limit": "many"},
        {"course": "a b"},
        {"course": "nul\0"},
        {"course": ""},
        {"limit": ""},
    ],
)
def test_bad_queries_name_the_field(alice: Any, api: Callable[..., Any], query: Any) -> None:
    answer = api(alice).get(URL, query)
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == list(query)


def test_what_changed_since_is_dropped_before_the_next_slate(
    alice: Any,
    group: Any,
    algebra: SimpleNamespace,
    did: Callable[..., Any],
    api: Callable[..., Any],
    next_items: Callable[..., list[str]],
) -> None:
    slate = api(alice).get(URL).json()["slate"]
    did(alice, "completed", "letters-lesson")
    did(alice, "answered", "letters-one", right=True, ago=timedelta(minutes=2))
    algebra.items["letters-two"].published = False
    algebra.items["letters-two"].save()
    for slug, signal in (("equations-lesson", "known"), ("equations-one", "not_now")):
        answer = api(alice).post(
            f"{URL}{slate}/feedback/", {"item": slug, "signal": signal}, format="json"
        )
        assert answer.status_code == 202, answer.content
    body = api(alice).get(URL).json()
    assert body["slate"] == slate
    assert body["stale"] is True
    slugs = [item["item"]["slug"] for item in body["items"]]
    assert slugs == ["equations-two", "graphs-lesson", "graphs-one", "graphs-two"]


def test_a_course_that_was_withdrawn_is_gone_at_once(
    alice: Any, group: Any, algebra: SimpleNamespace, next_items: Callable[..., list[str]]
) -> None:
    assert next_items(alice)
    remove_course(group=group, course=algebra.course)
    assert next_items(alice) == []


def test_an_unpublished_course_is_gone_at_once(
    alice: Any, group: Any, algebra: SimpleNamespace, next_items: Callable[..., list[str]]
) -> None:
    assert next_items(alice)
    algebra.course.published = False
    algebra.course.save()
    assert next_items(alice) == []


def test_reasons_are_read_in_the_language_of_the_request(
    alice: Any, group: Any, api: Callable[..., Any]
) -> None:
    client = api(alice)
    reasons = [
        client.get(URL, headers={"accept-language": language}).json()["items"][0]["reasons"][0]
        for language in ("en", "zh-hans")
    ]
    assert reasons[0]["code"] == reasons[1]["code"]
    assert all(reason["text"] for reason in reasons)


def test_time_alone_makes_a_slate_old(
    alice: Any, group: Any, api: Callable[..., Any], refresh: Callable[[], Any]
) -> None:
    refresh()
    client = api(alice)
    assert client.get(URL).json()["stale"] is False
    Slate.objects.update(computed_at=timezone.now() - timedelta(hours=7))
    old = client.get(URL).json()
    assert old["stale"] is True
    assert client.get(URL).json()["slate"] == old["slate"]
    assert refresh().stored
    new = client.get(URL).json()
    assert (new["slate"] != old["slate"], new["stale"]) == (True, False)


def test_reading_costs_a_few_queries(
    alice: Any, group: Any, api: Callable[..., Any], django_assert_max_num_queries: Any
) -> None:
    client = api(alice)
    client.get(URL)
    with django_assert_max_num_queries(3):
        client.get(URL)


def test_the_first_list_costs_a_fixed_number_of_queries(
    alice: Any, bob: Any, group: Any, api: Callable[..., Any], did: Any, person: Any
) -> None:
    def count(learner: Any) -> tuple[int, int]:
        with CaptureQueriesContext(connection) as queries:
            answer = api(learner).get(URL, {"limit": 100})
        return len(queries), len(answer.json()["items"])

    assert count(alice) == (13, 9)
    # Courses of others, another of her own, more concepts and a history make it no more.
    for number in range(4):
        course = Course.objects.create(slug=f"course-{number}", title="Course")
        item = Item.objects.create(
            course=course, slug=f"item-{number}", title="Item", kind="lesson"
        )
        item.concepts.add(Concept.objects.create(slug=f"concept-{number}", title="Concept"))
    add_course(group=group, course=course)
    dana = person("dana")
    add_learner(group=group, learner=dana)
    for slug in ("letters-lesson", "equations-lesson"):
        did(dana, "completed", slug)
    assert count(dana) == (13, 8)
