"""The pieces of a run that can be done one by one, in any order and in any process, and are done once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recommender.core.report import write_json
from recommender.core.serving import BoundRecommender, Recommender
from recommender.simulation.classroom import Policy, study
from recommender.simulation.live import Attune, LiveRanking
from recommender.simulation.material import Material, build_material
from recommender.simulation.outcomes import save_outcome
from recommender.simulation.policies import Mastery, Oracle, Popularity, Random, Syllabus
from recommender.simulation.reviewing import ReviewOnly
from recommender.simulation.training import train_version, warm_up
from recommender.simulation.world import World
from recommender.terms import Term

ATTUNE, POPULARITY = "attune", "popularity"
_PLAIN: dict[str, Callable[[], Policy]] = {
    "syllabus": Syllabus,
    "random": Random,
    "mastery": Mastery,
    "review": ReviewOnly,
    "oracle": Oracle,
}
WITHOUT = {f"{ATTUNE}-without-{term}": (term,) for term in Term}
"""Attune with one term switched off, by name of the policy."""
POLICIES = (ATTUNE, POPULARITY, *_PLAIN, *WITHOUT)
NEEDS_VERSION = (ATTUNE, *WITHOUT)
FROM_WARM_UP = (*NEEDS_VERSION, POPULARITY)
"""Policies that know what went on before."""
OnShare = Callable[[float, str], None]
"""Told how much of a job is done, from 0 to 1, and what it is at."""


@dataclass(frozen=True)
class WarmUpJob:
    """Log a world's warm-up, count it, and train on it where Attune takes part."""

    world: World
    seed: int
    folder: Path  # of this world
    trains: bool

    @property
    def result(self) -> Path:
        return self.folder / "warm-up.json"

    @property
    def weight(self) -> int:
        return self.world.warm_up.learners

    def run(self, on_share: OnShare) -> None:
        """Raises BadDataError where the warm-up is too small to learn from, OSError where nothing can be written."""
        name, material = self.world.name, _material(self.world)
        half = 0.3 if self.trains else 1.0
        log = warm_up(
            self.world,
            material,
            seed=self.seed,
            on_share=lambda share: on_share(half * share, f"{name}: warm-up"),
        )
        if self.trains:
            train_version(
                log,
                material,
                out=self.folder / "version",
                seed=self.seed,
                on_progress=lambda told: on_share(
                    half, f"{name}: {told.phase}, epoch {told.epoch} of {told.epochs}"
                ),
            )
        counts = log.item_counts(material.rows)
        write_json(self.result, {"events": len(log), "counts": counts.tolist()})
        on_share(1.0, f"{name}: warm-up")


@dataclass(frozen=True)
class BatchJob:
    """Some learners of one world under one policy."""

    world: World
    policy: str
    seed: int
    first: int
    last: int  # exclusive
    minutes: float
    folder: Path  # of this world
    live: LiveRanking

    @property
    def result(self) -> Path:
        return self.folder / f"{self.policy}-{self.first}.npz"

    @property
    def weight(self) -> int:
        return self.last - self.first

    def run(self, on_share: OnShare) -> None:
        """Raises OSError where nothing can be written."""
        material = _material(self.world)
        outcome, _ = study(
            self.world,
            material,
            self._policy(material),
            seed=self.seed,
            ids=np.arange(self.first, self.last),
            minutes=self.minutes,
            on_share=lambda share: on_share(share, f"{self.world.name}: {self.policy}"),
        )
        save_outcome(self.result, outcome)

    def _policy(self, material: Material) -> Policy:
        if self.policy in NEEDS_VERSION:
            bound = _bound(self.folder / "version", self.world.model_dump_json())
            return Attune(bound, self.live, without=WITHOUT.get(self.policy, ()))
        if self.policy == POPULARITY:
            return Popularity(_counts(self.folder / "warm-up.json"))
        return _PLAIN[self.policy]()


Job = WarmUpJob | BatchJob


@lru_cache(maxsize=8)
def _built(world: str) -> Material:
    return build_material(World.model_validate_json(world))


def _material(world: World) -> Material:
    return _built(world.model_dump_json())


@lru_cache(maxsize=1)
def _bound(version: Path, world: str) -> BoundRecommender:
    return Recommender.load(version, device="cpu").bind(_built(world).catalogue)


def _counts(path: Path) -> NDArray[np.int64]:
    return np.array(json.loads(path.read_text(encoding="utf-8"))["counts"], dtype=np.int64)
