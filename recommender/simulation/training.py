"""The warm-up of a world and the version that is trained on it alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from recommender.core.config import TrainConfig
from recommender.core.events import EventLog
from recommender.core.progress import Progress as TrainingProgress
from recommender.core.training import train
from recommender.simulation.classroom import study
from recommender.simulation.material import Material
from recommender.simulation.policies import Mixture
from recommender.simulation.world import World

FIRST_ID = 1 << 40
"""Learners of the warm-up have numbers from here on: nobody is measured who was learned from."""
MINUTES = 30.0
"""Of training at most. Far more than it takes, so that epochs end it and not the clock: the same seed, the same version."""
EPOCHS = 12


def warm_up(
    world: World, material: Material, *, seed: int, on_share: Callable[[float], None]
) -> EventLog:
    """What learners did under the fixed mixture of syllabus and random."""
    given = world.warm_up
    ids = FIRST_ID + np.arange(given.learners)
    _, record = study(
        world,
        material,
        Mixture(given.random),
        seed=seed,
        ids=ids,
        minutes=given.minutes,
        on_share=on_share,
    )
    return record.to_log(np.arange(given.learners))


def train_version(
    log: EventLog,
    material: Material,
    *,
    out: Path,
    seed: int,
    on_progress: Callable[[TrainingProgress], None],
) -> None:
    """Train the core on a warm-up and write the version to `out`. Raises BadDataError where there is nothing to learn."""
    train(
        log,
        material.catalogue,
        config=TrainConfig(minutes=MINUTES, seed=seed, epochs=EPOCHS, success_epochs=EPOCHS),
        out=out,
        checkpoint=None,
        start_from=None,
        on_progress=on_progress,
        should_stop=lambda: False,
        device="cpu",
    )
