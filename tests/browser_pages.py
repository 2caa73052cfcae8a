"""A person at a browser, and what the browser complains of meanwhile."""

from typing import Any
from urllib.parse import urlsplit

PASSWORD = "correct horse battery"
# Chromium writes an error to the console for every answer above 399; tests of refusals expect those.
EXPECTED = "Failed to load resource"


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
