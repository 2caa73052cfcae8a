"""Counts and leases of freshness, on two connections at once."""

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from learners.models import Event, Group, LearnerState
from learners.services.events import NewEvent, record_events
from learners.services.freshness import (
    claim_stale,
    mark_clean,
    mark_clean_batch,
    mark_dirty,
    release_claims,
    renew_claims,
)

pytestmark = pytest.mark.django_db(transaction=True)

Elsewhere = Callable[..., "Future[Any]"]


@pytest.fixture
def class_of(person: Any) -> Callable[[int], list[int]]:
    return lambda size: sorted(person(f"learner{number}").pk for number in range(size))


def claim(worker: str, limit: int = 100, lease: float = 30, **extra: Any) -> list[int]:
    return claim_stale(worker=worker, limit=limit, lease_seconds=lease, **extra)


def state_of(person: Any) -> LearnerState:
    return LearnerState.objects.get(learner=getattr(person, "pk", person))


def test_marked_claimed_and_clean(alice: Any) -> None:
    mark_dirty(learner_ids=[alice.pk], active=True)
    mark_dirty(learner_ids=[alice.pk])
    state = state_of(alice)
    assert (state.dirty_seq, state.clean_seq) == (2, 0)
    assert state.active_at is not None
    # The second change was not hers, and found one waiting.
    assert state.active_at == state.dirty_at
    assert claim("one") == [alice.pk]
    assert claim("two") == []
    assert mark_clean(learner_id=alice.pk, worker="one", seq=2) is True
    state = state_of(alice)
    assert (state.clean_seq, state.claimed_by, state.claimed_until) == (2, "", None)
    assert claim("two") == []


def test_a_change_during_the_refresh_leaves_her_stale(alice: Any) -> None:
    mark_dirty(learner_ids=[alice.pk])
    assert claim("one") == [alice.pk]
    mark_dirty(learner_ids=[alice.pk])
    assert mark_clean(learner_id=alice.pk, worker="one", seq=1) is True
    assert claim("two") == [alice.pk]


def test_the_longest_waiting_come_first(class_of: Callable[[int], list[int]]) -> None:
    ids = class_of(3)
    for learner in reversed(ids):
        mark_dirty(learner_ids=[learner])
    assert claim("one", limit=2) == ids[1:]
    assert claim("two", limit=2) == ids[:1]


def test_extra_learners_are_claimed_although_they_are_not_stale(alice: Any, bob: Any) -> None:
    mark_dirty(learner_ids=[bob.pk])
    assert claim("one", extra_ids=[alice.pk, bob.pk, 999_999]) == sorted([alice.pk, bob.pk])
    assert claim("two", extra_ids=[alice.pk]) == []
    assert state_of(alice).dirty_seq == 0


def test_an_expired_lease_is_taken_over_and_the_first_worker_writes_nothing(alice: Any) -> None:
    mark_dirty(learner_ids=[alice.pk])
    assert claim("killed", lease=0.05) == [alice.pk]
    time.sleep(0.1)
    assert claim("heir") == [alice.pk]
    assert renew_claims(worker="killed", learner_ids=[alice.pk], lease_seconds=30) == set()
    assert mark_clean(learner_id=alice.pk, worker="killed", seq=1) is False
    assert state_of(alice).clean_seq == 0
    assert mark_clean(learner_id=alice.pk, worker="heir", seq=1) is True


def test_a_renewed_lease_is_not_taken_over(alice: Any) -> None:
    mark_dirty(learner_ids=[alice.pk])
    assert claim("one", lease=0.2) == [alice.pk]
    assert renew_claims(worker="one", learner_ids=[alice.pk], lease_seconds=30) == {alice.pk}
    time.sleep(0.25)
    assert claim("two") == []


def test_released_claims_are_free_and_still_stale(alice: Any, bob: Any) -> None:
    mark_dirty(learner_ids=[alice.pk, bob.pk])
    assert len(claim("one")) == 2
    assert release_claims(worker="one", learner_ids=[alice.pk]) == 1
    assert claim("two") == [alice.pk]
    assert release_claims(worker="one") == 1
    assert claim("three") == [bob.pk]


def test_a_batch_is_cleaned_but_for_what_was_lost(class_of: Callable[[int], list[int]]) -> None:
    ids = class_of(3)
    mark_dirty(learner_ids=ids)
    assert claim("one") == ids
    LearnerState.objects.filter(learner=ids[1]).update(claimed_by="two")
    assert mark_clean_batch(worker="one", seqs=dict.fromkeys(ids, 1)) == {ids[0], ids[2]}
    assert [state_of(learner).clean_seq for learner in ids] == [1, 0, 1]
    assert mark_clean_batch(worker="one", seqs={}) == set()


def test_an_older_count_never_replaces_a_newer_one(alice: Any) -> None:
    LearnerState.objects.create(learner=alice, dirty_seq=5, clean_seq=4, claimed_by="one")
    assert mark_clean(learner_id=alice.pk, worker="one", seq=3) is True
    assert state_of(alice).clean_seq == 4


def test_nobody_is_claimed_twice_by_workers_at_once(
    elsewhere: Elsewhere, class_of: Callable[[int], list[int]]
) -> None:
    ids = class_of(40)
    mark_dirty(learner_ids=ids)
    start = threading.Barrier(8)

    def grab(worker: str) -> list[int]:
        start.wait(10)
        return [*claim(worker, limit=7), *claim(worker, limit=7)]

    claims = [elsewhere(grab, f"worker{number}") for number in range(8)]
    taken = [learner for future in claims for learner in future.result(20)]
    assert len(taken) == len(set(taken))
    # Rows that another worker was just claiming are skipped, and found at the next turn.
    assert sorted(taken + claim("last")) == ids


def test_a_row_that_is_being_written_is_skipped_and_not_waited_for(
    elsewhere: Elsewhere, alice: Any, bob: Any
) -> None:
    mark_dirty(learner_ids=[alice.pk, bob.pk])
    with transaction.atomic():
        mark_dirty(learner_ids=[alice.pk])
        assert elsewhere(claim, "one").result(5) == [bob.pk]
    assert claim("one") == [alice.pk]


def test_concurrent_changes_are_all_counted(
    elsewhere: Elsewhere, class_of: Callable[[int], list[int]]
) -> None:
    ids = class_of(6)
    start = threading.Barrier(8)

    def mark(reverse: bool) -> None:
        start.wait(10)
        for _again in range(10):
            mark_dirty(learner_ids=sorted(ids, reverse=reverse))

    for future in [elsewhere(mark, bool(number % 2)) for number in range(8)]:
        future.result(30)
    assert set(LearnerState.objects.values_list("dirty_seq", flat=True)) == {80}


def test_a_snapshot_sees_the_count_and_the_event_together(
    elsewhere: Elsewhere, alice: Any, group: Group, course: Any
) -> None:
    item = course.items.get(slug="counting")
    before = state_of(alice).dirty_seq

    def send() -> None:
        event = NewEvent(uuid.uuid4(), "viewed", item.pk, timezone.now())
        record_events(actor=alice, events=[event])

    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert state_of(alice).dirty_seq == before
        elsewhere(send).result(5)
        assert Event.objects.count() == 0
        assert state_of(alice).dirty_seq == before
    assert Event.objects.count() == 1
    assert state_of(alice).dirty_seq == before + 1


def test_who_waits_longest_is_first_even_if_she_goes_on_acting(class_of: Any) -> None:
    waiting, busy = class_of(2)
    mark_dirty(learner_ids=[busy])
    since = state_of(busy).dirty_at
    mark_dirty(learner_ids=[waiting])
    mark_dirty(learner_ids=[busy])
    assert state_of(busy).dirty_at == since
    assert claim("one", limit=1) == [busy]


def test_a_change_during_the_refresh_waits_from_then_on(alice: Any) -> None:
    mark_dirty(learner_ids=[alice.pk])
    since = state_of(alice).dirty_at
    assert claim("one") == [alice.pk]
    mark_dirty(learner_ids=[alice.pk])
    assert mark_clean(learner_id=alice.pk, worker="one", seq=1)
    assert state_of(alice).dirty_at > since
