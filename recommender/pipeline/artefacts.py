"""Model versions between the artefact storage (local folder or S3) and this machine's own copy.

A version in the storage is a folder of the files that `recommender.core.artefact` writes. The manifest goes last
and vouches for the others, so a folder without one is not a version; a row that names a folder is written only
after all of it is stored.
"""

import contextlib
import hashlib
import logging
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages

from recommender.core.artefact import MANIFEST, NAMES, WEIGHTS, read_manifest
from recommender.core.errors import ArtefactError, CorruptArtefact, IncompatibleArtefact
from recommender.models import ModelVersion

if TYPE_CHECKING:
    from recommender.core.serving import Recommender

logger = logging.getLogger(__name__)

FILES = (WEIGHTS, NAMES, MANIFEST)  # the order of storing
KEPT_COPIES = 4
_BLOCK = 1 << 20


class UnavailableArtefact(Exception):
    """This machine cannot get at a version now (disk, permissions, network, memory): it says nothing of the version."""


def artefact_storage() -> Storage:
    """The storage that all machines of an installation share."""
    return storages["artefacts"]


def local_copies() -> Path:
    """The folder in which this machine keeps its copies of versions."""
    return Path(settings.ATTUNE_HOME) / "cache" / "versions"


def store_version(folder: Path, name: str) -> None:
    """Put the version in `folder` into the artefact storage as `name`, whole or not at all.

    Raises OSError (for example a full disk) or the storage's own error; then nothing of it stays behind.
    """
    storage = artefact_storage()
    if isinstance(storage, FileSystemStorage):
        _place(folder, Path(storage.path(name)))
        return
    try:
        for file in FILES:
            with (folder / file).open("rb") as content:
                storage.save(f"{name}/{file}", File(content))
    except BaseException:
        delete_version(name)
        raise


def delete_version(name: str) -> None:
    """Remove a version from the artefact storage, manifest first. Missing files are no error."""
    storage = artefact_storage()
    for file in reversed(FILES):
        with contextlib.suppress(OSError):
            storage.delete(f"{name}/{file}")
    if isinstance(storage, FileSystemStorage):
        shutil.rmtree(storage.path(name), ignore_errors=True)


def fetch_version(name: str, *, sha256: str) -> Path:
    """Return this machine's verified copy of the version `name`, copying it from the storage where needed.

    Raises CorruptArtefact where stored files are missing or altered, IncompatibleArtefact where the manifest is of
    another format, or where the weights are sound but not those (`sha256`) that were registered under this name,
    UnavailableArtefact where this machine can't read the storage or write its copy.
    """
    with _telling_damage_from_trouble(name):
        return _fetch(name, sha256)


def load_version(version: ModelVersion, *, device: str) -> "Recommender":
    """Return the version in memory, from this machine's verified copy. Raises what `fetch_version` does."""
    from recommender.core.serving import Recommender

    folder = fetch_version(version.artefact, sha256=version.sha256)
    with _telling_damage_from_trouble(version.artefact, *_device_errors()):
        return Recommender.load(folder, device=device)


def _device_errors() -> tuple[type[Exception], ...]:
    """What torch raises where this machine's device has no room or has failed."""
    import torch

    return (torch.OutOfMemoryError, torch.AcceleratorError)


@contextmanager
def _telling_damage_from_trouble(name: str, *trouble: type[Exception]) -> Iterator[None]:
    """Turn what this machine cannot do (OSError, MemoryError and `trouble`) into UnavailableArtefact.

    Damage passes through, and so does a mistake in the program, which must be seen and not waited out.
    """
    try:
        yield
    except ArtefactError as error:
        # A file that was there and cannot be read is wrapped by the core, which knows no machines.
        if not isinstance(error.__cause__, OSError):
            raise
        raise UnavailableArtefact(f"{name}: {error}") from error
    except Exception as error:
        if not isinstance(error, (OSError, MemoryError, *trouble)):
            raise
        raise UnavailableArtefact(f"{name}: {error}") from error


def _fetch(name: str, sha256: str) -> Path:
    target = local_copies() / name
    if target.is_dir():
        try:
            _verify(target, sha256)
        except (ArtefactError, OSError) as error:
            logger.warning("local copy discarded", extra={"artefact": name, "error": str(error)})
            shutil.rmtree(target, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):  # only tells the pruning what is in use
                os.utime(target)
            return target
    fresh = target.with_name(f".{name}.{uuid.uuid4().hex}")
    fresh.mkdir(parents=True)
    try:
        for file in FILES:
            _download(f"{name}/{file}", fresh / file)
        _verify(fresh, sha256)
        with contextlib.suppress(OSError):  # another process of this machine was quicker
            fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    _prune_copies(keep=target)
    return target


def _place(folder: Path, target: Path) -> None:
    """Copy into a neighbour of the target, flush to the disk, then rename."""
    fresh = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        fresh.mkdir()
        for file in FILES:
            with (folder / file).open("rb") as source, (fresh / file).open("wb") as copy:
                shutil.copyfileobj(source, copy, _BLOCK)
                copy.flush()
                os.fsync(copy.fileno())
        if target.exists():
            shutil.rmtree(target)
        fresh.rename(target)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def _download(name: str, target: Path) -> None:
    storage = artefact_storage()
    with target.open("wb") as copy:
        for chunk in _read(storage, name):
            copy.write(chunk)


def _read(storage: Storage, name: str) -> Iterator[bytes]:
    """Yield a stored file in blocks. Object stores have errors of their own, so whatever one raises is its trouble."""
    try:
        with storage.open(name, "rb") as source:
            yield from source.chunks(_BLOCK)
    except FileNotFoundError:
        if _is_unmounted(storage):
            raise
        raise CorruptArtefact(f"{name}: not in the artefact storage") from None
    except Exception as error:
        raise UnavailableArtefact(f"{name}: {error}") from error


def _is_unmounted(storage: Storage) -> bool:
    """Tell whether the storage's folder is absent or holds nothing at all, as where a share is not mounted."""
    return isinstance(storage, FileSystemStorage) and not any(Path(storage.location).glob("*"))


def _verify(folder: Path, sha256: str) -> None:
    manifest = read_manifest(folder)
    if manifest.sha256.get(WEIGHTS) != sha256:
        raise IncompatibleArtefact(
            f"{folder.name}/{MANIFEST}: describes other weights than those registered for this version"
        )
    for file in (WEIGHTS, NAMES):
        if _hash(folder / file) != manifest.sha256.get(file):
            raise CorruptArtefact(f"{folder.name}/{file}: SHA-256 differs from the manifest's")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _prune_copies(*, keep: Path) -> None:
    used = {
        path: seconds
        for path in local_copies().iterdir()
        if not path.name.startswith(".") and (seconds := _last_used(path)) is not None
    }
    for path in sorted(used, key=used.__getitem__, reverse=True)[KEPT_COPIES:]:
        if path != keep:
            shutil.rmtree(path, ignore_errors=True)


def _last_used(copy: Path) -> float | None:
    """When a copy was last used; None where another process has deleted it since it was listed."""
    try:
        return copy.stat().st_mtime
    except FileNotFoundError:
        return None
