"""Model versions on disk: a folder with weights, names and a manifest that vouches for both.

Written into a temporary folder beside the target and renamed, so a version is there whole or not at
all. Weights are safetensors; nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from recommender.core.errors import CorruptArtefact, IncompatibleArtefact

FORMAT = "attune-recommender"
FORMAT_VERSION = 3
WEIGHTS, NAMES, MANIFEST = "model.safetensors", "names.json", "manifest.json"


class Manifest(BaseModel):
    """Everything needed to understand, repeat and verify a version."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str = FORMAT
    format_version: int = FORMAT_VERSION
    core_version: str
    torch_version: str
    created_at: str  # ISO 8601, UTC
    seed: int
    config: dict[str, Any]  # sizes of the parts
    training: dict[str, Any]  # settings of the run
    chosen: dict[str, Any]  # what the data or validation decided
    metrics: dict[str, float]
    encoder: str  # hash of the text encoder, "" without text
    text_width: int
    items: int
    concepts: int
    learners: int
    events: int
    window: tuple[float, float] | None  # first and last occurred_at in the training data
    sha256: dict[str, str] = {}  # of the other files
    digest: str = ""  # of this manifest without this field


class Names(BaseModel):
    """Keys of the rows of the weights' tables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    items: tuple[str, ...]
    concepts: tuple[str, ...]


def _digest(manifest: Manifest) -> str:
    content = manifest.model_dump_json(exclude={"digest"})
    return hashlib.sha256(content.encode()).hexdigest()


def write_artefact(
    folder: Path, manifest: Manifest, names: Names, tensors: dict[str, Tensor]
) -> Manifest:
    """Write a version; an older one at the same place is replaced as a whole.

    Raises OSError (for example a full disk); then nothing is left behind and an older version stays.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    fresh.mkdir()
    try:
        files = {
            WEIGHTS: save({k: v.detach().cpu().contiguous() for k, v in tensors.items()}),
            NAMES: names.model_dump_json().encode(),
        }
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        manifest = manifest.model_copy(update={"sha256": hashes, "digest": ""})
        manifest = manifest.model_copy(update={"digest": _digest(manifest)})
        files[MANIFEST] = manifest.model_dump_json(indent=1).encode()
        for name, content in files.items():
            with (fresh / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        old = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.old")
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return manifest


def read_artefact(folder: Path) -> tuple[Manifest, Names, dict[str, Tensor]]:
    """Raises IncompatibleArtefact (another format) or CorruptArtefact (damaged)."""
    manifest = read_manifest(folder)
    contents = {}
    for name in (WEIGHTS, NAMES):
        content = _read(folder / name)
        if hashlib.sha256(content).hexdigest() != manifest.sha256.get(name):
            raise CorruptArtefact(f"{folder / name}: SHA-256 differs from the manifest's")
        contents[name] = content
    try:
        tensors = load(contents[WEIGHTS])
        names = Names.model_validate_json(contents[NAMES])
    except (SafetensorError, ValidationError, ValueError) as error:
        raise CorruptArtefact(f"{folder}: {error}") from error
    if len(names.items) != manifest.items or len(names.concepts) != manifest.concepts:
        raise CorruptArtefact(f"{folder / NAMES}: not as many names as the manifest says")
    return manifest, names, tensors


def read_manifest(folder: Path) -> Manifest:
    """The manifest alone, verified."""
    path = folder / MANIFEST
    try:
        raw = json.loads(_read(path))
    except ValueError as error:
        raise CorruptArtefact(f"{path}: not JSON ({error})") from error
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise IncompatibleArtefact(f"{path}: not a manifest of {FORMAT}")
    if raw.get("format_version") != FORMAT_VERSION:
        raise IncompatibleArtefact(
            f"{path}: format version {raw.get('format_version')}, this program reads {FORMAT_VERSION}"
        )
    try:
        manifest = Manifest.model_validate(raw)
    except ValidationError as error:
        raise CorruptArtefact(f"{path}: {error}") from error
    if _digest(manifest) != manifest.digest:
        raise CorruptArtefact(f"{path}: altered since it was written")
    return manifest


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CorruptArtefact(f"{path}: {error.strerror or error}") from error
