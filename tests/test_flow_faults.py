"""The story goes on when the broker stops and when the database restarts: an installation of its own, over real HTTP."""

import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from common import embedded
from flow_processes import ROOT, Processes, free_port, wait_until

pytestmark = pytest.mark.flow

PASSWORD = "correct horse battery"
# Two items of one course, and Alice, who studies it.
SET_UP = f"""
from content.models import Course, Item
from learners.models import Enrolment, User
course = Course.objects.create(slug="algebra", title="Algebra")
for position, slug in enumerate(["letters", "equations", "graphs"]):
    Item.objects.create(course=course, slug=slug, title=slug, kind="lesson", position=position)
alice = User.objects.create_user("alice", password={PASSWORD!r})
Enrolment.objects.create(learner=alice, course=course)
"""


class Installation:
    """Embedded servers, a web server and a worker with beat, in a home of their own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        environment = {"ATTUNE_HOME": str(home), "ATTUNE_DEMO": "0", "SWEEP_SECONDS": "2"}
        self.processes = Processes(home, **environment)
        for name in ("DATABASE_URL", "REDIS_URL"):
            self.processes.environment.pop(name, None)
        self.lease = self.ensure()
        self.manage("migrate", "--verbosity", "0")
        self.manage("shell", "--verbosity", "0", "--command", SET_UP)
        self.port = free_port()
        self.processes.start(
            "web",
            *("-m", "gunicorn", "config.wsgi", "--pythonpath", f"{ROOT},{ROOT / 'platform'}"),
            *("--bind", f"127.0.0.1:{self.port}", "--threads", "4"),
        )
        self.worker = self.processes.start_worker("worker")
        wait_until(self.is_up, seconds=60, what="for the web server")
        self.token = self.call("POST", "auth/login/", username="alice", password=PASSWORD)["token"]

    token = ""

    def ensure(self) -> Any:
        return embedded.ensure(self.home, database=True, broker=True, durable=False)

    def manage(self, *arguments: str) -> None:
        command = [sys.executable, "manage.py", *arguments]
        subprocess.run(command, cwd=ROOT, env=self.processes.environment, check=True)

    def is_up(self) -> bool:
        try:
            return bool(self.call("GET", "schema/?format=json"))
        except (urllib.error.URLError, ConnectionError):
            return False

    def call(self, method: str, path: str, **body: Any) -> Any:
        """Call the API; an answer of 400 or above raises HTTPError."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v1/{path}",
            method=method,
            data=json.dumps(body).encode() if body else None,
            headers={"Content-Type": "application/json"}
            | ({"Authorization": f"Token {self.token}"} if self.token else {}),
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def complete(self, item: str) -> float:
        """Send that Alice completed an item; returns how many seconds it took."""
        began = time.monotonic()
        sent = {"id": str(uuid.uuid4()), "verb": "completed", "item": item}
        answer = self.call("POST", "events/", **sent, occurred_at=datetime.now(UTC).isoformat())
        assert answer == {"accepted": 1, "duplicates": 0}
        return time.monotonic() - began

    def read(self) -> Any:
        return self.call("GET", "recommendations/")

    def wait_for_fresh(self) -> Any:
        return wait_until(
            lambda: (body := self.read()) and not body["stale"] and body,
            seconds=60,
            what="for a newer slate",
        )

    def close(self) -> None:
        self.processes.stop_all()
        self.lease.release()
        embedded.discard(self.home)


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with tempfile.TemporaryDirectory(prefix="attune-flow-") as folder:
        found = Installation(Path(folder))
        yield found
        found.close()


def test_the_broker_stops(installation: Installation) -> None:
    """Events are accepted without it, at once; slates are newer once it is back, though every message was lost."""
    before = installation.wait_for_fresh()
    usual = installation.complete("letters")
    assert installation.wait_for_fresh()["slate"] != before["slate"]

    embedded.stop(installation.home, broker=True)
    without = installation.complete("equations")
    assert without < usual + 1  # a single short try, not a row of them
    body = installation.read()
    assert body["stale"] is True
    # What she did counts at once, whatever the workers do.
    assert [item["item"]["slug"] for item in body["items"]] == ["graphs"]

    installation.ensure()
    after = installation.wait_for_fresh()
    assert after["slate"] != body["slate"]


def test_the_database_restarts(installation: Installation) -> None:
    """Requests recover without anybody's help, and so do workers."""
    before = installation.wait_for_fresh()
    embedded.stop(installation.home, database=True)
    with pytest.raises(urllib.error.HTTPError) as refused:
        installation.read()
    assert refused.value.code >= 500
    installation.ensure()
    assert installation.read()["slate"] == before["slate"]
    installation.complete("graphs")
    after = installation.wait_for_fresh()
    assert after["slate"] != before["slate"]
    assert after["items"] == []
