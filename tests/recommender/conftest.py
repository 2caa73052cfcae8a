"""Alice studies algebra, or the practice course, in a group of Bob's."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import algebra_course
import practice_course as practice
import pytest
import watching
from attention_ledger import newest_slate

from learners.models import Group
from learners.services.events import NewEvent, record_events
from learners.services.groups import add_course, add_learner, create_group
from recommender.core.artefact import read_manifest
from recommender.models import ModelVersion, Slate
from recommender.pipeline.artefacts import store_version
from recommender.services.activation import activate_version


@pytest.fixture(autouse=True)
def fast_passwords(settings: Any) -> None:
    """Hashing is slow on purpose, and these tests make many people."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    """Nothing that a worker process keeps in memory survives a test, as the database doesn't."""
    from recommender.pipeline import active, catalogue, slates
    from recommender.selectors import freshness

    yield
    freshness.forget_outdated()
    active.forget_active()
    catalogue.forget_catalogue()
    slates.forget_bound()


@pytest.fixture
def algebra(db: None) -> SimpleNamespace:
    """`algebra.items["letters-lesson"]`, `algebra.concepts["letters"]`, and so on."""
    return algebra_course.make_course()


@pytest.fixture
def group(bob: Any, alice: Any, algebra: SimpleNamespace) -> Group:
    """Bob's group, in which Alice studies algebra."""
    group = create_group(teacher=bob, name="Class 7b")
    add_learner(group=group, learner=alice)
    add_course(group=group, course=algebra.course)
    return group


@pytest.fixture
def did(algebra: SimpleNamespace) -> Callable[..., uuid.UUID]:
    """Let a person do something: `did(alice, "completed", "letters-lesson", ago=timedelta(days=2))`."""

    def act(
        person: Any,
        verb: str,
        slug: str,
        *,
        right: bool | None = None,
        ago: timedelta = timedelta(0),
        **fields: Any,
    ) -> uuid.UUID:
        event = NewEvent(
            uid=uuid.uuid4(),
            verb=verb,
            item_id=algebra.items[slug].pk,
            occurred_at=datetime.now(UTC) - ago,
            success=right,
            graded=right is not None,
            **fields,
        )
        record_events(actor=person, events=[event])
        return event.uid

    return act


@pytest.fixture
def refresh() -> Callable[[], Any]:
    """Do what a worker does at a nudge."""
    from recommender.pipeline.refresh import refresh_stale

    return lambda **options: refresh_stale(**options)[0]


@pytest.fixture
def next_items(api: Callable[..., Any]) -> Callable[..., list[str]]:
    """The slugs that a person is recommended now."""

    def read(person: Any, **query: Any) -> list[str]:
        answer = api(person).get("/api/v1/recommendations/", {"limit": 100, **query})
        assert answer.status_code == 200, answer.content
        return [item["item"]["slug"] for item in answer.json()["items"]]

    return read


@pytest.fixture(scope="session")
def trained_version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version trained once on made-up learners of the practice course."""
    return practice.train_version(tmp_path_factory.mktemp("versions") / "trained")


@pytest.fixture(scope="session")
def calibrated(tmp_path_factory: pytest.TempPathFactory, trained_version: Path) -> Path:
    """The trained version with a healthy reference of the learners that it was trained on."""
    return watching.calibrate(trained_version, tmp_path_factory.mktemp("versions") / "calibrated")


@pytest.fixture
def own_home(settings: Any, tmp_path: Path) -> None:
    """Artefacts, work folders and local copies of this test only."""
    settings.STORAGES = {
        **settings.STORAGES,
        "artefacts": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path / "artefacts"},
        },
    }
    settings.ATTUNE_HOME = tmp_path


@pytest.fixture
def make_version(own_home: None, tmp_path: Path) -> Callable[[int], ModelVersion]:
    """A version whose files are there but which nobody loads."""

    def make(number: int) -> ModelVersion:
        folder = tmp_path / "artefacts" / f"v{number}"
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{}", encoding="utf-8")
        return ModelVersion.objects.create(
            artefact=f"v{number}",
            sha256="0" * 64,
            manifest={},
            metrics={},
            data_until=datetime.now(UTC) - timedelta(days=1),
        )

    return make


@pytest.fixture
def training_ground(db: None, alice: Any, bob: Any, own_home: None) -> SimpleNamespace:
    """The practice course, studied by Alice; versions are stored in a folder of this test."""
    made = practice.make_course()
    group = create_group(teacher=bob, name="Practice")
    add_learner(group=group, learner=alice)
    add_course(group=group, course=made.course)
    return made


@pytest.fixture
def activate(training_ground: SimpleNamespace, trained_version: Path) -> Callable[..., Any]:
    """Store and activate the trained version; every call makes one more row of it."""

    def make() -> ModelVersion:
        name = f"v-{uuid.uuid4().hex}"
        store_version(trained_version, name)
        manifest = read_manifest(trained_version)
        version = ModelVersion.objects.create(
            artefact=name,
            sha256=manifest.sha256["model.safetensors"],
            manifest={},
            metrics={},
            data_until=datetime.now(UTC),
        )
        return activate_version(version=version)

    return make


@pytest.fixture
def practised() -> Callable[..., uuid.UUID]:
    """Let a person do something in the practice course: `practised(alice, 3, right=True)`."""

    def act(
        person: Any, place: int, *, right: bool | None = None, ago: timedelta = timedelta(0)
    ) -> uuid.UUID:
        event = NewEvent(
            uid=uuid.uuid4(),
            verb="answered" if right is not None else "completed",
            item_id=practice.FIRST + place,
            occurred_at=datetime.now(UTC) - ago,
            success=right,
            graded=right is not None,
        )
        record_events(actor=person, events=[event])
        return event.uid

    return act


@pytest.fixture
def without_exploration(settings: Any) -> None:
    """What is drawn at random would hide what else changes a list."""
    settings.EXPLORATION_RATE = 0.0


@pytest.fixture
def studied(
    without_exploration: None,
    alice: Any,
    training_ground: SimpleNamespace,
    practised: Callable[..., Any],
    activate: Callable[[], Any],
    refresh: Callable[[], Any],
) -> Slate:
    """Alice has studied the practice course, and has a slate of the model."""
    practised(alice, 0, ago=timedelta(hours=4))
    for hours, place, right in ((3, 11, True), (2, 12, True), (1, 13, False)):
        practised(alice, place, right=right, ago=timedelta(hours=hours))
    activate()
    refresh()
    return newest_slate(alice)
