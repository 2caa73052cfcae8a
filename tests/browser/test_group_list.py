"""A teacher looks for somebody: the list follows what she types, on a desktop and on a phone, by keyboard, too."""

import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import algebra_course
import pytest
from browser_pages import PHONE, Visitor, check

from learners.models import Group
from learners.services.events import record_attempt
from learners.services.groups import add_course, add_learner, create_group

NAMES = ".learners tbody .learner-name a"


@pytest.fixture
def algebra() -> SimpleNamespace:
    return algebra_course.make_course()


@pytest.fixture
def group(bob: Any, person: Any, algebra: SimpleNamespace) -> Group:
    """Twenty-five learners, the first of whom needs help."""
    group = create_group(teacher=bob, name="Class 7b")
    add_course(group=group, course=algebra.course)
    for number in range(25):
        learner = person(
            f"learner{number:02}", first_name=f"Vera{number:02}", last_name="Lindqvist"
        )
        add_learner(group=group, learner=learner)
        for _try in range(3 if number == 0 else 0):
            record_attempt(
                actor=learner, item=algebra.items["equations-one"], uid=uuid.uuid4(), response="7"
            )
    return group


def test_the_list_follows_what_is_typed(
    visit: Callable[..., Visitor], bob: Any, group: Group
) -> None:
    page = visit(bob).page
    page.goto(f"/groups/{group.pk}/")
    assert page.locator(NAMES).count() == 20
    page.focus("[name=q]")
    page.keyboard.type("vera1", delay=20)
    page.wait_for_function(
        "() => document.querySelector('#announcer').textContent === '10 learners found.'"
    )
    assert page.locator(NAMES).count() == 10
    assert page.evaluate("document.activeElement.name") == "q"
    page.wait_for_url(f"**/groups/{group.pk}/?q=vera1")
    page.keyboard.type("zzz")
    page.wait_for_selector("text=Nobody in this group is called")
    assert list(check(page, "nobody found")) == []


def test_pages_are_turned_without_losing_the_place(
    visit: Callable[..., Visitor], bob: Any, group: Group
) -> None:
    page = visit(bob).page
    page.goto(f"/groups/{group.pk}/")
    page.focus(".pager [rel=next]")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Page 2 of 2")
    assert page.locator(NAMES).count() == 5
    assert page.evaluate("document.activeElement.id") == "learner-list"
    assert page.is_visible("#learners-title")
    page.select_option("[name=sort]", "name")
    page.wait_for_selector("text=Page 1 of 2")
    assert page.locator(NAMES).first.inner_text() == "Vera00 Lindqvist"


def test_on_a_phone_each_learner_is_a_card_that_fits(
    visit: Callable[..., Visitor], bob: Any, group: Group
) -> None:
    page = visit(bob).page
    page.set_viewport_size(PHONE)
    page.goto(f"/groups/{group.pk}/")
    rows = page.locator(".learners tbody tr")
    boxes = [rows.nth(number).bounding_box() for number in range(20)]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"] for box in boxes)
    assert max(box["height"] for box in boxes[1:]) < 110
    # The needs stand in the card, not in a column that is hidden.
    assert "Equations" in rows.first.inner_text()
    assert list(check(page, "a long list")) == []


def test_a_learner_is_found_without_scripts(
    visit: Callable[..., Visitor], bob: Any, group: Group
) -> None:
    page = visit(bob, java_script_enabled=False).page
    page.goto(f"/groups/{group.pk}/")
    page.fill("[name=q]", "vera07")
    page.click("text=Show")
    assert page.locator(NAMES).all_inner_texts() == ["Vera07 Lindqvist"]
    page.goto(f"/groups/{group.pk}/")
    page.click(".pager [rel=next]")
    assert page.locator(NAMES).count() == 5


def test_a_rule_is_confirmed_in_sight_and_where_the_keyboard_is(
    visit: Callable[..., Visitor], bob: Any, group: Group
) -> None:
    page = visit(bob).page
    page.goto(f"/groups/{group.pk}/")
    page.click("text=Give a rule")
    page.select_option("[name=item]", "graphs-one")
    page.click("text=Put in force")
    said = page.locator("#group-rules [role=status]")
    for text in ("In force.", "Withdrawn."):
        said.filter(has_text=text).wait_for()
        focused = "document.activeElement.matches('#group-rules [role=status]')"
        page.wait_for_function(f"() => {focused}")
        box = said.bounding_box()
        assert box is not None
        assert 0 <= box["y"] <= 800 - box["height"]
        if text == "In force.":
            page.click("#group-rules .rule button")
