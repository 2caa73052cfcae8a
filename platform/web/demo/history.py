"""From the simulation to the database: each session as one delivery of events, each event once."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Final

from django.db import transaction

from content.grading import public_question
from content.models import Item
from content.selectors import prerequisite_map
from learners.models import Event, Group, User
from learners.services.event_store import NewEvent, add_up, insert_events, lock_history
from learners.services.freshness import mark_dirty
from web.demo.names import STUDENT
from web.demo.simulation import (
    GUESS_CHOICE,
    GUESS_TYPED,
    Act,
    SimulatedLearner,
    StudyItem,
    World,
)

WEEKS: Final = 8
# Ids of invented events follow from seed, learner and number: loading twice adds nothing.
_NAMESPACE: Final = uuid.UUID("6d1f6f0e-6a0b-4f7e-8d43-2f3d6a1f0c51")


def write_history(*, group: Group, seed: int, on_learner: Callable[[], object]) -> int:
    """Write what every member of `group` did in the eight weeks before the group was made; returns the new events."""
    # A learner's history is written in one transaction: it is there as a whole, or not at all.
    begun = set(
        Event.objects.filter(actor__memberships__group=group)
        .values_list("actor", flat=True)
        .distinct()
    )
    people = list(group.learners.order_by("pk"))
    world = read_world(group) if len(begun) < len(people) else World([], {})
    written = 0
    for number, person in enumerate(people):
        if person.pk not in begun:
            written += _write_learner(world, person, group.created_at, seed=seed, number=number)
        on_learner()
    return written


def read_world(group: Group) -> World:
    """The material of the group's courses, as the simulation sees it."""
    items = (
        Item.objects.filter(course__groups=group, published=True)
        .prefetch_related("concepts", "questions")
        .order_by("course", "position")
    )
    return World([_read_item(item) for item in items], prerequisite_map())


def _read_item(item: Item) -> StudyItem:
    guesses = [
        GUESS_CHOICE if public_question(question)["options"] else GUESS_TYPED
        for question in item.questions.all()
    ]
    return StudyItem(
        id=item.pk,
        course=item.course_id,
        position=item.position,
        kind=item.kind,
        minutes=item.minutes,
        difficulty=item.difficulty,
        concepts=tuple(sorted(concept.pk for concept in item.concepts.all())),
        guesses=tuple(guesses) if item.is_gradable else (),
    )


def _write_learner(world: World, person: User, anchor: datetime, *, seed: int, number: int) -> int:
    name = f"{seed}/{person.username}"
    is_student = person.username == STUDENT[0]
    # The student whose login is printed has begun, struggles here and there, and has most of it before her.
    learner = SimulatedLearner(world, seed=name, ability=-0.1 if is_student else None)
    if is_student:
        learner.days_between = 1.3
    share = 0.3 if is_student else 0.25 + 0.7 * learner.random.random()
    until = anchor - timedelta(hours=20)
    if not is_student and number % 9 == 5:  # some have stopped coming
        until -= timedelta(days=learner.random.uniform(9, 25))
    since = anchor - timedelta(weeks=3 if is_student else WEEKS)
    count = written = 0
    with transaction.atomic():
        lock_history(person.pk)
        for acts in _end_at(
            until, list(learner.study(since=since, until=until, share=share)), learner.random
        ):
            events = [_to_event(act, f"{name}/{count + place}") for place, act in enumerate(acts)]
            count += len(events)
            # Delivered at the end of the session, as if it had been live.
            stored = insert_events(
                actor_id=person.pk, events=events, received_at=events[-1].occurred_at
            )
            add_up(actor_id=person.pk, events=[entry.event for entry in stored])
            written += len(stored)
        if written:
            mark_dirty(learner_ids=[person.pk])
    return written


def _end_at(until: datetime, sessions: list[list[Act]], draw: Random) -> list[list[Act]]:
    """Shift the sessions by whole days, so that the last is some days before `until`: who has met her goal early would
    otherwise seem to have left."""
    if not sessions:
        return sessions
    days = (until - sessions[-1][-1].at).days - min(int(draw.expovariate(0.5)), 5)
    shift = timedelta(days=max(days, 0))
    return [[replace(act, at=act.at + shift) for act in acts] for acts in sessions]


def _to_event(act: Act, name: str) -> NewEvent:
    answered = act.verb == Event.Verb.ANSWERED
    return NewEvent(
        uid=uuid.uuid5(_NAMESPACE, name),
        verb=act.verb,
        item_id=act.item,
        occurred_at=act.at,
        success=act.score == 1 if answered else None,
        score=act.score,
        duration=act.seconds,
        context={"synthetic": True, **({"hints": act.hints} if answered else {})},
        graded=answered,
    )
