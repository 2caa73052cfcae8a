"""A version on disk is whole or not there, and tells what is wrong with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from recommender.core import artefact
from recommender.core.artefact import MANIFEST, NAMES, WEIGHTS, read_artefact, write_artefact
from recommender.core.errors import CorruptArtefact, IncompatibleArtefact
from recommender.core.serving import Recommender


@pytest.fixture
def copy(version: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(version, tmp_path / "copy"))


def edit(folder: Path, **changes: object) -> None:
    path = folder / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("name", [WEIGHTS, NAMES])
@pytest.mark.parametrize("place", [0.0, 0.5, 0.999])
def test_one_flipped_bit_is_noticed(copy: Path, name: str, place: float) -> None:
    path = copy / name
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptArtefact, match=name):
        Recommender.load(copy)


@pytest.mark.parametrize("name", [WEIGHTS, NAMES, MANIFEST])
def test_a_missing_or_truncated_file_is_noticed(copy: Path, name: str) -> None:
    path = copy / name
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CorruptArtefact):
        Recommender.load(copy)
    path.unlink()
    with pytest.raises(CorruptArtefact, match=name):
        Recommender.load(copy)


def test_an_edited_manifest_is_noticed(copy: Path) -> None:
    edit(copy, seed=99)
    with pytest.raises(CorruptArtefact, match="altered"):
        Recommender.load(copy)


def test_a_foreign_manifest_is_incompatible(copy: Path) -> None:
    (copy / MANIFEST).write_text('{"model_type": "bert"}')
    with pytest.raises(IncompatibleArtefact, match="not a manifest"):
        Recommender.load(copy)


def test_another_format_version_is_incompatible(copy: Path) -> None:
    edit(copy, format_version=99)
    with pytest.raises(IncompatibleArtefact, match="format version 99"):
        Recommender.load(copy)


def test_sound_files_of_two_versions_do_not_mix(copy: Path, version: Path) -> None:
    manifest, names, tensors = read_artefact(version)
    tensors.pop("linear.index")
    write_artefact(copy, manifest, names, tensors)
    with pytest.raises(CorruptArtefact, match="do not fit"):
        Recommender.load(copy)


def test_a_full_disk_leaves_nothing_behind(
    version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, names, tensors = read_artefact(version)
    target = tmp_path / "versions" / "next"

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(artefact.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_artefact(target, manifest, names, tensors)
    assert list(target.parent.iterdir()) == []


def test_a_failed_write_keeps_the_older_version(
    copy: Path, version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, names, tensors = read_artefact(version)
    monkeypatch.setattr(artefact.os, "fsync", lambda _d: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        write_artefact(copy, manifest, names, tensors)
    monkeypatch.undo()
    assert [p.name for p in copy.parent.iterdir()] == ["copy"]
    Recommender.load(copy)
