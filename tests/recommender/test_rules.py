"""Teachers' rules, and three wrong answers, through slates of the syllabus."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from learners.models import Assignment

pytestmark = pytest.mark.django_db


@pytest.fixture
def rule(bob: Any, group: Any, algebra: SimpleNamespace) -> Callable[..., None]:
    """Let Bob give a rule for items: `rule("assign", "graphs-one")`."""

    def give(kind: str, *slugs: str, learners: Any = ()) -> None:
        assignment = Assignment.objects.create(group=group, teacher=bob, rule=kind)
        assignment.items.set([algebra.items[slug] for slug in slugs])
        assignment.learners.set(learners)

    return give


def codes(api: Any, person: Any, place: int) -> list[str]:
    items = api(person).get("/api/v1/recommendations/").json()["items"]
    return [reason["code"] for reason in items[place]["reasons"]]


def test_pinned_before_assigned_before_the_rest(
    alice: Any, rule: Any, refresh: Any, next_items: Any, api: Any
) -> None:
    rule("assign", "equations-one")
    rule("pin", "graphs-one")
    refresh()
    assert next_items(alice)[:3] == ["graphs-one", "equations-one", "letters-lesson"]
    assert codes(api, alice, 0)[0] == "pinned"
    assert codes(api, alice, 1)[0] == "assigned"


def test_banned_is_dropped_at_once_and_for_good(
    alice: Any, rule: Any, refresh: Any, next_items: Any
) -> None:
    from learners.services.freshness import mark_dirty

    assert next_items(alice)[0] == "letters-lesson"
    rule("ban", "letters-lesson")
    mark_dirty(learner_ids=[alice.pk])
    assert "letters-lesson" not in next_items(alice)
    refresh()
    assert "letters-lesson" not in next_items(alice)


def test_a_rule_for_others_is_not_for_her(
    alice: Any, charlie: Any, rule: Any, refresh: Any, next_items: Any
) -> None:
    rule("pin", "graphs-one", learners=[charlie])
    refresh()
    assert next_items(alice)[0] == "letters-lesson"


def test_three_wrong_answers_bring_a_prerequisite_to_the_top(
    alice: Any, group: Any, did: Any, refresh: Any, next_items: Any, api: Any
) -> None:
    did(alice, "completed", "letters-lesson", ago=_days(30))
    wrong = [did(alice, "answered", "equations-one", right=False) for _time in range(3)]
    refresh()
    assert next_items(alice)[0] == "letters-lesson"
    item = api(alice).get("/api/v1/recommendations/").json()["items"][0]
    reason = item["reasons"][0]
    assert reason["code"] == "prerequisite"
    assert reason["text"] == "Prepares you for “Equations”, where 3 answers went wrong"
    assert [one["event"] for one in reason["evidence"][:3]] == [str(uid) for uid in wrong]
    assert reason["evidence"][3]["concept"] == "letters"


def test_it_is_among_the_first_three_whatever_was_assigned(
    alice: Any, rule: Any, did: Any, refresh: Any, next_items: Any
) -> None:
    rule("assign", "graphs-lesson", "graphs-one", "graphs-two", "equations-two")
    for _time in range(3):
        did(alice, "answered", "equations-one", right=False)
    refresh()
    assert next_items(alice)[2] == "letters-lesson"


def _days(number: int) -> Any:
    from datetime import timedelta

    return timedelta(days=number)
