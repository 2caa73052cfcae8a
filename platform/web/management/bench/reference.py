"""A healthy reference for the version that the bench trains: its minute leaves too little time for one of its own."""

import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from learners.selectors import group_history
from recommender.core.artefact import WEIGHTS, read_artefact, write_artefact
from recommender.core.calibration_fit import fit_calibration
from recommender.core.serving import Recommender
from recommender.models import ModelVersion
from recommender.pipeline.artefacts import fetch_version, store_version
from recommender.pipeline.catalogue import load_catalogue
from recommender.pipeline.history import to_log

LEARNERS: Final = 200


def add_reference(version: ModelVersion, learners: list[int]) -> None:
    """Fit what is healthy on some `learners`, and let `version` carry it; what it costs then is as for any other."""
    folder = fetch_version(version.artefact, sha256=version.sha256)
    manifest, names, _tensors = read_artefact(folder)
    loaded = Recommender.load(folder, device="cpu")
    if loaded.parts.calibration is not None:
        return
    catalogue = load_catalogue(encoder=manifest.encoder)
    rows = group_history(learners, loaded.parts.next_item.config.length)
    log = to_log(list(rows.values()), catalogue.outline.row_of)
    bound = loaded.bind(catalogue.catalogue)
    loaded.parts.calibration = fit_calibration(bound, log, np.arange(log.learners)).kept
    whole = manifest.model_copy(update={"config": manifest.config | loaded.parts.config()})
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "version"
        written = write_artefact(out, whole, names, loaded.parts.tensors())
        version.artefact = f"{version.artefact}-watched"
        store_version(out, version.artefact)
    version.sha256 = written.sha256[WEIGHTS]
    version.save(update_fields=["artefact", "sha256"])
