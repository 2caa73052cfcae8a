"""Mastery as Alice sees it of herself, and Bob of his group: on pages without a script, and over the API."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from web_pages import text_of

from learners.models import MasteryDay
from learners.services.events import NewEvent, record_events
from learners.services.groups import add_learner
from recommender.pipeline.catalogue import forget_catalogue
from recommender.pipeline.refresh import refresh_stale

DAY = timedelta(days=1)
Answer = Callable[..., None]


@pytest.fixture
def answered(group: Any, algebra: SimpleNamespace) -> Answer:
    """Somebody's answers to an exercise, the first one longest ago, seen by a worker."""
    forget_catalogue()

    def answer(person: Any, slug: str, rights: str) -> None:
        events = [
            NewEvent(
                uuid.uuid4(),
                "answered",
                algebra.items[slug].pk,
                datetime.now(UTC) - timedelta(hours=len(rights) - place),
                success=right == "r",
                graded=True,
            )
            for place, right in enumerate(rights)
        ]
        record_events(actor=person, events=events)
        refresh_stale()

    return answer


def test_alice_sees_what_she_has_mastered(
    page: Any, api: Any, alice: Any, answered: Answer
) -> None:
    answered(alice, "letters-one", "r" * 12)
    answered(alice, "equations-one", "w" * 6)
    answered(alice, "graphs-one", "rw")
    told = {each["slug"]: each for each in api(alice).get("/api/v1/me/progress/").json()["mastery"]}
    assert list(told) == ["equations", "graphs", "letters"]  # weakest first
    levels = {slug: each["level"] for slug, each in told.items()}
    assert levels == {"letters": "mastered", "equations": "not_yet", "graphs": "unsure"}
    assert all(each["low"] < each["mean"] < each["high"] for each in told.values())
    assert told["letters"]["answers"] == 12
    assert told["letters"]["retrievability"] == 1  # answered today
    body = text_of(page(alice).get("/progress/"))
    assert "Mastery by concept" in body
    letters = told["letters"]
    values = [round(100 * letters[name]) for name in ("mean", "low", "high")]
    assert "Letters: {}%, between {}% and {}%".format(*values) in body
    assert "from 12 answers" in body
    assert "How it went" not in body  # one day is no course of things


def test_how_it_went_is_a_chart_and_a_table(page: Any, alice: Any, answered: Answer) -> None:
    answered(alice, "letters-one", "ww")
    MasteryDay.objects.update(day=datetime.now(UTC).date() - 3 * DAY)
    early = MasteryDay.objects.get()
    answered(alice, "letters-one", "rrrr")
    body = text_of(page(alice).get("/progress/"))
    assert "How it went" in body
    assert '<polyline class="trend-line" points="0.0,' in body
    assert f'<td class="number">{early.mean:.0%}</td>' in body


def test_bob_sees_it_on_alices_page_and_others_do_not(
    page: Any, api: Any, alice: Any, bob: Any, charlie: Any, group: Any, answered: Answer
) -> None:
    answered(alice, "letters-one", "r" * 12)
    address = f"/groups/{group.pk}/learners/{alice.pk}/"
    assert "Mastery by concept" in text_of(page(bob).get(address))
    assert api(bob).get(f"/api/v1{address}").json()["mastery"][0]["slug"] == "letters"
    for path in (address, f"/groups/{group.pk}/mastery/"):
        assert page(charlie).get(path).status_code in {403, 404}
        assert api(charlie).get(f"/api/v1{path}").status_code in {403, 404}


def test_a_course_of_somebody_elses_group_is_not_bobs_business(
    api: Any, alice: Any, bob: Any, group: Any, algebra: SimpleNamespace, answered: Answer
) -> None:
    answered(alice, "letters-one", "rrr")
    group.courses.clear()
    found = api(bob).get(f"/api/v1/groups/{group.pk}/learners/{alice.pk}/").json()
    assert found["mastery"] == []
    assert api(bob).get(f"/api/v1/groups/{group.pk}/mastery/").json()["concepts"] == []


def test_who_has_not_mastered_which_concept(
    page: Any, api: Any, alice: Any, bob: Any, group: Any, person: Any, answered: Answer
) -> None:
    dana = person("dana")
    add_learner(group=group, learner=dana)
    answered(alice, "letters-one", "r" * 12)
    answered(dana, "letters-one", "w" * 6)
    answered(dana, "equations-one", "rw")
    address = f"/groups/{group.pk}/mastery/"
    found = api(bob).get(f"/api/v1{address}").json()["concepts"]
    counts = {
        each["slug"]: tuple(each[name] for name in ("mastered", "unsure", "not_yet", "unknown"))
        for each in found
    }
    assert counts == {"letters": (1, 0, 1, 0), "equations": (0, 1, 0, 1), "graphs": (0, 0, 0, 2)}
    assert list(counts) == ["letters", "equations", "graphs"]
    assert [learner["username"] for learner in found[0]["learners"]] == ["dana"]
    body = text_of(page(bob).get(address))
    assert f'href="/groups/{group.pk}/learners/{dana.pk}/"' in body
    assert f'href="{address}"' in text_of(page(bob).get(f"/groups/{group.pk}/"))


def test_a_group_of_any_size_costs_one_query(
    alice: Any, group: Any, person: Any, answered: Answer
) -> None:
    from learners.selectors import overview_mastery

    answered(alice, "letters-one", "www")
    for number in range(5):
        learner = person(f"learner-{number}")
        add_learner(group=group, learner=learner)
        answered(learner, "letters-one", "www")
    with CaptureQueriesContext(connection) as queries:
        (first, *_rest) = overview_mastery(group)
    assert len(queries) == 1
    assert first["not_yet"] + first["unsure"] == 6
