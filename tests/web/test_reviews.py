"""Going over what fades: from the Next page through a session of reviews, without a script."""

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from web_pages import text_of

from learners.services.assignments import give_assignment
from learners.services.events import NewEvent, record_events
from recommender.models import Feedback, Slate
from recommender.pipeline.catalogue import forget_catalogue
from recommender.pipeline.refresh import refresh_stale

DAY = timedelta(days=1)
Answer = Callable[..., None]


@pytest.fixture
def answered(alice: Any, group: Any, algebra: SimpleNamespace) -> Answer:
    """Alice answered these exercises `ago`, and a worker has seen it that knows no other catalogue."""
    forget_catalogue()

    def answer(*slugs: str, ago: timedelta, right: bool = True) -> None:
        events = [
            NewEvent(
                uuid.uuid4(),
                "answered",
                algebra.items[slug].pk,
                datetime.now(UTC) - ago,
                success=right,
                graded=True,
            )
            for slug in slugs
        ]
        record_events(actor=alice, events=events)
        refresh_stale()

    return answer


def titles(body: str) -> list[str]:
    return re.findall(r'href="/items/([a-z-]+)/\?review=1">(?!Start)', body)


def test_a_session_of_reviews(
    page: Any, alice: Any, answered: Answer, algebra: SimpleNamespace
) -> None:
    answered("letters-one", ago=20 * DAY)
    answered("letters-two", ago=3 * DAY)
    answered("equations-one", ago=1 * DAY)
    client = page(alice)
    start = text_of(client.get("/"))
    assert '<a href="/reviews/"><strong>2</strong> due for review</a>' in start
    listed = text_of(client.get("/reviews/"))
    assert titles(listed) == ["letters-one", "letters-two"]  # the one that faded most comes first

    first = client.get("/items/letters-one/?review=1")
    assert 'name="review" value="1"' in text_of(first)
    answer = {"id": uuid.uuid4(), "answer-0": "4", "review": "1"}
    graded = text_of(client.post("/items/letters-one/answer/", answer))
    assert "Next review" in graded
    assert titles(graded) == ["letters-two"]
    # Nobody waits for a worker: what has just been answered is gone.
    assert titles(text_of(client.get("/reviews/"))) == ["letters-two"]

    answer = {"id": uuid.uuid4(), "answer-0": "5", "review": "1"}
    graded = text_of(client.post("/items/letters-two/answer/", answer))
    assert "That was the last review for now." in graded
    assert 'href="/items/letters-two/?' in graded  # "Try again" stays within the session
    assert "review=1" in graded
    assert "Nothing is due for review." in text_of(client.get("/reviews/"))
    refresh_stale()
    assert "Nothing is due for review." in text_of(client.get("/"))


def test_nothing_is_due_at_first(page: Any, alice: Any, group: Any) -> None:
    assert "Nothing is due for review." in text_of(page(alice).get("/reviews/"))


def test_what_was_never_right_is_no_review(page: Any, alice: Any, answered: Answer) -> None:
    answered("letters-one", ago=5 * DAY, right=False)
    assert "Nothing is due for review." in text_of(page(alice).get("/reviews/"))


def test_a_wrong_answer_brings_it_back_the_next_day(
    page: Any, alice: Any, answered: Answer
) -> None:
    answered("letters-one", ago=3 * DAY)
    answered("letters-one", ago=2 * DAY, right=False)
    assert titles(text_of(page(alice).get("/reviews/"))) == ["letters-one"]


@pytest.mark.parametrize("why", ["known", "not_now", "banned", "unpublished", "not_enrolled"])
def test_what_is_hidden_is_not_reviewed(
    why: str,
    page: Any,
    alice: Any,
    bob: Any,
    group: Any,
    answered: Answer,
    algebra: SimpleNamespace,
) -> None:
    answered("letters-one", ago=5 * DAY)
    item = algebra.items["letters-one"]
    client = page(alice)
    assert titles(text_of(client.get("/reviews/"))) == ["letters-one"]
    if why in Feedback.Signal.values:
        slate = Slate.objects.filter(learner=alice).latest("computed_at")
        client.post(f"/next/{slate.pk}/feedback/", {"item": item.slug, "signal": why})
    elif why == "banned":
        give_assignment(group=group, teacher=bob, rule="ban", items=[item])
    elif why == "unpublished":
        type(item).objects.filter(pk=item.pk).update(published=False)
    else:
        alice.enrolments.all().delete()
    assert not titles(text_of(client.get("/reviews/")))


def test_the_api_lists_the_same(api: Any, alice: Any, charlie: Any, answered: Answer) -> None:
    answered("letters-one", "equations-one", ago=20 * DAY)
    answered("letters-two", ago=3 * DAY)
    body = api(alice).get("/api/v1/me/reviews/", {"limit": 1}).json()
    assert body["due"] == 3
    (entry,) = body["items"]
    assert entry["item"]["course"] == "algebra"
    assert 0.5 < entry["retrievability"] < 0.9
    assert entry["due_at"] < datetime.now(UTC).isoformat()
    assert api(alice).get("/api/v1/me/reviews/", {"course": "algebra"}).json()["due"] == 3
    assert api(charlie).get("/api/v1/me/reviews/").json() == {"due": 0, "items": []}
    refused = api(charlie).get("/api/v1/me/reviews/", {"course": "algebra"})
    assert refused.status_code == 400
    assert "course" in refused.json()["error"]["fields"]
    assert api(None).get("/api/v1/me/reviews/").status_code == 401
