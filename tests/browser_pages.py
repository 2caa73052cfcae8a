"""A person at a browser, and what the browser complains of meanwhile."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from flow_processes import wait_until

PASSWORD = "correct horse battery"
# Chromium writes an error to the console for every answer above 399; tests of refusals expect those.
EXPECTED = "Failed to load resource"
LIST_ANSWERS = 20_000  # milliseconds
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
NARROWEST = {"width": 320, "height": 640}
WIDE = """() => [...document.querySelectorAll("body *")]
    .filter(each => each.getBoundingClientRect().right > window.innerWidth + 1)
    .map(each => `${each.tagName}.${each.className}`).slice(0, 5)"""
WCAG = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}


class Visitor:
    """One browser context with one page; `complaints` are errors, policy violations and requests to other hosts."""

    def __init__(self, context: Any, *, host: str) -> None:
        self.context = context
        self.host = host
        self.complaints: list[str] = []
        self.page = context.new_page()
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("request", self._on_request)

    def sign_in(self, username: str, password: str) -> None:
        self.page.goto("/accounts/login/")
        self.page.fill("[name=login]", username)
        self.page.fill("[name=password]", password)
        self.page.click("main button[type=submit]")
        self.page.wait_for_url("**/")

    def _on_console(self, message: Any) -> None:
        # A violation of the content security policy is an error on the console, too.
        if message.type == "error" and EXPECTED not in message.text:
            self.complaints.append(f"console: {message.text}")

    def _on_request(self, request: Any) -> None:
        address = urlsplit(request.url)
        if address.scheme not in {"data", "blob", "about"} and address.netloc != self.host:
            self.complaints.append(f"other host: {request.url}")


SETTLED = """() => Promise.all(
    document.getAnimations()
        .filter(a => a.effect.getComputedTiming().endTime !== Infinity)
        .map(a => a.finished.catch(() => null))
)"""


def check(page: Any, address: str) -> Iterator[str]:
    """Yield what is wrong with the page that is open: on a phone and a desktop, in light and dark."""
    for size, scheme in ((DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "dark"), (PHONE, "light")):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size(size)
        # As tall as the page is: what the bar at the bottom of a phone covers can be scrolled free.
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({**size, "height": height})
        # What fades in has its colours at the end, those of the scheme come with the second frame.
        page.evaluate(SETTLED)
        page.evaluate(
            "() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))"
        )
        for violation in Axe().run(page, options=WCAG).response["violations"]:
            nodes = "; ".join(node["html"][:120] for node in violation["nodes"][:3])
            yield f"{address} {size['width']} {scheme}: {violation['id']}: {nodes}"
    page.set_viewport_size(NARROWEST)
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        yield f"{address}: sticks out at {NARROWEST['width']}: {page.evaluate(WIDE)}"


def waiting() -> bool:
    """Whether somebody's list is behind what happened."""
    from learners.models import LearnerState

    states = LearnerState.objects.values_list("dirty_seq", "clean_seq")
    return any(dirty > clean for dirty, clean in states)


def settle() -> None:
    """Until nobody's list is behind."""
    wait_until(lambda: not waiting(), seconds=60, what="for the worker")


def wait_for_newer_list(page: Any, slate: str) -> None:
    """Until the Next page that is open shows another list than `slate`, by itself."""
    page.wait_for_function(
        "slate => (document.querySelector('#next-list')?.dataset.slate ?? slate) !== slate",
        arg=slate,
        timeout=LIST_ANSWERS,
    )
