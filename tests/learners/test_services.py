"""What the services promise to the apps above them."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from content.models import Course, Item
from learners import selectors
from learners.models import Event, Group, ItemProgress
from learners.services.assignments import give_assignment, withdraw_assignment
from learners.services.events import NewEvent, StoredEvent, record_attempt, record_events
from learners.services.groups import remove_course, remove_learner

NOW = datetime.now(UTC).replace(microsecond=0)


def new(item: Item, verb: str = "viewed", *, minutes: float = 0, **fields: Any) -> NewEvent:
    return NewEvent(uuid.uuid4(), verb, item.pk, NOW - timedelta(minutes=minutes), **fields)


def items_of(course: Course) -> dict[str, Item]:
    return {item.slug: item for item in course.items.all()}


def test_events_add_up_to_progress_on_an_item(alice: Any, group: Group, course: Course) -> None:
    counting = items_of(course)["counting"]
    record_events(
        actor=alice,
        events=[
            new(counting, minutes=9, duration=30.0),
            new(counting, "progressed", minutes=5, duration=12.5),
        ],
    )
    record_events(actor=alice, events=[new(counting, "completed", minutes=1)])

    progress = ItemProgress.objects.get(learner=alice, item=counting)
    assert progress.seconds == 42.5
    assert progress.first_at == NOW - timedelta(minutes=9)
    assert progress.last_at == progress.completed_at == NOW - timedelta(minutes=1)


def test_an_event_sent_twice_counts_once(alice: Any, group: Group, course: Course) -> None:
    event = new(items_of(course)["counting"], duration=10.0)
    assert record_events(actor=alice, events=[event, event]).duplicates == 1
    assert record_events(actor=alice, events=[event]).accepted == 0
    assert ItemProgress.objects.get(learner=alice).seconds == 10.0


def test_a_claimed_success_is_kept_but_counts_nowhere(
    alice: Any, group: Group, course: Course
) -> None:
    exercise = items_of(course)["two-and-two"]
    record_events(actor=alice, events=[new(exercise, "answered", success=True, score=1.0)])
    stored = Event.objects.get()
    assert (stored.success, stored.graded) == (True, False)
    progress = ItemProgress.objects.get()
    assert (progress.attempts, progress.right, progress.completed_at) == (0, 0, None)


def test_wrong_answers_in_a_row_are_counted_until_a_right_one(
    alice: Any, group: Group, course: Course
) -> None:
    exercise = items_of(course)["two-and-two"]
    for response, streak in ((1, 1), (1, 2), (0, 0), (1, 1)):
        record_attempt(actor=alice, item=exercise, uid=uuid.uuid4(), response=response)
        progress = ItemProgress.objects.get()
        assert progress.wrong_streak == streak
        assert progress.last_right is (streak == 0)
    assert (progress.attempts, progress.right) == (4, 1)


def test_what_was_only_shown_does_not_make_her_stale(
    alice: Any, group: Group, course: Course, dirt: Any
) -> None:
    before = dirt(alice)
    record_events(actor=alice, events=[new(items_of(course)["counting"], "shown")])
    assert dirt(alice) == before
    assert not ItemProgress.objects.exists()
    record_events(actor=alice, events=[new(items_of(course)["counting"])])
    assert dirt(alice) == before + 1


def test_listeners_hear_of_new_events_only_in_the_same_transaction(
    alice: Any, group: Group, course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    from learners.services import events as service

    heard: list[tuple[int, list[StoredEvent]]] = []
    monkeypatch.setattr(service, "_listeners", [])
    service.register_listener(lambda actor, stored: heard.append((actor, list(stored))))
    event = new(items_of(course)["counting"], "shown", context={"position": 1})
    record_events(actor=alice, events=[event])
    record_events(actor=alice, events=[event])
    assert heard == [(alice.pk, [StoredEvent(Event.objects.get().pk, event)])]

    def fail(actor: int, stored: Any) -> None:
        raise RuntimeError("no")

    service.register_listener(fail)
    with pytest.raises(RuntimeError):
        record_events(actor=alice, events=[new(items_of(course)["counting"])])
    assert Event.objects.count() == 1


def test_history_is_the_newest_of_each_learner_oldest_first(
    alice: Any, charlie: Any, group: Group, course: Course
) -> None:
    counting = items_of(course)["counting"]
    record_events(actor=alice, events=[new(counting, minutes=m) for m in (3, 1, 2, 4)])
    record_events(actor=alice, events=[new(counting, "shown")])
    record_events(actor=charlie, events=[new(counting, minutes=7)])

    rows = selectors.read_history([alice.pk, charlie.pk], limit=3)
    assert [(row.learner_id, row.occurred_at) for row in rows] == [
        *((alice.pk, NOW - timedelta(minutes=m)) for m in (3, 2, 1)),
        (charlie.pk, NOW - timedelta(minutes=7)),
    ]
    assert selectors.read_history([], limit=3) == []


def test_events_of_one_moment_keep_the_order_of_the_request(
    alice: Any, group: Group, course: Course
) -> None:
    events = [new(items_of(course)["counting"], duration=float(n)) for n in range(200)]
    record_events(actor=alice, events=events)
    rows = selectors.read_history([alice.pk], limit=200)
    assert [row.duration for row in rows] == [float(n) for n in range(200)]


@pytest.mark.django_db(transaction=True)
def test_the_stream_holds_every_event_once_in_order(
    alice: Any, charlie: Any, group: Group, course: Course
) -> None:
    counting = items_of(course)["counting"]
    for person in (charlie, alice):
        record_events(actor=person, events=[new(counting, minutes=m) for m in (2, 3, 1)])
    record_events(actor=alice, events=[new(counting, "shown")])
    pages = list(selectors.stream_events(page_size=4))
    rows = [row for page in pages for row in page]
    assert [len(page) for page in pages] == [4, 2]
    assert rows == sorted(rows, key=lambda row: (row.learner_id, row.occurred_at, row.event_id))
    before = NOW - timedelta(days=1)
    assert list(selectors.stream_events(received_until=before)) == []


def test_an_enrolment_ends_with_the_last_group_that_gives_it(
    alice: Any, bob: Any, group: Group, course: Course
) -> None:
    from learners.services.groups import add_course, add_learner, create_group

    other = create_group(teacher=bob, name="Club")
    add_course(group=other, course=course)
    add_learner(group=other, learner=alice)
    remove_course(group=group, course=course)
    assert selectors.list_learner_courses([alice.pk]) == {alice.pk: {course.pk}}
    remove_learner(group=other, learner=alice)
    assert selectors.list_learner_courses([alice.pk]) == {alice.pk: set()}


def test_rules_reach_the_members_or_only_those_named(
    alice: Any, bob: Any, charlie: Any, group: Group, course: Course, adding: Any
) -> None:
    from learners.services.groups import add_learner

    add_learner(group=group, learner=charlie)
    items = items_of(course)
    due = NOW + timedelta(days=1)
    everybody = give_assignment(
        group=group, teacher=bob, rule="assign", items=[items["counting"]], due=due
    )
    give_assignment(group=group, teacher=bob, rule="pin", concept=adding, learners=[alice])
    give_assignment(
        group=group, teacher=bob, rule="ban", items=[items["reading-on"]], learners=[charlie]
    )
    rules = selectors.list_rules([alice.pk, charlie.pk, bob.pk])
    assert rules[alice.pk].assigned == rules[charlie.pk].assigned == {items["counting"].pk: due}
    assert rules[alice.pk].pinned == {
        items[slug].pk for slug in ("counting", "two-and-two", "three-and-three")
    }
    assert rules[charlie.pk].banned == {items["reading-on"].pk}
    assert not (rules[charlie.pk].pinned or rules[alice.pk].banned or rules[bob.pk].assigned)

    withdraw_assignment(assignment=everybody)
    remove_learner(group=group, learner=charlie)
    rules = selectors.list_rules([alice.pk, charlie.pk])
    assert not (rules[alice.pk].assigned or rules[charlie.pk].banned)


def test_the_same_rule_given_twice_is_one(
    alice: Any, bob: Any, group: Group, course: Course, adding: Any
) -> None:
    item = items_of(course)["counting"]
    first = give_assignment(group=group, teacher=bob, rule="pin", items=[item], learners=[alice])
    again = give_assignment(group=group, teacher=bob, rule="pin", items=[item], learners=[alice])
    assert again == first
    others = [
        give_assignment(group=group, teacher=bob, rule="pin", items=[item]),
        give_assignment(group=group, teacher=bob, rule="ban", items=[item], learners=[alice]),
        give_assignment(group=group, teacher=bob, rule="pin", concept=adding, learners=[alice]),
    ]
    assert len({first.pk, *(other.pk for other in others)}) == 4
    withdraw_assignment(assignment=first)
    anew = give_assignment(group=group, teacher=bob, rule="pin", items=[item], learners=[alice])
    assert anew != first


def test_a_rule_for_one_learner_does_not_reach_all_when_she_leaves(
    alice: Any, bob: Any, charlie: Any, group: Group, course: Course
) -> None:
    from learners.services.groups import add_learner

    add_learner(group=group, learner=charlie)
    give_assignment(
        group=group, teacher=bob, rule="ban", items=list(course.items.all()), learners=[charlie]
    )
    remove_learner(group=group, learner=charlie)
    assert selectors.list_rules([alice.pk])[alice.pk].banned == set()
