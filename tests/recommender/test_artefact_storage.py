"""Artefacts in a storage that is no folder of this machine, as an object store is none."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import InMemoryStorage

from recommender.models import TrainingRun
from recommender.pipeline import checkpoints
from recommender.pipeline.active import forget_active, get_active
from recommender.pipeline.artefacts import FILES, artefact_storage, store_version
from recommender.pipeline.checkpoints import Courier, delete_checkpoint, fetch_checkpoint
from recommender.services.activation import activate_version
from tests.recommender.training_samples import make_class, train_version


@pytest.fixture(autouse=True)
def object_store(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.ATTUNE_HOME = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "artefacts": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    }
    yield


def stored(folder: str = "") -> list[str]:
    """Every file below a folder of the storage."""
    try:
        folders, files = artefact_storage().listdir(folder)
    except FileNotFoundError:
        return []
    below = [name for one in folders for name in stored(f"{folder}/{one}".lstrip("/"))]
    return sorted([*below, *(f"{folder}/{name}".lstrip("/") for name in files)])


@pytest.mark.django_db(transaction=True)
def test_a_version_is_stored_there_and_copied_to_where_it_serves(
    algebra: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "WATCH_SECONDS", 0.01)
    make_class(algebra)
    version = train_version()
    assert stored() == sorted(f"{version.artefact}/{name}" for name in FILES)
    activate_version(version=version)
    forget_active()
    model = get_active()
    assert model is not None and model.version_id == version.pk
    assert (tmp_path / "cache" / "versions" / version.artefact / "manifest.json").is_file()


def write_version(folder: Path) -> Path:
    folder.mkdir()
    for name in FILES:
        (folder / name).write_bytes(b"x" * 100)
    return folder


def test_an_upload_that_breaks_off_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = InMemoryStorage.save

    def broken(self: Any, name: str, *args: Any) -> str:
        if name.endswith("manifest.json"):
            raise ConnectionError("the store is away")
        return save(self, name, *args)

    monkeypatch.setattr(InMemoryStorage, "save", broken)
    with pytest.raises(ConnectionError):
        store_version(write_version(tmp_path / "version"), "v1")
    assert stored() == []


def write_epoch(checkpoint: Path, phase: str, epoch: int) -> None:
    folder = checkpoint / phase
    folder.mkdir(parents=True, exist_ok=True)
    (checkpoint / "run.json").write_text("{}", encoding="utf-8")
    (folder / "state.safetensors").write_bytes(f"state {epoch}".encode())
    losses = ", ".join(["1.0"] * epoch)
    (folder / "history.json").write_text(
        f'{{"history": {{"losses": [{losses}], "metrics": []}}}}', encoding="utf-8"
    )


def test_the_newest_complete_checkpoint_is_fetched(tmp_path: Path) -> None:
    checkpoint, courier = tmp_path / "here", Courier(7, tmp_path / "here")
    for epoch in (1, 2):
        write_epoch(checkpoint, "attention", epoch)
        courier.ship()
    # Cut off in the middle of the upload of the third epoch: its history, which comes last, isn't there.
    write_epoch(checkpoint, "attention", 3)
    with (checkpoint / "attention" / "state.safetensors").open("rb") as state:
        from django.core.files import File

        artefact_storage().save("runs/7/attention/3/state.safetensors", File(state))

    assert fetch_checkpoint(7, tmp_path / "there")

    assert (tmp_path / "there" / "attention" / "state.safetensors").read_text() == "state 2"
    assert (tmp_path / "there" / "run.json").is_file()
    assert not any("/1/" in name for name in stored("runs/7"))
    delete_checkpoint(7)
    assert stored("runs") == []


def test_there_is_no_checkpoint_before_the_first_epoch(tmp_path: Path) -> None:
    assert not fetch_checkpoint(8, tmp_path / "there")


@pytest.mark.django_db(transaction=True)
def test_a_store_that_is_away_fails_the_run_and_says_so(
    algebra: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recommender.pipeline.training import run_next_training
    from recommender.services.training import request_training

    make_class(algebra)
    request_training(by=None, options={"minutes": 0.1})

    def away(*_args: Any) -> str:
        raise ConnectionError("the store is away")

    monkeypatch.setattr(InMemoryStorage, "save", away)
    run_next_training()
    run = TrainingRun.objects.get()
    assert run.status == "failed" and "the store is away" in run.error
