"""Attention is what counts: not time in a hidden tab, and not time in which nothing happens."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import algebra_course
import pytest
from browser_pages import Visitor
from flow_processes import wait_until

from learners.models import Event
from learners.services.groups import add_course, add_learner, create_group

HIDE = """hidden => {
    Object.defineProperty(document, 'visibilityState', {configurable: true, value: hidden ? 'hidden' : 'visible'});
    document.dispatchEvent(new Event('visibilitychange'));
}"""


@pytest.fixture
def algebra(alice: Any, bob: Any) -> SimpleNamespace:
    group = create_group(teacher=bob, name="Class 7b")
    add_learner(group=group, learner=alice)
    made = algebra_course.make_course()
    add_course(group=group, course=made.course)
    return made


@pytest.fixture
def page(visit: Callable[..., Visitor], alice: Any, algebra: SimpleNamespace) -> Any:
    """A lesson, in a browser whose clock the test moves."""
    page = visit(alice).page
    # It is moved by less than five minutes: what lies further ahead the server refuses.
    page.clock.install()
    page.goto("/items/letters-lesson/")
    page.mouse.move(100, 100)
    return page


def progressed(alice: Any) -> list[float]:
    return list(
        Event.objects.filter(actor=alice, verb="progressed")
        .order_by("pk")
        .values_list("duration", flat=True)
    )


def test_idle_time_does_not_count(page: Any, alice: Any) -> None:
    page.clock.run_for(10_000)
    page.mouse.move(150, 150)
    page.clock.run_for(200_000)  # more than three minutes without touching anything
    page.evaluate(HIDE, True)
    (seconds,) = wait_until(lambda: progressed(alice), what="for the event")
    assert 36 <= seconds <= 44  # ten seconds, and half a minute until she counts as gone


def test_a_hidden_tab_does_not_count_and_coming_back_does(page: Any, alice: Any) -> None:
    page.clock.run_for(10_000)
    page.evaluate(HIDE, True)
    page.clock.run_for(120_000)
    page.evaluate(HIDE, False)
    page.clock.run_for(5_000)
    page.evaluate(HIDE, True)
    first, second = wait_until(
        lambda: len(progressed(alice)) == 2 and progressed(alice), what="for both events"
    )
    assert 8 <= first <= 12
    assert 3 <= second <= 7


def test_a_look_is_recorded_once_and_a_glance_has_no_duration(page: Any, alice: Any) -> None:
    page.clock.run_for(1_000)
    page.goto("/courses/")
    wait_until(lambda: Event.objects.filter(actor=alice).exists(), what="for the look")
    assert list(Event.objects.filter(actor=alice).values_list("verb", "duration")) == [
        ("viewed", None)
    ]


def test_what_could_not_be_sent_is_sent_later_once(
    visit: Callable[..., Visitor], alice: Any, algebra: SimpleNamespace
) -> None:
    visitor = visit(alice)
    page = visitor.page
    page.goto("/items/letters-lesson/")
    wait_until(lambda: Event.objects.filter(actor=alice, verb="viewed").exists())
    page.wait_for_timeout(2_600)
    visitor.context.set_offline(True)
    page.evaluate(HIDE, True)
    page.wait_for_function("() => localStorage.getItem('attune.events')")
    page.wait_for_timeout(500)
    assert not progressed(alice)
    visitor.context.set_offline(False)
    wait_until(lambda: progressed(alice), what="for the event that waited")
    page.wait_for_function("() => !localStorage.getItem('attune.events')")
    page.goto("/courses/")
    page.goto("/items/letters-lesson/")
    page.wait_for_timeout(2_500)
    durations = [seconds for seconds in progressed(alice) if seconds]
    assert len(set(durations)) == len(durations)


def test_a_clock_that_is_far_ahead_is_set_right(
    visit: Callable[..., Visitor], alice: Any, algebra: SimpleNamespace
) -> None:
    page = visit(alice).page
    page.clock.install(time=datetime.now(UTC) + timedelta(days=2))
    page.goto("/items/letters-lesson/")
    event = wait_until(lambda: Event.objects.filter(actor=alice).first(), what="for the look")
    assert isinstance(event, Event)
    assert abs(event.occurred_at - datetime.now(UTC)) < timedelta(minutes=2)
