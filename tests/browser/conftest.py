"""A real Chromium that notes whatever it complains of, against a live server on the test database."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import algebra_course
import practice_course
import pytest
from attention_ledger import newest_slate
from browser_pages import PASSWORD, Visitor, settle
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


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return practice_course.train_version(tmp_path_factory.mktemp("versions") / "trained")


@pytest.fixture
def version(alice: Any, bob: Any, trained: Path) -> Iterator[Any]:
    """Bob's group with Alice in it, who studies algebra and practice, and an active model."""
    from learners.services.groups import add_course, add_learner, create_group
    from recommender.core.artefact import read_manifest
    from recommender.models import ModelVersion
    from recommender.pipeline.artefacts import delete_version, store_version
    from recommender.services.activation import activate_version

    group = create_group(teacher=bob, name="Class 7b")
    add_learner(group=group, learner=alice)
    for made in (algebra_course.make_course(), practice_course.make_course()):
        add_course(group=group, course=made.course)
    name = f"browser-{uuid.uuid4().hex}"
    store_version(trained, name)
    version = ModelVersion.objects.create(
        artefact=name,
        sha256=read_manifest(trained).sha256["model.safetensors"],
        manifest={},
        metrics={},
        data_until=datetime.now(UTC),
    )
    yield activate_version(version=version)
    settle()
    delete_version(name)


@pytest.fixture
def studied(worker: Any, version: Any, alice: Any) -> Any:
    """Alice has studied in the practice course, and a worker has made a list of it, in which nothing was drawn."""
    from learners.services.events import NewEvent, record_events

    events = [
        NewEvent(
            uid=uuid.uuid4(),
            verb="answered",
            item_id=practice_course.FIRST + place,
            occurred_at=datetime.now(UTC) - timedelta(hours=hours),
            success=right,
            graded=True,
        )
        for hours, place, right in ((4, 11, True), (3, 12, True), (2, 13, False))
    ]
    record_events(actor=alice, events=events)
    settle()
    return newest_slate(alice)
