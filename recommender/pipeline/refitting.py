"""Re-weighting in a training run: settings and tastes from the opinions before the run's moment, into its version."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from recommender.core.artefact import read_manifest
from recommender.core.catalogue import Catalogue
from recommender.core.refit import from_opinions, keep, refit
from recommender.core.reweighting import Reweighting
from recommender.selectors.opinions import read_opinions

SHARE: Final = 0.2
"""Beside the time of a training run, at most about so much of it, and only where there are opinions enough."""


def refit_version(
    folder: Path,
    *,
    catalogue: Catalogue,
    start: Path | None,
    until: datetime,
    minutes: float,
    seed: int,
    device: str,
    should_stop: Callable[[], bool],
) -> None:
    """Fit re-weighting for the version in `folder`, or keep the settings of the version that training started from.

    What was decided, and from how much, stands in the manifest (`chosen.reweighting`). Raises Cancelled.
    """
    row_of = {int(key): row for key, row in catalogue.row_of.items()}
    said = [each for each in read_opinions(until=until) if row_of.get(each.item_id)]
    data = from_opinions(
        catalogue,
        learner=np.array([each.learner_id for each in said], dtype=np.int64),
        item=np.array([row_of[each.item_id] for each in said], dtype=np.int64),
        time=np.array([each.at for each in said], dtype=np.float64),
        value=np.array([each.value for each in said], dtype=np.float64),
    )
    before = read_manifest(start).config.get("reweighting") if start is not None else None
    config, told = refit(
        data,
        catalogue,
        kept=Reweighting.read(before),
        minutes=SHARE * minutes,
        seed=seed,
        device=device,
        should_stop=should_stop,
    )
    keep(folder, config, told, data)
