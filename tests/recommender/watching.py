"""A version that knows what healthy attention is, active, with twenty learners of the practice course to watch."""

from pathlib import Path
from typing import Any

import numpy as np
import practice_course as practice
import pytest
import torch
from django.utils import timezone

from learners.models import LearnerState, User
from recommender.core import calibration_fit, detectors
from recommender.core.artefact import read_artefact, read_manifest, write_artefact
from recommender.core.serving import Recommender
from recommender.models import ModelVersion
from recommender.pipeline.active import get_active
from recommender.pipeline.artefacts import store_version
from recommender.pipeline.calibration import Calibrator
from recommender.pipeline.refresh import read_snapshot
from recommender.pipeline.slates import make_slates
from recommender.selectors.calibrations import RepairInForce
from recommender.services.activation import activate_version

LEARNERS = 20


def calibrate(trained: Path, out: Path) -> Path:
    """The trained version with a healthy reference of the learners that it was trained on."""
    manifest, names, _tensors = read_artefact(trained)
    loaded = Recommender.load(trained, device="cpu")
    with pytest.MonkeyPatch.context() as brief:
        brief.setattr(detectors, "STEPS", 100)
        fitted = calibration_fit.fit_calibration(
            loaded.bind(practice._catalogue()), practice._log(0), np.arange(practice.LEARNERS)
        )
    parts = loaded.parts
    parts.calibration = fitted.kept
    whole = manifest.model_copy(update={"config": manifest.config | parts.config()})
    write_artefact(out, whole, names, parts.tensors())
    return out


def activate_watched(calibrated: Path, course: Any, **fields: Any) -> ModelVersion:
    """The calibrated version, active; twenty learners wait for slates of it."""
    practice.store_learners(LEARNERS, course)
    people = User.objects.filter(synthetic=True)
    now = timezone.now()
    LearnerState.objects.bulk_create(
        (LearnerState(learner=one, dirty_seq=1, active_at=now) for one in people),
        ignore_conflicts=True,
    )
    store_version(calibrated, "calibrated")
    manifest = read_manifest(calibrated)
    row = ModelVersion.objects.create(
        artefact="calibrated",
        sha256=manifest.sha256["model.safetensors"],
        manifest={},
        metrics={},
        data_until=now,
        **fields,
    )
    return activate_version(version=row)


def set_alarm(*, share: float) -> None:
    """Move the threshold of the version in memory, so that `share` of the learners are above it."""
    calibration = get_active().recommender.parts.calibration  # type: ignore[union-attr]
    assert calibration is not None
    calibration.threshold.fill_(torch.inf)
    calibrator, _slates = made(repair=None)
    scores = [row.score for row in calibrator.read(now=timezone.now()).rows]
    assert len(scores) > LEARNERS / 2
    levels = {0.0: np.inf, 1.0: -np.inf}
    calibration.threshold.fill_(levels.get(share, float(np.quantile(scores, 1 - share))))


def made(
    *, repair: RepairInForce | None, watched: bool = True
) -> tuple[Calibrator, dict[int, Any]]:
    """Slates of all learners in one batch, not stored: everything but the key, by learner."""
    model = get_active()
    now = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    ids = sorted(User.objects.filter(synthetic=True).values_list("pk", flat=True))
    seqs, reads, _attention = read_snapshot(ids)
    calibrator = Calibrator(model, lambda: repair)
    slates = make_slates(
        list(reads.values()), seqs=seqs, model=model, now=now,
        calibrator=calibrator if watched else None,
    )  # fmt: skip
    told = {
        slate.learner_id: (slate.entries, bytes(slate.history), bytes(slate.contributions))
        for slate in slates
    }
    return calibrator, told
