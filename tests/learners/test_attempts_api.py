"""POST items/{slug}/attempts/: graded here, once, and only for those who study the item."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from learners.models import Event, Group, ItemProgress

pytestmark = pytest.mark.django_db


def url(slug: str) -> str:
    return f"/api/v1/items/{slug}/attempts/"


@pytest.fixture
def answer(api: Callable[..., Any], alice: Any, group: Group) -> Callable[..., Any]:
    """Answer an item as Alice."""

    def post(response: Any, *, slug: str = "two-and-two", **fields: Any) -> Any:
        body = {"id": str(uuid.uuid4()), "response": response, **fields}
        return api(alice).post(url(slug), body, format="json")

    return post


def test_a_right_answer(answer: Any, alice: Any, dirt: Any) -> None:
    before = dirt(alice)
    response = answer(0, hints=1)
    assert response.status_code == 201
    body = response.json()
    assert body["correct"] is True
    assert body["score"] == 1.0
    assert body["explanation"] == "Two and two are *four*."
    event = Event.objects.get()
    assert (event.verb, event.success, event.graded) == ("answered", True, True)
    assert (event.response, event.context) == (0, {"hints": 1})
    assert ItemProgress.objects.get().completed_at == event.occurred_at
    assert dirt(alice) == before + 1


def test_a_wrong_answer_tells_why(answer: Any) -> None:
    body = answer(1).json()
    assert (body["correct"], body["score"], body["feedback"]) == (False, 0.0, "Count again.")
    assert "Count again." in body["feedback_html"]
    assert ItemProgress.objects.get().completed_at is None


def test_the_same_id_gives_the_first_outcome_again(answer: Any) -> None:
    uid = str(uuid.uuid4())
    first = answer(1, id=uid)
    again = answer(0, id=uid)
    assert again.status_code == 201
    assert again.json() == first.json()
    assert Event.objects.count() == 1
    assert ItemProgress.objects.get().attempts == 1


def test_the_first_outcome_stands_when_the_question_is_rewritten(answer: Any, course: Any) -> None:
    uid = str(uuid.uuid4())
    assert answer(0, id=uid).json()["correct"] is True
    course.items.get(slug="two-and-two").questions.update(
        answer_type="text", key={"accepted": ["4"]}
    )
    assert answer(0, id=uid).json()["correct"] is True


def test_an_id_of_another_event_is_refused(answer: Any, api: Any, alice: Any, event: Any) -> None:
    sent = event("answered", item="two-and-two", result={"success": True})
    assert api(alice).post("/api/v1/events/", sent, format="json").status_code == 201
    assert answer(0, id=sent["id"]).status_code == 409
    used = str(uuid.uuid4())
    assert answer(0, id=used).status_code == 201
    assert answer(0, id=used, slug="three-and-three").status_code == 409


def test_another_learners_id_is_no_clash(answer: Any, api: Any, charlie: Any, group: Group) -> None:
    from learners.services.groups import add_learner

    add_learner(group=group, learner=charlie)
    uid = str(uuid.uuid4())
    assert answer(1, id=uid).json()["correct"] is False
    other = api(charlie).post(url("two-and-two"), {"id": uid, "response": 0}, format="json")
    assert other.json()["correct"] is True


@pytest.mark.parametrize(
    "response", [9, -1, "four\0", None, [], {"a": 1}, True, 1.5, 10**300, "x" * 100_000]
)
def test_a_response_that_cannot_be_graded(answer: Any, response: Any) -> None:
    refused = answer(response)
    assert refused.status_code == 400
    assert list(refused.json()["error"]["fields"]) == ["response"]
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [("id", "x"), ("id", 7), ("id", None), ("hints", -1), ("hints", "many"), ("hints", 101)],
)
def test_wrong_fields_are_named(answer: Any, field: str, value: Any) -> None:
    assert list(answer(0, **{field: value}).json()["error"]["fields"]) == [field]


def test_an_infinite_number_is_not_json(api: Any, alice: Any, group: Group) -> None:
    body = f'{{"id": "{uuid.uuid4()}", "response": 1e999}}'
    response = api(alice).generic("POST", url("two-and-two"), body, content_type="application/json")
    assert response.status_code == 400


def test_an_item_without_a_question(answer: Any) -> None:
    assert answer(0, slug="counting").status_code == 409


def test_people_who_must_not_get_in(
    api: Any, group: Group, secret_course: Any, alice: Any, bob: Any, charlie: Any, course: Any
) -> None:
    body = {"id": str(uuid.uuid4()), "response": 0}
    assert api().post(url("two-and-two"), body, format="json").status_code == 401
    # Bob sees the item as its teacher, but he does not study it.
    for person in (bob, charlie):
        assert api(person).post(url("two-and-two"), body, format="json").status_code == 404
    assert api(alice).post(url("first-secret"), body, format="json").status_code == 404
    course.items.update(published=False)
    assert api(alice).post(url("two-and-two"), body, format="json").status_code == 404
    assert api(alice).get(url("two-and-two")).status_code == 405
    assert not Event.objects.exists()
