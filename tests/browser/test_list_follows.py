"""The list on the Next page follows what she does, without being asked to."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import practice_course
from browser_pages import Visitor, settle, wait_for_newer_list
from flow_processes import wait_until

from learners.services.events import NewEvent, record_events


def answer(person: Any, *, place: int) -> None:
    event = NewEvent(
        uid=uuid.uuid4(),
        verb="answered",
        item_id=practice_course.FIRST + place,
        occurred_at=datetime.now(UTC),
        success=True,
        graded=True,
    )
    record_events(actor=person, events=[event])


def test_what_arrives_with_the_way_back_brings_a_newer_list(
    worker: Any, version: Any, visit: Callable[..., Visitor], alice: Any
) -> None:
    answer(alice, place=11)
    settle()
    page = visit(alice).page
    page.goto("/")
    slate = page.get_attribute("#next-list", "data-slate")
    # As from an item's page, whose attention is sent while this one is already being read.
    answer(alice, place=12)
    wait_for_newer_list(page, slate)


def test_an_answer_for_what_has_left_the_page_is_dropped(
    worker: Any, version: Any, visit: Callable[..., Visitor], alice: Any
) -> None:
    answer(alice, place=11)
    settle()
    page = visit(alice).page
    page.goto("/")
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route("**/?try=*", hold)
    page.click(".next-card.first button[value=too_hard]")
    page.wait_for_selector("#noted >> text=Noted: “Too hard”")
    wait_until(lambda: page.wait_for_timeout(100) or bool(held), seconds=20, what="for a poll")
    settle()
    # A second confirmation takes the place of the first, whose question is still on the way.
    page.evaluate("document.querySelector('#noted').replaceChildren()")
    with page.expect_response("**/?try=*"):
        held[0].continue_()
    page.wait_for_timeout(500)
    assert page.locator("#noted > *").count() == 0
    page.unroute_all(behavior="ignoreErrors")
