"""Runs on next to nothing end in a version that serves, or say what is missing."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from content.models import Course, Item
from learners.models import Event
from learners.services.freshness import mark_dirty
from learners.services.groups import add_course, add_learner, create_group
from recommender.models import Slate, TrainingRun
from recommender.pipeline.gate import judge_candidate
from recommender.pipeline.training import run_next_training
from recommender.services.activation import activate_version
from recommender.services.training import request_training

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_home")]


def make_items(count: int, **fields: Any) -> list[Item]:
    course = Course.objects.create(slug="small", title="Small")
    return [
        Item.objects.create(
            course=course, slug=f"small-{place}", position=place, **{"title": "", **fields}
        )
        for place in range(count)
    ]


def record(person: Any, item: Item, **fields: Any) -> None:
    then = timezone.now() - timedelta(hours=1)
    event = {"verb": "completed", "occurred_at": then, "received_at": then, **fields}
    Event.objects.create(actor=person, uid=uuid.uuid4(), item=item, **event)


def run() -> TrainingRun:
    request_training(by=None, options={"minutes": 0.1})
    done = run_next_training()
    assert done is not None
    return done


@pytest.fixture
def serves(alice: Any, bob: Any, refresh: Any) -> Any:
    """Let the run's version be judged and activated, and make Alice's slate with it."""

    def check(done: TrainingRun) -> Slate:
        assert done.status == "succeeded" and done.version is not None, done.error
        found = judge_candidate(version=done.version)
        assert found is not None and found["verdict"] == "not enough evidence"
        activate_version(version=done.version)
        mark_dirty(learner_ids=[alice.pk])
        assert alice.pk in refresh().stored
        slate: Slate = Slate.objects.filter(learner=alice).latest("computed_at")
        assert slate.model_version == done.version
        return slate

    return check


def study(bob: Any, alice: Any, items: list[Item]) -> None:
    group = create_group(teacher=bob, name="Small")
    add_learner(group=group, learner=alice)
    add_course(group=group, course=items[0].course)


def test_one_learner_one_item_one_event(alice: Any, bob: Any, serves: Any) -> None:
    items = make_items(1, kind="lesson", title="The only one")
    study(bob, alice, items)
    record(alice, items[0])
    slate = serves(run())
    assert [entry["item"] for entry in slate.entries] in ([], [items[0].pk])


def test_items_without_a_word_and_no_answer(alice: Any, bob: Any, serves: Any) -> None:
    items = make_items(3, kind="lesson")
    study(bob, alice, items)
    record(alice, items[0])
    slate = serves(run())
    assert {entry["item"] for entry in slate.entries} >= {items[1].pk, items[2].pk}


def test_one_learner_who_only_answers(alice: Any, bob: Any, serves: Any) -> None:
    items = make_items(1, kind="exercise", title="Again and again")
    study(bob, alice, items)
    for number in range(30):
        record(
            alice,
            items[0],
            verb="answered",
            success=number % 3 > 0,
            graded=True,
            occurred_at=timezone.now() - timedelta(hours=40 - number),
        )
    serves(run())


def test_no_items_at_all(alice: Any) -> None:
    done = run()
    assert done.status == "failed" and "nothing to learn" in done.error


def test_items_and_no_event(alice: Any) -> None:
    make_items(2, kind="lesson", title="Waiting")
    done = run()
    assert done.status == "failed" and "nothing to learn" in done.error
