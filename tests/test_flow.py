"""The story, through the API, with a real worker process: what a learner does changes what she is shown next."""

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import algebra_course
import practice_course
import psycopg2
import pytest
from attention_ledger import expect_fold, stored_weights
from django.db import connection
from flow_processes import Processes, database_url, wait_until

from learners.models import LearnerState
from learners.services.groups import add_course, add_learner, create_group
from recommender.models import AttentionProfile, ModelVersion, Slate

pytestmark = [pytest.mark.flow, pytest.mark.django_db(transaction=True)]

API = "/api/v1"
LEASE_SECONDS = 10


@pytest.fixture(scope="module")
def processes(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Processes]:
    """Workers on the test's database and broker."""
    found = Processes(
        tmp_path_factory.mktemp("flow"),
        DATABASE_URL=database_url(connection.settings_dict),
        LEASE_SECONDS=str(LEASE_SECONDS),
        SWEEP_SECONDS="2",
        TRAINING_MINUTES="0.5",
        EXPLORATION_RATE="0",
    )
    yield found
    found.stop_all()


@pytest.fixture(scope="module")
def worker(processes: Processes) -> Any:
    """One worker that serves most of the tests."""
    return processes.start_worker("worker")


@pytest.fixture
def quiet() -> Iterator[None]:
    """The test ends when no worker has anything left to do for it."""
    yield
    wait_until(lambda: not waiting())


def waiting() -> int:
    states = LearnerState.objects.values_list("dirty_seq", "clean_seq")
    return sum(dirty > clean for dirty, clean in states)


@pytest.fixture
def alice(person: Callable[..., Any], bob: Any) -> Any:
    """A learner in Bob's group."""
    alice = person("alice")
    add_learner(group=create_group(teacher=bob, name="Class 7b"), learner=alice)
    return alice


def study(alice: Any, course: Any) -> None:
    add_course(group=alice.learning_groups.get(), course=course)


@pytest.fixture
def algebra(alice: Any, quiet: None) -> SimpleNamespace:
    """Algebra, which Alice studies."""
    made = algebra_course.make_course()
    study(alice, made.course)
    return made


class Client:
    """What Alice's browser would do."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def read(self) -> Any:
        answer = self.client.get(f"{API}/recommendations/", {"limit": 100})
        assert answer.status_code == 200, answer.content
        return answer.json()

    def slugs(self) -> list[str]:
        return [item["item"]["slug"] for item in self.read()["items"]]

    def send(self, verb: str, item: str, **fields: Any) -> None:
        event = {
            "id": str(uuid.uuid4()),
            "verb": verb,
            "item": item,
            "occurred_at": datetime.now(UTC).isoformat(),
            **fields,
        }
        answer = self.client.post(f"{API}/events/", event, format="json")
        assert answer.status_code == 201, answer.content

    def answer(self, item: str, response: Any) -> Any:
        body = {"id": str(uuid.uuid4()), "response": response}
        answer = self.client.post(f"{API}/items/{item}/attempts/", body, format="json")
        assert answer.status_code == 201, answer.content
        return answer.json()

    def say(self, signal: str, item: str, slate: str) -> None:
        body = {"item": item, "signal": signal}
        url = f"{API}/recommendations/{slate}/feedback/"
        answer = self.client.post(url, body, format="json")
        assert answer.status_code == 202, answer.content

    def wait_for_fresh(self, *, seconds: float = 30) -> Any:
        """Return her slate once a worker has dealt with everything she did."""
        return wait_until(
            lambda: (body := self.read()) and not body["stale"] and body,
            seconds=seconds,
            what="for a newer slate",
        )


@pytest.fixture
def browser(alice: Any, api: Callable[..., Any]) -> Client:
    return Client(api(alice))


@contextmanager
def hold_batches() -> Iterator[None]:
    """Workers stop between reading their learners and writing slates, at the look for a changed catalogue."""
    with (
        closing(psycopg2.connect(database_url(connection.settings_dict))) as other,
        other,
        other.cursor() as cursor,
    ):
        cursor.execute("LOCK TABLE content_cataloguechange IN ACCESS EXCLUSIVE MODE")
        yield


def wait_for_held() -> None:
    """Return when a worker waits for that lock."""

    def held() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = "
                "'content_cataloguechange'::regclass"
            )
            return bool(cursor.fetchone()[0])

    wait_until(held, what="for a worker in the middle of a batch")


def test_an_event_ends_in_a_newer_slate(
    worker: Any, algebra: SimpleNamespace, browser: Client
) -> None:
    before = browser.read()
    assert before["items"][0]["item"]["slug"] == "letters-lesson"
    browser.send("completed", "letters-lesson", result={"duration": 120})
    after = browser.wait_for_fresh()
    assert after["slate"] != before["slate"]
    assert after["computed_at"] > before["computed_at"]
    assert after["items"][0]["item"]["slug"] == "letters-one"


def test_an_event_in_the_middle_of_a_refresh_ends_in_a_second_slate(
    worker: Any, algebra: SimpleNamespace, browser: Client, alice: Any
) -> None:
    browser.wait_for_fresh()
    with hold_batches():
        browser.send("completed", "letters-lesson")
        wait_for_held()
        browser.send("completed", "letters-one")
    body = browser.wait_for_fresh()
    assert body["items"][0]["item"]["slug"] == "letters-two"
    last, before = Slate.objects.filter(learner=alice).order_by("-computed_at")[:2]
    assert before.seq == last.seq - 1
    assert before.entries[0]["item"] == algebra.items["letters-one"].pk  # it hadn't seen the second


def test_three_wrong_answers_bring_a_prerequisite_to_the_top_three(
    worker: Any, algebra: SimpleNamespace, browser: Client
) -> None:
    browser.send("completed", "letters-lesson", occurred_at=_days_ago(30))
    body = browser.wait_for_fresh()
    assert "letters-lesson" not in browser.slugs()
    for _time in range(3):
        assert browser.answer("equations-one", 5)["correct"] is False
    body = browser.wait_for_fresh()
    top = [item["item"]["slug"] for item in body["items"][:3]]
    assert "letters-lesson" in top
    reasons = body["items"][top.index("letters-lesson")]["reasons"]
    assert "prerequisite" in {reason["code"] for reason in reasons}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return practice_course.train_version(tmp_path_factory.mktemp("versions") / "trained")


@pytest.fixture
def practice(alice: Any, trained: Path, quiet: None) -> Iterator[ModelVersion]:
    """The practice course, which Alice studies, and an active version that knows it."""
    from recommender.core.artefact import read_manifest
    from recommender.pipeline.artefacts import delete_version, store_version
    from recommender.services.activation import activate_version

    made = practice_course.make_course()
    study(alice, made.course)
    name = f"flow-{uuid.uuid4().hex}"
    store_version(trained, name)
    version = ModelVersion.objects.create(
        artefact=name,
        sha256=read_manifest(trained).sha256["model.safetensors"],
        manifest={},
        metrics={},
        data_until=datetime.now(UTC),
    )
    yield activate_version(version=version)
    delete_version(name)


def test_too_hard_makes_the_top_five_easier(
    worker: Any, practice: ModelVersion, browser: Client
) -> None:
    for place in (10, 15):
        browser.send("completed", f"practice-{place}")
    body = browser.wait_for_fresh(seconds=60)
    assert body["model_version"] == practice.pk

    def promise(items: Any) -> float:
        known = [i["predicted_success"] for i in items[:5] if i["predicted_success"] is not None]
        return float(sum(known) / len(known))

    before = promise(body["items"])
    browser.say("too_hard", body["items"][0]["item"]["slug"], body["slate"])
    after = browser.wait_for_fresh()
    assert after["slate"] != body["slate"]
    assert promise(after["items"]) > before


def test_fifty_feedbacks_at_once_through_four_workers_end_in_the_fold_of_the_ledger(
    processes: Processes,
    worker: Any,
    practice: ModelVersion,
    browser: Client,
    alice: Any,
    api: Callable[..., Any],
) -> None:
    names = [f"feedback-worker-{number}" for number in range(3)]
    with ThreadPoolExecutor(len(names)) as pool:
        others = list(pool.map(lambda name: processes.start_worker(name, beat=False), names))
    for place in (10, 15):
        browser.send("completed", f"practice-{place}")
    body = browser.wait_for_fresh(seconds=60)
    slugs = [item["item"]["slug"] for item in body["items"][:8]]
    signals = ["helpful", "not_helpful", "too_easy", "too_hard", "not_now"]

    def say(numbers: range) -> None:
        client = Client(api(alice))
        try:
            for number in numbers:
                client.say(signals[number % 5], slugs[number % 8], body["slate"])
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(say, (range(start, start + 10) for start in range(0, 50, 10))))
    browser.wait_for_fresh(seconds=60)
    profile = AttentionProfile.objects.get(pk=alice.pk)
    assert profile.revision == profile.folded_revision == 50
    assert alice.feedback.count() == 50
    expect_fold(alice)
    assert stored_weights(alice)
    # Everyone of them had a hand in it.
    logs = [processes.log(name).read_text() for name in names]
    assert all("attune.refresh_learners" in log.partition(" ready.")[2] for log in logs)
    for other in others:
        processes.stop(other)


class Operator:
    """What Olga does in the admin, through the API."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def train(self) -> int:
        answer = self.client.post(f"{API}/training-runs/", {}, format="json")
        assert answer.status_code == 201, answer.content
        return int(answer.json()["id"])

    def run(self, pk: int) -> Any:
        return self.client.get(f"{API}/training-runs/{pk}/").json()

    def wait_for_run(self, pk: int, *, seconds: float = 240) -> Any:
        """Return the run once it has finished."""
        return wait_until(
            lambda: (run := self.run(pk))["status"] not in {"queued", "running"} and run,
            seconds=seconds,
            what="for the training run",
        )

    def activate(self, version: int) -> None:
        answer = self.client.post(f"{API}/model-versions/{version}/activate/")
        assert answer.status_code == 200, answer.content


@pytest.fixture
def operator(olga: Any, api: Callable[..., Any]) -> Operator:
    return Operator(api(olga))


def test_retrain_activate_and_roll_back(
    worker: Any, practice: ModelVersion, browser: Client, operator: Operator
) -> None:
    practice_course.store_learners(60, practice_course.get_course())
    browser.send("completed", "practice-0")
    assert browser.wait_for_fresh(seconds=60)["model_version"] == practice.pk
    run = operator.wait_for_run(operator.train())
    assert run["status"] == "succeeded", run
    candidate = run["model_version"]
    assert browser.read()["model_version"] == practice.pk  # a candidate changes nothing by itself
    for version in (candidate, practice.pk):  # there, and back
        operator.activate(version)
        assert browser.read()["stale"] is True
        wait_until(lambda version=version: browser.read()["model_version"] == version, seconds=60)
        assert browser.wait_for_fresh()["items"]


def test_a_worker_killed_in_the_middle_of_a_batch(
    processes: Processes, worker: Any, algebra: SimpleNamespace, browser: Client, alice: Any
) -> None:
    """Another takes its learners up within a minute, and does them once."""
    browser.wait_for_fresh()
    processes.stop(worker)
    victim = processes.start_worker("victim", beat=False)
    with hold_batches():
        browser.send("completed", "letters-lesson")
        wait_for_held()
        processes.kill(victim)
    assert browser.read()["stale"] is True
    processes.start_worker("successor")
    killed = time.monotonic()
    body = browser.wait_for_fresh(seconds=60)
    assert time.monotonic() - killed < 60
    assert body["items"][0]["item"]["slug"] == "letters-one"
    seq = LearnerState.objects.get(learner=alice).dirty_seq
    assert Slate.objects.filter(learner=alice, seq=seq).count() == 1


def test_a_worker_killed_in_the_middle_of_an_epoch(
    processes: Processes, practice: ModelVersion, operator: Operator
) -> None:
    """Another goes on from the last checkpoint within a minute, and the run ends in one version."""
    practice_course.store_learners(600, practice_course.get_course())
    processes.stop_all()
    victim = processes.start_worker("trainer", beat=False)
    run = operator.train()
    wait_until(
        lambda: (seen := operator.run(run))["phase"] == "attention" and seen["epoch"] >= 2,
        seconds=120,
        what="for the second epoch",
    )
    processes.kill(victim)
    assert operator.run(run)["status"] == "running"
    processes.start_worker("next-trainer")
    killed = time.monotonic()
    wait_until(lambda: operator.run(run)["takeovers"] == 1, seconds=60, what="for a takeover")
    assert time.monotonic() - killed < 60
    finished = operator.wait_for_run(run)
    assert finished["status"] == "succeeded", finished
    epochs = [row["epoch"] for row in finished["history"] if row["phase"] == "attention"]
    assert epochs == list(range(1, len(epochs) + 1))
    assert ModelVersion.objects.exclude(pk=practice.pk).get().pk == finished["model_version"]


def _days_ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()
