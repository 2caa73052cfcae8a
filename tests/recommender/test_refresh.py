"""Claims, snapshots and writes of the refresh, with real connections and real commits."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, transaction
from django.utils import timezone

from learners.models import LearnerState
from learners.services.freshness import claim_stale, mark_dirty
from learners.services.groups import add_learner
from recommender.models import Slate
from recommender.pipeline import refresh as pipeline
from tests.recommender.connections import elsewhere

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def class_7b(alice: Any, charlie: Any, person: Callable[..., Any], group: Any) -> list[Any]:
    """Alice, Charlie and Dana, all of them stale."""
    members = [alice, charlie, person("dana")]
    for member in members[1:]:
        add_learner(group=group, learner=member)
    return members


def stale(person: Any) -> bool:
    state = LearnerState.objects.get(learner=person)
    return state.dirty_seq > state.clean_seq


def test_all_stale_learners_get_slates_in_one_pass(class_7b: list[Any], refresh: Any) -> None:
    done = refresh()
    assert {member.pk for member in class_7b} <= done.stored
    assert not any(stale(member) for member in class_7b)
    assert set(Slate.objects.values_list("learner", flat=True)) >= {m.pk for m in class_7b}


def test_a_second_run_finds_nothing(class_7b: list[Any], refresh: Any) -> None:
    refresh()
    before = set(Slate.objects.values_list("pk", flat=True))
    assert not refresh().stored
    assert set(Slate.objects.values_list("pk", flat=True)) == before


def test_an_event_between_the_read_and_the_write_ends_in_a_second_slate(
    alice: Any, class_7b: list[Any], did: Any, refresh: Any, monkeypatch: Any
) -> None:
    compute = pipeline.make_slates
    seen = []

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        slates = compute(*args, **kwargs)
        if not seen:
            elsewhere(lambda: did(alice, "completed", "letters-lesson"))
        seen.append({slate.learner_id: slate for slate in slates})
        return slates

    monkeypatch.setattr(pipeline, "make_slates", interrupted)
    refresh()
    first, second = (batch[alice.pk] for batch in seen)
    assert len(seen[1]) == 1  # the others needed no second one
    assert first.seq < second.seq
    assert first.entries[0]["item"] != second.entries[0]["item"]
    assert Slate.objects.filter(learner=alice).latest("computed_at").pk == second.pk
    assert not stale(alice)


def test_a_snapshot_shows_one_moment(
    alice: Any, class_7b: list[Any], did: Any, monkeypatch: Any
) -> None:
    """Had the count been read before the event and the history after it, the event would be worked in twice at worst; the
    other way round it would be lost."""
    count = pipeline.read_counts

    def interrupted(**kwargs: Any) -> Any:
        counts = count(**kwargs)
        elsewhere(lambda: did(alice, "completed", "letters-lesson"))
        return counts

    monkeypatch.setattr(pipeline, "read_counts", interrupted)
    seqs, reads, _attention = pipeline.read_snapshot([alice.pk])
    assert reads[alice.pk].history == []
    assert seqs[alice.pk] < LearnerState.objects.get(learner=alice).dirty_seq


def test_a_dead_workers_claims_are_taken_over(class_7b: list[Any], refresh: Any) -> None:
    claimed = claim_stale(worker="dead", limit=10, lease_seconds=60)
    assert set(claimed) >= {member.pk for member in class_7b}
    assert not refresh().stored  # its lease still runs
    LearnerState.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert refresh().stored >= {member.pk for member in class_7b}


def test_what_a_dead_worker_left_is_done_in_small_parts(
    class_7b: list[Any], refresh: Any, monkeypatch: Any, did: Any, person: Any
) -> None:
    """One of them may be what killed it."""
    claim_stale(worker="dead", limit=10, lease_seconds=60)
    LearnerState.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    mark_dirty(learner_ids=[person("erin").pk, person("frank").pk])
    batches = []
    together = pipeline.refresh_claimed

    def counted(learner_ids: Any, **options: Any) -> Any:
        batches.append(len(learner_ids))
        return together(learner_ids, **options)

    monkeypatch.setattr(pipeline, "refresh_claimed", counted)
    refresh()
    assert batches[0] == 2
    assert batches[1:] == [1] * (LearnerState.objects.count() - 2)


def test_a_slate_that_is_being_answered_is_not_waited_for(
    alice: Any, class_7b: list[Any], did: Any, refresh: Any
) -> None:
    """Feedback locks the slate and then her state; the refresh holds her state when it removes old slates."""
    refresh()
    Slate.objects.update(computed_at=timezone.now() - timedelta(hours=1))
    old = Slate.objects.get(learner=alice)
    did(alice, "viewed", "letters-lesson")
    with transaction.atomic():
        Slate.objects.select_for_update().get(pk=old.pk)
        elsewhere(refresh)
        old.kept = True
        old.save()
    assert Slate.objects.filter(learner=alice).count() == 2
    assert Slate.objects.filter(pk=old.pk, kept=True).exists()


def test_who_lost_a_claim_writes_nothing(
    alice: Any, class_7b: list[Any], refresh: Any, monkeypatch: Any
) -> None:
    compute = pipeline.make_slates

    def robbed(*args: Any, **kwargs: Any) -> Any:
        slates = compute(*args, **kwargs)
        elsewhere(
            lambda: LearnerState.objects.filter(learner=alice).update(
                claimed_by="another", claimed_until=timezone.now() + timedelta(minutes=1)
            )
        )
        return slates

    monkeypatch.setattr(pipeline, "make_slates", robbed)
    done = refresh()
    assert alice.pk in done.lost
    assert not Slate.objects.filter(learner=alice).exists()
    assert Slate.objects.filter(learner=class_7b[1]).exists()
    assert stale(alice)


def test_one_bad_learner_does_not_block_the_others(
    alice: Any, class_7b: list[Any], refresh: Any, monkeypatch: Any
) -> None:
    compute = pipeline.make_slates

    def poisoned(reads: Any, **kwargs: Any) -> Any:
        if any(read.situation.learner == alice.pk for read in reads):
            raise ValueError("nobody foresaw this")
        return compute(reads, **kwargs)

    monkeypatch.setattr(pipeline, "make_slates", poisoned)
    done = refresh()
    assert done.failed == {alice.pk}
    assert {member.pk for member in class_7b[1:]} <= done.stored
    # She is left alone for a while, and nothing of her was written.
    assert not refresh().failed
    state = LearnerState.objects.get(learner=alice)
    assert state.claimed_until > timezone.now() + timedelta(seconds=45)
    assert stale(alice)
    monkeypatch.setattr(pipeline, "make_slates", compute)
    LearnerState.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert alice.pk in refresh().stored


def test_a_database_that_goes_away_is_nobodys_fault(
    class_7b: list[Any], refresh: Any, monkeypatch: Any
) -> None:
    def gone(*args: Any, **kwargs: Any) -> Any:
        raise OperationalError("server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "make_slates", gone)
        with pytest.raises(OperationalError):
            refresh()
    # The claims were given back, so nobody has to wait for a lease.
    assert {member.pk for member in class_7b} <= refresh().stored


def test_a_person_who_left_during_the_refresh(
    alice: Any, class_7b: list[Any], refresh: Any, monkeypatch: Any
) -> None:
    compute = pipeline.make_slates

    def erased(*args: Any, **kwargs: Any) -> Any:
        slates = compute(*args, **kwargs)
        elsewhere(lambda: type(alice).objects.get(pk=alice.pk).delete())
        return slates

    monkeypatch.setattr(pipeline, "make_slates", erased)
    done = refresh()
    assert done.lost == {alice.pk}
    assert {member.pk for member in class_7b[1:]} <= done.stored


def test_batches_are_bounded(class_7b: list[Any], refresh: Any, settings: Any) -> None:
    settings.REFRESH_BATCH = 2
    assert len(refresh().stored) >= 3


def test_somebody_who_studies_nothing_gets_an_empty_slate(
    person: Callable[..., Any], refresh: Any, next_items: Any
) -> None:
    loner = person("loner")
    mark_dirty(learner_ids=[loner.pk])
    assert loner.pk in refresh().stored
    assert next_items(loner) == []


def test_the_newest_slate_is_the_newest_though_a_workers_clock_is_behind(
    class_7b: list[Any], refresh: Any, did: Any, monkeypatch: Any
) -> None:
    alice = class_7b[0]
    refresh()
    did(alice, "completed", "letters-lesson")
    behind = timezone.now() - timedelta(minutes=2)
    monkeypatch.setattr("django.utils.timezone.now", lambda: behind)
    refresh()
    monkeypatch.undo()
    newest = Slate.objects.filter(learner=alice).order_by("-computed_at").first()
    assert newest is not None
    assert newest.seq == LearnerState.objects.get(learner=alice).dirty_seq


def test_a_step_that_takes_longer_than_the_lease_loses_nobody(
    class_7b: list[Any], refresh: Any, monkeypatch: Any, settings: Any
) -> None:
    settings.LEASE_SECONDS = 1
    compute = pipeline.make_slates
    stolen: list[int] = []

    def slow(*args: Any, **kwargs: Any) -> Any:
        until = time.monotonic() + 2.5
        while time.monotonic() < until:  # another worker looks for what is free, again and again
            elsewhere(
                lambda: stolen.extend(claim_stale(worker="another", limit=10, lease_seconds=60))
            )
            time.sleep(0.2)
        return compute(*args, **kwargs)

    monkeypatch.setattr(pipeline, "make_slates", slow)
    assert {member.pk for member in class_7b} <= refresh().stored
    assert not stolen


def test_who_lost_every_claim_stops_in_the_middle(
    class_7b: list[Any], refresh: Any, monkeypatch: Any, settings: Any
) -> None:
    settings.LEASE_SECONDS = 1

    def robbed(*_args: Any, on_progress: Callable[[], None], **_kwargs: Any) -> Any:
        LearnerState.objects.update(
            claimed_by="another", claimed_until=timezone.now() + timedelta(minutes=1)
        )
        time.sleep(0.7)
        on_progress()
        raise AssertionError("it went on with what is another's")

    monkeypatch.setattr(pipeline, "make_slates", robbed)
    done = refresh()
    assert {member.pk for member in class_7b} <= done.lost
    assert not done.failed
    assert not Slate.objects.exists()
