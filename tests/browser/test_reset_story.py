"""She says "not helpful" and hides an item: the list answers by itself, a page says what moved; a reset brings all of it back."""

from collections.abc import Callable
from typing import Any

from attention_ledger import newest_slate
from browser_pages import LIST_ANSWERS, Visitor, check, settle, wait_for_newer_list

from content.models import Item
from recommender.models import Slate

SHOWN = ".next-card h2"
# From the press to the newer list on the screen, in milliseconds, as the page itself sees it.
WATCH = """() => {
    const seen = document.querySelector("#next-list").dataset.slate;
    document.addEventListener("click", () => { window.pressed ??= performance.now(); }, { capture: true });
    new MutationObserver(() => {
        const list = document.querySelector("#next-list");
        if (list && list.dataset.slate !== seen) window.answered ??= performance.now();
    }).observe(document.querySelector("main"), { childList: true, subtree: true, attributes: true });
}"""


def ranking(slate: Slate) -> list[int]:
    return [entry["item"] for entry in slate.entries]


def test_the_list_answers_and_a_reset_restores_it(
    studied: Slate, visit: Callable[..., Visitor], alice: Any, record_property: Any
) -> None:
    page = visit(alice).page
    page.goto("/?course=practice")
    before = page.locator(SHOWN).all_inner_texts()
    disliked = before[0]

    # The list changes by itself, without another press or a reload.
    page.evaluate(WATCH)
    slate = page.get_attribute("#next-list", "data-slate")
    page.click(".next-card.first button[value=not_helpful]")
    wait_for_newer_list(page, slate)
    page.wait_for_function("() => window.answered", timeout=LIST_ANSWERS)
    record_property("list_answers_ms", page.evaluate("window.answered - window.pressed"))
    assert page.locator(SHOWN).all_inner_texts() != before
    assert disliked != page.locator(SHOWN).first.inner_text()

    # What she knows already is hidden at once.
    settle()
    page.goto("/?course=practice")
    slate = page.get_attribute("#next-list", "data-slate")
    card = page.locator(".next-card").nth(2)
    slug = card.get_attribute("data-item")
    card.locator("button[value=known]").click()
    wait_for_newer_list(page, slate)
    assert page.locator(f".next-card[data-item={slug}]").count() == 0
    settle()
    hidden = Item.objects.get(slug=slug).pk
    assert hidden in ranking(studied)
    assert hidden not in ranking(newest_slate(alice))

    # Its page says what moved and why, and where the model looked.
    page.click("main >> text=What counts for you")
    assert page.is_visible("text=Counts less")
    assert page.locator(f"text=You said “not helpful” to “{disliked}”").first.is_visible()
    table = page.locator("table.map").first
    assert table.locator("thead th").all_inner_texts() == ["Moment", "View 1", "View 2"]
    assert (
        table.locator("tbody tr").count() == 5
    )  # three answers, the others, nothing in particular
    assert table.locator("text=spoke for").count() > 0
    assert list(check(page, "where the model looked")) == []

    page.click("text=Start afresh")
    page.click("#reset-button")
    page.wait_for_selector("text=as if you had never said anything")
    settle()
    page.goto("/?course=practice")
    assert page.locator(SHOWN).all_inner_texts() == before
    after = newest_slate(alice)
    assert after.pk != studied.pk
    assert after.model_version_id == studied.model_version_id
    # Nothing was drawn at random in either: what differs would be the reset's doing.
    assert after.exploration is None and studied.exploration is None
    assert ranking(after) == ranking(studied)
