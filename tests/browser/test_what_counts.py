"""She says "not helpful": the list changes, a page says what moved and why, and a reset brings the list back."""

from collections.abc import Callable
from typing import Any

from browser_pages import Visitor, check, settle, wait_for_newer_list

from recommender.models import Feedback, Slate


def listed(page: Any) -> list[str]:
    page.goto("/?course=practice")
    return list(page.locator(".next-card h2").all_inner_texts())


def test_not_helpful_and_reset(studied: Slate, visit: Callable[..., Visitor], alice: Any) -> None:
    page = visit(alice).page
    before = listed(page)
    for _time in range(2):
        slate = page.get_attribute("#next-list", "data-slate")
        title = page.locator(".next-card.first h2").inner_text()
        page.click(".next-card.first button[value=not_helpful]")
        page.wait_for_selector("text=this didn't help.")
        wait_for_newer_list(page, slate)
    assert listed(page) != before

    page.click("main >> text=What counts for you")
    assert page.is_visible("text=Counts less")
    assert page.locator(f"text=You said “not helpful” to “{title}”").first.is_visible()
    assert list(check(page, "what counts")) == []

    # A slider by keyboard, its answer read aloud, and the page that follows by itself.
    page.set_viewport_size({"width": 1280, "height": 800})
    page.select_option("#set-feature", "kind:lesson")
    page.focus("#set-level")
    for _step in range(4):
        page.keyboard.press("ArrowRight")
    page.click("#set-button")
    page.wait_for_selector("text=It is set.")
    page.wait_for_selector(".updating", state="detached", timeout=20_000)
    page.wait_for_selector("text=set by you")
    assert page.locator(".feature", has_text="set by you").locator("text=2.00×").is_visible()
    page.locator(".feature summary").first.click()
    assert list(check(page, "a slider")) == []

    # One is taken back, then all of it.
    page.set_viewport_size({"width": 1280, "height": 800})
    count = page.locator(".said li").count()
    page.locator(".said button").first.click()
    page.wait_for_selector("text=as if you had never said it")
    assert page.locator(".said li").count() == count - 1
    page.click("text=Start afresh")
    page.click("#reset-button")
    page.wait_for_selector("text=as if you had never said anything")
    settle()
    assert listed(page) == before
    page.goto("/attention/")
    assert page.is_visible("text=Everything counts as for everybody")


def test_undo_where_it_was_said(studied: Slate, visit: Callable[..., Visitor], alice: Any) -> None:
    page = visit(alice, java_script_enabled=False).page
    before = listed(page)
    page.click(".next-card.first button[value=known]")
    assert page.is_visible("text=Noted: “I know this”")
    page.click("#noted >> text=Undo")
    assert page.is_visible("text=as if you had never said it")
    settle()
    assert listed(page) == before

    page.click(".next-card.first button[value=known]")
    settle()
    assert listed(page)[0] != before[0]
    page.goto("/attention/")
    page.click("text=Undo")
    assert page.is_visible("text=as if you had never said it")
    settle()
    assert listed(page) == before


def test_a_confirmation_stays_and_nothing_slips_under_the_pointer(
    studied: Slate, visit: Callable[..., Visitor], alice: Any
) -> None:
    page = visit(alice).page
    before = listed(page)
    slate = page.get_attribute("#next-list", "data-slate")
    # Whether the newer list could be pressed in the moment in which it came.
    page.evaluate(
        """() => {
            window.held = [];
            const seen = document.querySelector("#next-list").dataset.slate;
            new MutationObserver(() => {
                const list = document.querySelector("#next-list");
                if (list && list.dataset.slate !== seen) window.held.push(getComputedStyle(list).pointerEvents);
            }).observe(document.querySelector("main"), { childList: true, subtree: true, attributes: true });
        }"""
    )
    # The newer list waits until what is before it has been looked at.
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route("**/*try=*", hold)
    button = page.locator(".next-card.first button[value=not_helpful]")
    place = button.bounding_box()
    button.dblclick()
    page.wait_for_selector("#noted >> text=Noted: “Not helpful”")
    # The second press of a double click says nothing, and the card has not moved from under the pointer.
    assert Feedback.objects.filter(learner=alice).count() == 1
    assert page.locator(".next-card.first [aria-pressed=true]").bounding_box() == place
    page.unroute("**/*try=*")
    for request in held:
        request.continue_()
    wait_for_newer_list(page, slate)
    assert set(page.evaluate("window.held")) == {"none"}
    page.wait_for_function(
        "() => getComputedStyle(document.querySelector('#next-list')).pointerEvents === 'auto'"
    )
    assert page.is_visible("#noted >> text=Noted: “Not helpful”")

    slate = page.get_attribute("#next-list", "data-slate")
    page.click("#noted >> text=Undo")
    page.wait_for_selector("#noted >> text=as if you had never said it")
    page.click("#noted >> [data-dismiss]")
    # Closed, it still brings the list that follows.
    wait_for_newer_list(page, slate)
    assert not page.is_visible(".noted")
    assert page.locator(".next-card h2").all_inner_texts() == before
