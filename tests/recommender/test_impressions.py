"""A `shown` event of a slate is an impression, and keeps the slate."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from learners.models import Event, LearnerState
from learners.services.events import NewEvent, record_events
from recommender.models import Impression, Slate
from recommender.services.slates import GRACE_SLATES

pytestmark = pytest.mark.django_db


@pytest.fixture
def slate(alice: Any, group: Any, refresh: Callable[[], Any]) -> Slate:
    refresh()
    return Slate.objects.get(learner=alice)


def test_what_was_shown_is_kept_with_its_propensity(
    alice: Any, slate: Slate, did: Callable[..., Any], refresh: Callable[[], Any]
) -> None:
    context = {"slate": str(slate.pk), "position": 99}
    did(alice, "shown", "letters-one", context=context)
    did(alice, "shown", "letters-one", context=context)
    impression = Impression.objects.get()
    assert (impression.slate, impression.learner) == (slate, alice)
    assert impression.item.slug == "letters-one"
    assert impression.position == 2  # the slate's own
    assert impression.propensity == 1.0  # nothing is drawn in a syllabus
    assert impression.explored is False
    slate.refresh_from_db()
    assert slate.kept


def test_it_does_not_make_her_stale(alice: Any, slate: Slate, did: Callable[..., Any]) -> None:
    did(alice, "shown", "letters-one", context={"slate": str(slate.pk)})
    state = LearnerState.objects.get(learner=alice)
    assert state.dirty_seq == state.clean_seq


def test_a_slate_that_was_not_shown_is_overwritten(
    alice: Any, slate: Slate, did: Callable[..., Any], refresh: Callable[[], Any]
) -> None:
    did(alice, "shown", "letters-one", context={"slate": str(slate.pk)})
    for _time in range(GRACE_SLATES + 4):
        did(alice, "viewed", "letters-one")
        refresh()
    left = Slate.objects.filter(learner=alice)
    assert left.filter(kept=True).get() == slate
    # The latest stay for a while, for feedback on a list that is on the screen.
    assert left.filter(kept=False).count() == GRACE_SLATES


def test_after_a_while_only_the_newest_is_left(
    alice: Any, slate: Slate, did: Callable[..., Any], refresh: Callable[[], Any]
) -> None:
    from datetime import timedelta

    from django.db.models import F

    for _time in range(3):
        Slate.objects.update(computed_at=F("computed_at") - timedelta(minutes=16))
        did(alice, "viewed", "letters-one")
        refresh()
    assert Slate.objects.filter(learner=alice).count() == 1


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"slate": None},
        {"slate": 5},
        {"slate": "nonsense"},
        {"slate": str(uuid.uuid4())},
        {"slate": {"a": 1}},
    ],
)
def test_a_slate_that_is_not_there_makes_an_event_and_no_impression(
    alice: Any, slate: Slate, did: Callable[..., Any], context: Any
) -> None:
    did(alice, "shown", "letters-one", context=context)
    assert Event.objects.filter(verb="shown").count() == 1
    assert not Impression.objects.exists()


def test_another_persons_slate_is_left_alone(
    charlie: Any, slate: Slate, did: Callable[..., Any]
) -> None:
    did(charlie, "shown", "letters-one", context={"slate": str(slate.pk)})
    assert not Impression.objects.exists()
    slate.refresh_from_db()
    assert not slate.kept


def test_an_item_that_was_not_on_it(alice: Any, slate: Slate, did: Callable[..., Any]) -> None:
    Slate.objects.filter(pk=slate.pk).update(entries=slate.entries[1:])
    did(alice, "shown", "letters-lesson", context={"slate": str(slate.pk)})
    assert not Impression.objects.exists()


def test_a_thousand_slates_that_do_not_exist_cost_one_query(
    alice: Any, slate: Slate, algebra: Any, django_assert_max_num_queries: Any
) -> None:
    named = [uuid.uuid4() for _slate in range(200)] + [slate.pk]
    events = [
        NewEvent(
            uid=uuid.uuid4(),
            verb="shown",
            item_id=algebra.items["letters-one"].pk,
            occurred_at=timezone.now(),
            context={"slate": str(key)},
        )
        for key in named
    ]
    with django_assert_max_num_queries(12):
        record_events(actor=alice, events=events)
    assert Impression.objects.get().slate == slate
