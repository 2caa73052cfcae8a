"""Each page in light and dark, on a phone and a desktop: axe finds nothing, nothing sticks out, nothing is blocked."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import algebra_course
import pytest
from browser_pages import DESKTOP, PHONE, Visitor, check

from content.models import Question
from learners.mastery import Mastery
from learners.memory import Review, remember
from learners.services.assignments import give_assignment
from learners.services.events import NewEvent, record_attempt, record_events
from learners.services.groups import add_course, add_learner, create_group
from learners.services.mastery import store_mastery
from learners.services.memory import store_memories
from recommender.models import Feedback

PUBLIC = ["/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/nowhere/"]
LEARNER = [
    *("/", "/progress/", "/attention/", "/courses/", "/courses/algebra/", "/join/", "/account/"),
    *("/items/letters-lesson/", "/items/letters-one/", "/items/letters-one/?hints-0=1"),
    *("/items/letters-two/", "/items/letters-lesson/?focus=1"),
    *("/reviews/", "/items/letters-one/?review=1"),
    *("/placement/algebra/", "/items/letters-one/?placement=1"),
    *("/accounts/email/", "/accounts/password/change/", "/accounts/logout/"),
]
TEACHER = [
    *("/", "/groups/{group}/", "/groups/{group}/learners/{alice}/", "/groups/{group}/mastery/"),
    *("/courses/", "/account/"),
]
BODY = """Text with *weight*, `code`, $x^2 + 1$ and a [link](/courses/).

| a | b |
|---|--:|
| 1 | 2 |

> A thought.

```python
def double(x):
    return 2 * x  # twice
```
"""


@pytest.fixture
def school(alice: Any, bob: Any) -> SimpleNamespace:
    """Everything a page can show: rules, struggles, a quiz, a text with all its parts."""
    group = create_group(teacher=bob, name="Class 7b")
    add_learner(group=group, learner=alice)
    made = algebra_course.make_course()
    add_course(group=group, course=made.course)
    lesson, quiz = made.items["letters-lesson"], made.items["letters-two"]
    lesson.body = BODY
    lesson.save()
    quiz.kind = "quiz"
    quiz.save()
    options = {"options": [{"text": "no", "correct": False}, {"text": "$y$", "correct": True}]}
    for position, kind in enumerate(("choice", "choices"), start=1):
        Question.objects.create(
            item=quiz, position=position, prompt="Which?", answer_type=kind, key=options
        )
    for _try in range(3):
        record_attempt(
            actor=alice, item=made.items["equations-one"], uid=uuid.uuid4(), response="7"
        )
    give_assignment(group=group, teacher=bob, rule="pin", items=[made.items["graphs-one"]])
    _learn(alice, made)
    return SimpleNamespace(group=group, **vars(made))


def _learn(alice: Any, made: SimpleNamespace) -> None:
    """One exercise is due for review; each concept is mastered, not yet or unsure, and has been worse."""
    now = datetime.now(UTC)
    done = NewEvent(
        uuid.uuid4(),
        "answered",
        made.items["letters-one"].pk,
        now - timedelta(days=5),
        success=True,
        graded=True,
    )
    record_events(actor=alice, events=[done])
    review = Review(1, done.occurred_at, right=True, hinted=False)
    memory = remember(done.item_id, [review], attempts=1)
    assert memory is not None
    store_memories({alice.pk: [memory]})
    for days, better in ((9, 0.0), (2, 0.1)):
        estimates = [
            Mastery(concept.pk, low + better + 0.1, low + better, low + better + 0.2, 7)
            for concept, low in zip(made.concepts.values(), (0.65, 0.1, 0.5), strict=True)
        ]
        store_mastery({alice.pk: estimates}, now=now - timedelta(days=days))


def check_all(visitor: Visitor, addresses: list[str]) -> list[str]:
    found = []
    for address in addresses:
        visitor.page.set_viewport_size(DESKTOP)
        visitor.page.goto(address)
        found += list(check(visitor.page, address))
    return found


def test_pages_of_anonymous_people(visit: Callable[..., Visitor]) -> None:
    assert check_all(visit(), PUBLIC) == []


def test_pages_of_learners(
    visit: Callable[..., Visitor], alice: Any, school: SimpleNamespace
) -> None:
    visitor = visit(alice)
    assert check_all(visitor, LEARNER) == []
    page = visitor.page
    page.goto("/items/letters-two/")
    page.fill("[name=answer-0]", "4")
    page.check("[name=answer-1][value='0']")
    page.check("[name=answer-2][value='1']")
    page.click("text=Check my answer")
    page.wait_for_selector("text=2 of 3 right.")
    assert list(check(page, "a graded quiz")) == []
    page.goto("/items/letters-one/")
    page.click("text=Check my answer")
    page.wait_for_selector("text=Write your answer first.")
    assert list(check(page, "a missing answer")) == []


def test_a_long_line_of_maths_in_an_explanation_does_not_stretch_the_page(
    visit: Callable[..., Visitor], alice: Any, school: SimpleNamespace
) -> None:
    question = school.items["letters-one"].questions.get()
    question.explanation = "$$" + " + ".join(f"{place} x^{place}" for place in range(30)) + "$$"
    question.save()
    page = visit(alice).page
    page.set_viewport_size(PHONE)
    page.goto("/items/letters-one/")
    page.fill("[name=answer-0]", "5")
    page.click("text=Check my answer")
    page.wait_for_selector("text=Worked explanation")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    line = page.locator(".result math")
    assert line.evaluate("each => each.scrollWidth > each.clientWidth"), "it is not long enough"


def test_pages_of_who_is_in_no_course(visit: Callable[..., Visitor], charlie: Any) -> None:
    assert check_all(visit(charlie), ["/", "/progress/", "/courses/"]) == []


def test_pages_of_teachers(
    visit: Callable[..., Visitor], alice: Any, bob: Any, school: SimpleNamespace
) -> None:
    visitor = visit(bob)
    addresses = [each.format(group=school.group.pk, alice=alice.pk) for each in TEACHER]
    assert check_all(visitor, addresses) == []
    visitor.page.goto(addresses[1])
    visitor.page.click("text=Give a rule")
    visitor.page.click("text=Put in force")
    visitor.page.wait_for_selector("text=Choose either an item or a concept.")
    assert list(check(visitor.page, "a refused rule")) == []


def test_pages_of_operators(visit: Callable[..., Visitor], olga: Any) -> None:
    assert check_all(visit(olga), ["/", "/groups/"]) == []


def test_the_first_stop_of_the_keyboard_skips_to_the_content(
    visit: Callable[..., Visitor],
) -> None:
    page = visit().page
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_feedback_by_keyboard_keeps_the_place(
    visit: Callable[..., Visitor], alice: Any, school: SimpleNamespace
) -> None:
    page = visit(alice).page
    page.focus(".next-card.first button[value=helpful]")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=It is good to know that this helped.")
    assert page.evaluate("document.activeElement.classList.contains('noted')")
    # Undo is the next stop, and closing leads back to the list.
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.value") == str(Feedback.objects.get().uid)
    assert list(check(page, "a confirmation")) == []
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert not page.is_visible(".noted")
    assert page.evaluate("document.activeElement.id") == "next-list"


def test_feedback_below_the_first_card_is_folded_on_a_phone_only(
    visit: Callable[..., Visitor], alice: Any, school: SimpleNamespace
) -> None:
    page = visit(alice).page
    button = page.locator(".next-card:not(.first) button[value=too_hard]").first
    assert button.is_visible()
    page.set_viewport_size({"width": 360, "height": 740})
    assert not button.is_visible()
    assert page.locator(".next-card.first button[value=too_hard]").is_visible()
    page.locator(".folded-feedback > summary").first.focus()
    page.keyboard.press("Enter")
    button.wait_for(state="visible")
    button.click()
    page.wait_for_selector("text=Easier things will come.")
