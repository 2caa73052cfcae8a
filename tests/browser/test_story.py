"""The story: she studies, says "too hard", and sees a newer and easier list; her teacher sees her."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import algebra_course
import practice_course
import pytest
from browser_pages import Visitor, settle, wait_for_newer_list
from flow_processes import wait_until

from learners.models import Event
from learners.services.groups import add_course, add_learner, create_group
from recommender.models import Impression, ModelVersion, TrainingRun


def shown_success(page: Any) -> float:
    """The mean likelihood of a right answer over the exercises that the list shows."""
    shown = page.locator(".success-line strong").all_inner_texts()
    assert shown
    return sum(float(text.rstrip("%")) for text in shown) / len(shown)


def test_a_student_studies_and_the_list_answers(
    worker: Any, version: ModelVersion, visit: Callable[..., Visitor], alice: Any, bob: Any
) -> None:
    page = visit(alice).page

    # She opens a lesson from its course, finishes it, and goes on to an exercise.
    page.goto("/courses/algebra/")
    page.click("text=Letters lesson")
    page.mouse.move(200, 300)
    page.wait_for_timeout(2_500)
    page.click("text=Mark as done")
    page.wait_for_selector("text=Done.")
    assert Event.objects.get(actor=alice, verb="completed").duration >= 2

    page.goto("/items/letters-one/")
    page.click("text=Show a hint")
    page.wait_for_selector("text=Use your fingers.")
    page.fill("[name=answer-0]", "5")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Not quite.")
    page.click("text=Try again")
    page.fill("[name=answer-0]", "4")
    page.click("text=Check my answer")
    page.wait_for_selector("text=That's right.")
    assert page.is_visible("text=It is four.")
    answers = Event.objects.filter(actor=alice, verb="answered").order_by("pk")
    assert [(event.success, event.context["hints"]) for event in answers] == [
        (False, 1),
        (True, 0),
    ]

    # A worker has made a list of it, with reasons.
    settle()
    page.goto("/?course=practice")
    assert page.locator(".next-card").count() == 8
    assert page.locator(".next-card .reasons li").count() >= 8

    # What she saw, and only that, is an impression.
    page.wait_for_timeout(3_500)
    seen = Impression.objects.filter(learner=alice).count()
    assert 1 <= seen < 8

    # "Too hard": acknowledged at once, and a newer, easier list follows without another press.
    before, slate = shown_success(page), page.get_attribute("#next-list", "data-slate")
    page.click(".next-card.first button[value=too_hard]")
    page.wait_for_selector("text=Easier things will come.")
    wait_for_newer_list(page, slate)
    # The confirmation outlives the list that it was about, and says that there is a newer one.
    page.wait_for_selector("#noted >> text=Your list has been updated.")
    assert page.is_visible("#noted >> text=Noted: “Too hard”")
    assert page.is_visible("#noted >> text=Undo")
    for _more in range(2):
        slate = page.get_attribute("#next-list", "data-slate")
        page.click(".next-card.first button[value=too_hard]")
        wait_for_newer_list(page, slate)
    assert shown_success(page) > before

    # Her teacher sees her.
    teacher = visit(bob).page
    teacher.click("text=Class 7b")
    teacher.click("table >> text=alice")
    assert teacher.is_visible("text=Answered right:")
    assert teacher.is_visible("text=Next on the list")


def test_an_assignment_is_on_top_of_her_list(
    worker: Any, version: ModelVersion, visit: Callable[..., Visitor], alice: Any, bob: Any
) -> None:
    teacher = visit(bob).page
    teacher.click("text=Class 7b")
    teacher.click("text=Give a rule")
    teacher.select_option("[name=rule]", "assign")
    teacher.select_option("[name=item]", "letters-two")
    teacher.click("text=Put in force")
    teacher.wait_for_selector("text=Their lists follow within seconds.")
    settle()
    page = visit(alice).page
    first = page.locator(".next-card.first")
    assert "Letters two" in first.inner_text()
    assert "Your teacher assigned this to you" in first.inner_text()


def test_an_operator_retrains_and_watches(
    worker: Any, version: ModelVersion, visit: Callable[..., Visitor], olga: Any
) -> None:
    practice_course.store_learners(30, practice_course.get_course())
    page = visit(olga).page
    page.click("text=Training runs")
    page.click("text=Retrain")
    run = wait_until(TrainingRun.objects.first, what="for the run")
    assert isinstance(run, TrainingRun)
    page.goto(f"/admin/recommender/trainingrun/{run.pk}/change/")
    page.wait_for_selector("text=succeeded", timeout=180_000)
    run.refresh_from_db()
    assert run.status == TrainingRun.Status.SUCCEEDED


@pytest.fixture
def algebra(alice: Any, bob: Any) -> SimpleNamespace:
    group = create_group(teacher=bob, name="Class 7b")
    add_learner(group=group, learner=alice)
    made = algebra_course.make_course()
    add_course(group=group, course=made.course)
    return made


def test_it_works_without_scripts(
    visit: Callable[..., Visitor], alice: Any, algebra: SimpleNamespace
) -> None:
    page = visit(alice, java_script_enabled=False).page
    assert page.locator(".next-card.first h2").inner_text() == "Letters lesson"
    page.click(".next-card.first button[value=not_now]")
    assert page.is_visible("text=It won't come up for a day.")
    assert "Letters lesson" not in page.locator("#next-list").inner_text()
    page.goto("/items/letters-one/")
    page.click("text=Show a hint")
    assert page.is_visible("text=Use your fingers.")
    page.fill("[name=answer-0]", "4")
    page.click("text=Check my answer")
    assert page.is_visible("text=It is four.")
    page.goto("/items/letters-lesson/")
    page.click("#focus-toggle")
    assert not page.is_visible(".topbar")
    page.click("text=Mark as done")
    assert page.is_visible("text=Done: “Letters lesson”.")
