"""What one machine cannot do says nothing of a version: it is not marked, and the machine leaves the work to others."""

import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.files import File
from django.core.files.storage import FileSystemStorage
from django.utils import timezone

from learners.models import LearnerState
from learners.services.freshness import mark_dirty
from recommender.models import ModelVersion, Slate
from recommender.pipeline import active, artefacts
from recommender.pipeline.active import forget_active, get_active
from recommender.pipeline.artefacts import FILES, UnavailableArtefact
from recommender.selectors.freshness import find_outdated, forget_outdated
from recommender.selectors.versions import get_serving_version_id
from tests.recommender.training_samples import stored_file

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """No file of this process can grow beyond `room` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def problem_of(version: ModelVersion) -> str:
    return ModelVersion.objects.values_list("problem", flat=True).get(pk=version.pk)


def newest_slate(person: Any) -> Slate:
    return Slate.objects.filter(learner=person).latest("computed_at")


def test_a_full_disk_marks_nothing_and_is_tried_again(
    activate: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = activate()
    with full_disk(room=1000), pytest.raises(UnavailableArtefact, match="File too large"):
        get_active()
    assert problem_of(version) == ""
    assert not list((tmp_path / "cache" / "versions").iterdir())
    with pytest.raises(UnavailableArtefact):
        get_active()  # not at every batch
    monkeypatch.setattr(active, "RETRY_SECONDS", 0.0)
    model = get_active()
    assert model is not None and model.version_id == version.pk


def test_the_version_before_serves_meanwhile(activate: Callable[..., Any]) -> None:
    first = activate()
    get_active()
    second = activate()
    with full_disk(room=1000):
        model = get_active()
    assert model is not None and model.version_id == first.pk
    assert problem_of(second) == ""
    assert get_serving_version_id() == second.pk


def test_a_copy_that_cannot_be_read_is_trouble_of_the_machine(
    activate: Callable[..., Any], tmp_path: Path
) -> None:
    version = activate()
    copy = tmp_path / "cache" / "versions" / version.artefact
    copy.mkdir(parents=True)
    for name in FILES:
        (copy / name).mkdir()  # opening it fails, for whomever
    model = get_active()  # the unreadable copy was replaced
    assert model is not None and model.version_id == version.pk
    forget_active()
    (tmp_path / "cache").rename(tmp_path / "away")
    (tmp_path / "cache").write_text("no folder", encoding="utf-8")
    with pytest.raises(UnavailableArtefact):
        get_active()
    assert problem_of(version) == ""


def test_a_share_that_is_not_mounted_is_trouble_of_the_machine(
    activate: Callable[..., Any], tmp_path: Path
) -> None:
    version = activate()
    (tmp_path / "artefacts").rename(tmp_path / "unplugged")
    (tmp_path / "artefacts").mkdir()
    with pytest.raises(UnavailableArtefact):
        get_active()
    assert problem_of(version) == ""


def test_damage_in_the_storage_is_marked_for_all(activate: Callable[..., Any]) -> None:
    version = activate()
    stored_file(version, "model.safetensors").write_bytes(b"spoilt")
    assert get_active() is None
    assert "SHA-256" in problem_of(version)


def test_a_machine_that_can_load_nothing_leaves_the_learners_to_others(
    alice: Any, activate: Callable[..., Any], practised: Callable[..., Any], refresh: Any
) -> None:
    activate()
    practised(alice, 1)
    with full_disk(room=1000):
        assert not refresh().stored
    state = LearnerState.objects.get(learner=alice)
    assert state.dirty_seq > state.clean_seq
    assert state.claimed_until is None
    assert not Slate.objects.filter(learner=alice).exists()
    forget_active()  # another machine
    assert alice.pk in refresh().stored


def test_a_machine_in_trouble_does_not_undo_the_slates_of_the_others(
    alice: Any,
    activate: Callable[..., Any],
    practised: Callable[..., Any],
    refresh: Any,
    tmp_path: Path,
) -> None:
    first = activate()
    practised(alice, 1)
    refresh()
    in_trouble = active._process.model
    second = activate()
    forget_active()  # another machine
    assert alice.pk in refresh(outdated=True).stored
    assert newest_slate(alice).model_version == second

    forget_active()
    active._process.model = in_trouble
    shutil.rmtree(tmp_path / "cache" / "versions" / second.artefact)
    with full_disk(room=1000):
        assert not refresh(outdated=True).stored
        assert newest_slate(alice).model_version == second
        # Who is stale gets a slate all the same, and of the version that the machine has.
        mark_dirty(learner_ids=[alice.pk])
        assert alice.pk in refresh().stored
    assert newest_slate(alice).model_version == first
    forget_outdated()
    assert find_outdated(now=timezone.now())


class AwayStorage(FileSystemStorage):
    """An object store that raises an error of its own kind."""

    class Refused(Exception): ...

    def open(self, name: str, mode: str = "rb") -> File:
        raise self.Refused("no such bucket")


def test_an_object_store_has_errors_of_its_own(
    activate: Callable[..., Any], settings: Any, tmp_path: Path
) -> None:
    version = activate()
    away = {"BACKEND": f"{__name__}.AwayStorage", "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = {**settings.STORAGES, "artefacts": away}
    with pytest.raises(UnavailableArtefact, match="no such bucket"):
        get_active()
    assert problem_of(version) == ""


def test_a_mistake_in_the_program_is_seen_and_not_waited_out(
    activate: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    version = activate()
    monkeypatch.setattr(artefacts, "_hash", lambda _path: {}["typo"])
    with pytest.raises(KeyError, match="typo"):
        get_active()
    assert problem_of(version) == ""


def test_a_copy_that_another_process_deletes_meanwhile_is_no_trouble(
    activate: Callable[..., Any], tmp_path: Path
) -> None:
    copies = tmp_path / "cache" / "versions"
    copies.mkdir(parents=True)
    # Listed, but gone for whoever asks about it.
    (copies / "gone").symlink_to(copies / "nowhere")
    version = activate()
    model = get_active()
    assert model is not None and model.version_id == version.pk
