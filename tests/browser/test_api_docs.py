"""The browsable page of the API; the `visit` fixture fails it on anything that the content security policy blocks."""

from collections.abc import Callable

from browser_pages import Visitor


def test_the_page_shows_the_endpoints_and_opens_one(visit: Callable[..., Visitor]) -> None:
    page = visit().page
    page.goto("/api/v1/docs/")
    page.get_by_role("button", name="GET /api/v1/recommendations/", exact=False).first.click()
    page.get_by_role("button", name="Try it out").wait_for()
