"""People who write of one learner, or one group, at the same moment."""

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from fsrs.scheduler import DEFAULT_PARAMETERS
from memory_fits import keep_fit

from learners.models import Event, Group, ItemProgress, LearnerState, MemoryFit
from learners.services.events import NewEvent, record_attempt, record_events
from learners.services.freshness import claim_stale, mark_clean, mark_dirty

pytestmark = pytest.mark.django_db(transaction=True)

Elsewhere = Callable[..., "Future[Any]"]


def test_two_senders_of_the_same_events_store_them_once(
    elsewhere: Elsewhere, alice: Any, group: Group, course: Any
) -> None:
    item = course.items.get(slug="counting")
    now = timezone.now()
    events = [
        NewEvent(uuid.uuid4(), "viewed", item.pk, now - timedelta(seconds=n), duration=1.0)
        for n in range(200)
    ]
    start = threading.Barrier(4)

    def send(order: int) -> int:
        start.wait(10)
        return record_events(actor=alice, events=events[::order]).accepted

    senders = [elsewhere(send, order) for order in (1, -1, 1, -1)]
    assert sum(future.result(20) for future in senders) == 200
    assert Event.objects.count() == 200
    assert ItemProgress.objects.get().seconds == 200.0


def test_two_attempts_with_one_id_are_graded_once(
    elsewhere: Elsewhere, alice: Any, group: Group, course: Any
) -> None:
    item = course.items.get(slug="two-and-two")
    uid = uuid.uuid4()
    start = threading.Barrier(2)

    def attempt(response: int) -> bool:
        start.wait(10)
        return record_attempt(actor=alice, item=item, uid=uid, response=response).correct

    outcomes = [elsewhere(attempt, response) for response in (0, 1)]
    assert len({outcome.result(20) for outcome in outcomes}) == 1
    assert ItemProgress.objects.get().attempts == 1


def test_a_learner_who_joins_while_a_course_is_added_gets_it(
    elsewhere: Elsewhere, charlie: Any, group: Group, secret_course: Any
) -> None:
    from learners import selectors
    from learners.services.groups import add_course, join_group

    start = threading.Barrier(2)

    def at_once(function: Callable[..., Any], **kwargs: Any) -> None:
        start.wait(10)
        function(**kwargs)

    both = [
        elsewhere(at_once, add_course, group=group, course=secret_course),
        elsewhere(at_once, join_group, learner=charlie, code=group.join_code),
    ]
    for future in both:
        future.result(20)
    assert secret_course.pk in selectors.list_learner_courses([charlie.pk])[charlie.pk]


def test_events_of_a_learner_who_is_just_leaving_are_refused_or_gone(
    elsewhere: Elsewhere, alice: Any, group: Group, course: Any
) -> None:
    from common.api.errors import Refused

    from learners.services.accounts import erase_person

    item = course.items.get(slug="counting")

    def send() -> str:
        event = NewEvent(uuid.uuid4(), "viewed", item.pk, timezone.now())
        try:
            record_events(actor=alice, events=[event])
        except Refused:
            return "refused"
        return "stored"

    with transaction.atomic():
        erase_person(person=alice)
        late = elsewhere(send)
        time.sleep(0.2)
        assert not late.done()
    assert late.result(10) == "refused"
    assert not Event.objects.exists()


def test_leaving_while_her_slate_is_written_is_no_deadlock(
    elsewhere: Elsewhere, alice: Any, group: Group, course: Any
) -> None:
    """A refresh holds her state until its commit, which looks for her account; leaving must not hold that meanwhile."""
    from learners.services.accounts import erase_person

    mark_dirty(learner_ids=[alice.pk])
    assert claim_stale(worker="one", limit=1, lease_seconds=30) == [alice.pk]
    seq = LearnerState.objects.get(learner=alice).dirty_seq
    with transaction.atomic():
        assert mark_clean(learner_id=alice.pk, worker="one", seq=seq)
        Event.objects.create(
            actor=alice, verb="viewed", item=course.items.first(), occurred_at=timezone.now()
        )
        leaving = elsewhere(lambda: erase_person(person=alice))
        time.sleep(0.3)
        assert not leaving.done()
    assert leaving.result(10)["learners"] > 0
    assert not Event.objects.exists()


def test_leaving_while_her_memory_is_fitted_is_no_deadlock(
    elsewhere: Elsewhere, alice: Any, group: Group
) -> None:
    """A fit marks her stale at its end, and must not hold her account while it waits for her state."""
    from learners.services.accounts import erase_person

    mark_dirty(learner_ids=[alice.pk])
    with transaction.atomic():
        # As leaving begins.
        LearnerState.objects.select_for_update().get(learner=alice)
        fitting = elsewhere(keep_fit, alice.pk, DEFAULT_PARAMETERS)
        time.sleep(0.3)
        assert not fitting.done()
        erase_person(person=alice)
    assert fitting.result(10) is False
    assert not MemoryFit.objects.exists()
