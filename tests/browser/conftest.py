"""A real Chromium that notes whatever it complains of, against a live server on the test database."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from browser_pages import PASSWORD, Visitor
from flow_processes import Processes, database_url

# Playwright's synchronous interface keeps an event loop in this thread, in which Django would refuse its ORM.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.django_db(transaction=True))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser of $CHROMIUM, else the system's, else Playwright's own. Missing, it fails in CI and skips elsewhere."""
    from playwright.sync_api import Error, sync_playwright

    named = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=named, args=["--no-sandbox"])
        except Error as error:
            reason = f"no Chromium (set CHROMIUM, or install it): {str(error).splitlines()[0]}"
            if CI:
                pytest.fail(reason)
            pytest.skip(reason)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Any, live_server: Any) -> Iterator[Callable[..., Visitor]]:
    """`visit(person, **context)` opens a page of one's own; at the end nothing may have been complained of."""
    visitors = []

    def make(person: Any = None, **options: Any) -> Visitor:
        context = chromium.new_context(
            base_url=live_server.url,
            locale="en-GB",
            viewport={"width": 1280, "height": 800},
            **options,
        )
        visitor = Visitor(context, host=urlsplit(live_server.url).netloc)
        visitors.append(visitor)
        if person is not None:
            visitor.sign_in(person.username, PASSWORD)
        return visitor

    yield make
    complaints = [complaint for visitor in visitors for complaint in visitor.complaints]
    for visitor in visitors:
        visitor.context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def worker(
    django_db_setup: None,
    django_db_blocker: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Any]:
    """A worker process on the test's database and broker."""
    from django.db import connection

    processes = Processes(
        tmp_path_factory.mktemp("browser"),
        DATABASE_URL=database_url(connection.settings_dict),
        SWEEP_SECONDS="2",
        TRAINING_MINUTES="0.3",
        EXPLORATION_RATE="0",
    )
    yield processes.start_worker("worker")
    processes.stop_all()
