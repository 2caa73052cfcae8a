"""Settings of re-weighting for a version about to serve, from the opinions that were there before its cut."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from recommender.core.artefact import read_artefact, write_artefact
from recommender.core.catalogue import Catalogue
from recommender.core.config import TrainConfig
from recommender.core.events import RATED, EventLog
from recommender.core.readers import DataFolder
from recommender.core.replay import moment_of, replay_at, split_before, taste_before
from recommender.core.reweight_fit import fit_reweighting
from recommender.core.reweighting import Reweighting
from recommender.core.serving import Recommender
from recommender.core.training import train

FEWEST_OPINIONS, FEWEST_LEARNERS, FEWEST_CASES = 5000, 100, 500
"""With fewer, settings are kept: a gain would not be told from chance."""
TRAINED = 0.6
"""Part of the time that the model of the inner replay learns for."""

Told = dict[str, Any]


def from_opinions(
    catalogue: Catalogue,
    *,
    learner: NDArray[np.integer],
    item: NDArray[np.integer],
    time: NDArray[np.floating],
    value: NDArray[np.floating],
) -> DataFolder:
    """Opinions as the replay reads them: `value` in [0, 1] that a learner gave a row of the catalogue at unix seconds."""
    order = np.lexsort((time, learner))
    who, first = np.unique(learner[order], return_index=True)
    log = EventLog.from_columns(
        np.append(first, len(order)),
        item=item[order],
        behaviour=np.full(len(order), RATED),
        time=time[order],
        received=time[order],
    )
    return DataFolder(
        name="opinions",
        path=Path("opinions"),
        log=log,
        learners=tuple(str(one) for one in who.tolist()),
        items=tuple(catalogue.keys),
        texts=("",) * catalogue.rows,
        concepts=tuple(catalogue.concepts),
        concept_keys=tuple(catalogue.concept_keys),
        concept_texts=tuple(catalogue.concept_keys),
        part=None,
        fold=None,
        order=np.arange(len(order)),
        rating=value[order].astype(np.float64),
        answered=False,
        timed=True,
    )


def refit(
    data: DataFolder,
    catalogue: Catalogue,
    *,
    kept: Reweighting,
    minutes: float,
    seed: int,
    device: str,
    should_stop: Callable[[], bool],
) -> tuple[Reweighting, Told]:
    """Settings by an inner replay of these opinions, with a model that knows what was before its moment.

    `kept` stay where there are too few opinions, or none of the settings tried is a sure gain; what is told says which.
    About `minutes` are spent. Raises Cancelled when `should_stop()` becomes true.
    """
    told: Told = {"opinions": len(data.log), "learners": data.log.learners}
    if len(data.log) < FEWEST_OPINIONS or data.log.learners < FEWEST_LEARNERS:
        return kept, {**told, "rule": "too few opinions: kept"}
    replay = replay_at(data, moment_of(data.log.time))
    if len(replay.cases) < FEWEST_CASES:
        return kept, {**told, "rule": "too few cases after the moment: kept"}
    with TemporaryDirectory(prefix="attune-refit-") as folder:
        inner = Path(folder) / "inner"
        train(
            replay.log,
            catalogue,
            config=TrainConfig(minutes=TRAINED * minutes, seed=seed),
            out=inner,
            checkpoint=None,
            start_from=None,
            on_progress=lambda _progress: None,
            should_stop=should_stop,
            device=device,
            split=split_before(replay, seed),
        )
        put(inner, taste_before(replay))
        bound = Recommender.load(inner, device=device).bind(catalogue)
        found, fitted = fit_reweighting(
            bound, replay, seconds=(1 - TRAINED) * minutes * 60, seed=seed
        )
    if not found.step:
        return kept, {**told, **fitted, "rule": "no sure gain: kept"}
    return found, {**told, **fitted}


def keep(folder: Path, config: Reweighting, told: Told, data: DataFolder) -> None:
    """Put the settings, what was seen, and how alike all opinions on items are, into the version in `folder`."""
    tastes = taste_before(replay_at(data, np.inf)) if len(data.log) else None
    put(folder, tastes, config, told)


def put(
    folder: Path,
    tastes: tuple[Tensor, Tensor] | None,
    config: Reweighting | None = None,
    told: Told | None = None,
) -> None:
    """Put tastes, settings and what is told of them into the version in `folder`; None leaves what is there."""
    manifest, names, tensors = read_artefact(folder)
    if tastes is not None:
        tensors["taste.index"], tensors["taste.value"] = tastes
    described = {}
    if config is not None:
        described["config"] = {**manifest.config, "reweighting": config.to_dict()}
    if told is not None:
        described["chosen"] = {**manifest.chosen, "reweighting": told}
    write_artefact(folder, manifest.model_copy(update=described), names, tensors)
