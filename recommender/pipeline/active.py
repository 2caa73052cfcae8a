"""The model version that this process computes slates with.

Loaded once and kept; which version is active is asked again at every batch (one small query), so that a worker
picks up an activation without a restart. A version whose stored files are damaged or foreign is marked on its row,
for the operators and all workers; what only this machine cannot do (a full disk, a storage out of reach) is logged
and tried again. In both cases the version that was active before it goes on serving.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.conf import settings

from recommender.core.errors import ArtefactError
from recommender.models import ModelVersion
from recommender.pipeline.artefacts import UnavailableArtefact, load_version
from recommender.selectors.versions import get_active_version, list_fallbacks

if TYPE_CHECKING:
    from recommender.core.serving import Recommender

logger = logging.getLogger(__name__)

RETRY_SECONDS: Final = 60.0


@dataclass(frozen=True)
class ActiveModel:
    """A version in memory, ready to be bound to a catalogue."""

    version_id: int
    recommender: "Recommender"


@dataclass(frozen=True)
class _Failure:
    at: float
    kind: type[ArtefactError | UnavailableArtefact]
    text: str


class _Loaded:
    """What this process holds: one version, and how it last failed to load which ones."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.model: ActiveModel | None = None
        self.others: dict[int, ActiveModel] = {}  # of the arms of an experiment
        self.failed: dict[int, _Failure] = {}


_process = _Loaded()


def get_active(device: str | None = None) -> ActiveModel | None:
    """Return the active version, loaded on `device` (default: the setting); None where there is none to serve.

    While the active version cannot be loaded (missing, damaged or foreign files, or trouble of this machine), the last
    one before it that can be serves instead; the failed one is tried again once a minute. Raises UnavailableArtefact
    where none can be because of trouble of this machine: others are likely to have none, so it leaves the work to them.
    """
    version = get_active_version()
    with _process.lock:
        if version is None:
            _process.model = None
            return None
        trouble: UnavailableArtefact | None = None
        for candidate in _candidates(version):
            if _process.model is not None and _process.model.version_id == candidate.pk:
                return _process.model
            try:
                _process.model = _load(candidate, device or settings.DEVICE)
            except ArtefactError:
                continue
            except UnavailableArtefact as error:
                trouble = trouble or error
            else:
                return _process.model
        _process.model = None
        if trouble is not None:
            raise trouble
        return None


def get_versions(version_ids: Collection[int], device: str | None = None) -> dict[int, ActiveModel]:
    """Return these versions in memory; those whose stored files are damaged or foreign are left out, and marked.

    They are kept until other ones are asked for. Raises UnavailableArtefact where this machine cannot get at one.
    """
    with _process.lock:
        held = dict(_process.others)
        if _process.model is not None:
            held[_process.model.version_id] = _process.model
        _process.others = {key: held[key] for key in version_ids if key in held}
        for version in ModelVersion.objects.filter(pk__in=set(version_ids) - set(held)):
            with contextlib.suppress(ArtefactError):
                _process.others[version.pk] = _load(version, device or settings.DEVICE)
        return dict(_process.others)


def forget_active() -> None:
    """Drop what this process holds, as a fresh process would start."""
    with _process.lock:
        _process.model = None
        _process.others.clear()
        _process.failed.clear()


def _candidates(version: ModelVersion) -> list[ModelVersion]:
    if version.pk in _process.failed:
        return [version, *list_fallbacks()]
    if _process.model is not None and _process.model.version_id == version.pk:
        return [version]  # the usual case costs one query
    return [version, *list_fallbacks()]


def _load(version: ModelVersion, device: str) -> ActiveModel:
    """Raises ArtefactError (damage) or UnavailableArtefact, anew without a try where the last one was just now."""
    failed = _process.failed.get(version.pk)
    if failed is not None and time.monotonic() - failed.at < RETRY_SECONDS:
        raise failed.kind(failed.text)
    try:
        recommender = load_version(version, device=device)
    except (ArtefactError, UnavailableArtefact) as error:
        _process.failed[version.pk] = _Failure(time.monotonic(), type(error), str(error))
        logger.error(
            "model version cannot be loaded", extra={"version": version.pk, "error": str(error)}
        )
        if isinstance(error, ArtefactError):
            _note_problem(version, str(error))
        raise
    _process.failed.pop(version.pk, None)
    _note_problem(version, "")
    logger.info("model version loaded", extra={"version": version.pk, "device": device})
    return ActiveModel(version.pk, recommender)


def _note_problem(version: ModelVersion, problem: str) -> None:
    if version.problem != problem:
        ModelVersion.objects.filter(pk=version.pk).update(problem=problem)
