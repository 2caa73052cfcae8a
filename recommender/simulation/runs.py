"""A whole simulation: every policy in every world, in parts that survive a killed process, and its report.

Beside the report `OUT` stands a folder `OUT.parts` while the run goes on. It holds a warm-up, a version and batches of
learners of each world; a run with the same arguments, worlds and code goes on from there, any other begins anew. It is
deleted once the report is written.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

from recommender.core.errors import BadDataError
from recommender.core.report import write_json
from recommender.simulation.jobs import (
    ATTUNE,
    FROM_WARM_UP,
    NEEDS_VERSION,
    BatchJob,
    Job,
    WarmUpJob,
)
from recommender.simulation.live import LiveRanking
from recommender.simulation.material import build_material
from recommender.simulation.outcomes import join, load_outcome, summarise
from recommender.simulation.world import FolderGraph, World, list_shipped, load_world

BATCH = 100
"""Learners that are simulated together, and the most that a killed run loses of one policy."""


@dataclass(frozen=True)
class Options:
    """What a run is asked for; everything that its figures depend on."""

    policies: tuple[str, ...]
    worlds: tuple[Path, ...]  # none: those that come with the project
    graph: Path | None  # data folder of worlds that name none
    learners: int
    minutes: float
    seed: int


class Reporter(Protocol):
    """Where a run tells how far it is; learners are the unit."""

    def total(self, learners: int) -> None:
        """So many learners in all, warm-ups included."""

    def done(self, learners: float, text: str) -> None:
        """So many so far."""

    def skip(self, world: str, why: str) -> None:
        """A world is left out."""


def simulate(
    options: Options,
    *,
    out: Path,
    live: LiveRanking,
    processes: int,
    prepare: Callable[[], None],
    reporter: Reporter,
) -> dict[str, Any]:
    """Run what is missing, write the report to `out` and return it.

    `live` ranks for Attune; `prepare` is called first in each further process. Raises BadDataError in one line for a
    world that cannot be used, OSError where nothing can be written.
    """
    worlds, skipped = _read_worlds(options, reporter)
    folder = out.with_name(f"{out.name}.parts")
    _claim(folder, options, worlds)
    warm_ups: list[Job] = []
    batches: list[BatchJob] = []
    for world in worlds:
        place = folder / world.name
        place.mkdir(exist_ok=True)
        if set(options.policies) & set(FROM_WARM_UP):
            trains = bool(set(options.policies) & set(NEEDS_VERSION))
            warm_ups.append(WarmUpJob(world, options.seed, place, trains))
        batches += [
            BatchJob(
                world,
                policy,
                options.seed,
                first,
                min(first + BATCH, options.learners),
                options.minutes,
                place,
                live,
            )
            for policy in options.policies
            for first in range(0, options.learners, BATCH)
        ]
    tally = _Tally(reporter, [*warm_ups, *batches])
    with _workers(processes, prepare) as pool:
        for stage in (warm_ups, batches):
            _carry_out([job for job in stage if not job.result.is_file()], pool, tally)
    report = {
        "worlds": {
            world.name: summarise(
                {
                    policy: join(
                        [
                            load_outcome(job.result)
                            for job in batches
                            if job.world is world and job.policy == policy
                        ]
                    )
                    for policy in options.policies
                },
                minutes=options.minutes,
                seed=options.seed,
                reference=ATTUNE,
            )
            for world in worlds
        },
        "skipped": skipped,
        "learners": options.learners,
        "minutes": options.minutes,
        "seed": options.seed,
    }
    write_json(out, report)
    shutil.rmtree(folder)
    return report


def _read_worlds(options: Options, reporter: Reporter) -> tuple[list[World], dict[str, str]]:
    """Named worlds must all be there; of those that come with the project, one without its graph is left out."""
    worlds: list[World] = []
    skipped: dict[str, str] = {}
    for path in options.worlds or list_shipped():
        world = load_world(path, graph=options.graph)
        graph = world.graph
        if isinstance(graph, FolderGraph) and graph.folder is None:
            why = "its prerequisite graph comes from a data folder: name one with --graph DIR"
            if options.worlds:
                raise BadDataError(f"{path}: graph.folder: {why}")
            skipped[world.name] = why
            reporter.skip(world.name, why)
            continue
        try:
            build_material(world)
        except BadDataError as error:
            raise BadDataError(f"{path}: {error}") from error
        if world.name in {other.name for other in worlds}:
            raise BadDataError(f"{path}: name: another world is called {world.name}, too")
        worlds.append(world)
    if not worlds:
        raise BadDataError("no world is left: " + "; ".join(skipped.values()))
    return worlds, skipped


def _claim(folder: Path, options: Options, worlds: Sequence[World]) -> None:
    """Go on in the folder if it was begun by a run like this one, else begin anew."""
    mark = {
        "policies": sorted(options.policies),
        "worlds": [world.model_dump_json() for world in worlds],
        "learners": options.learners,
        "minutes": options.minutes,
        "seed": options.seed,
        "code": _fingerprint(),
    }
    path = folder / "run.json"
    if path.is_file() and _read_mark(path) == mark:
        return
    if folder.is_dir():
        if any(folder.iterdir()) and not path.is_file():
            raise BadDataError(f"{folder}: stands in the way and was not made by a simulation")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    write_json(path, mark)


def _read_mark(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None


def _fingerprint() -> str:
    """Of all code that figures may depend on."""
    package = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for part in sorted(package.rglob("*.py")):
        if "migrations" not in part.parts:
            digest.update(part.read_bytes())
    return digest.hexdigest()


class _Tally:
    """Adds up what jobs report."""

    def __init__(self, reporter: Reporter, jobs: Sequence[Job]) -> None:
        self.reporter = reporter
        self.finished = float(sum(job.weight for job in jobs if job.result.is_file()))
        reporter.total(sum(job.weight for job in jobs))
        reporter.done(self.finished, "")

    def share(self, job: Job, share: float, text: str) -> None:
        self.reporter.done(self.finished + share * job.weight, text)

    def finish(self, job: Job) -> None:
        self.finished += job.weight
        self.reporter.done(self.finished, job.world.name)


@contextmanager
def _workers(processes: int, prepare: Callable[[], None]) -> Iterator[ProcessPoolExecutor | None]:
    """None for one process: then the caller's does it all."""
    if processes == 1:
        yield None
        return
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=prepare)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _carry_out(jobs: Sequence[Job], pool: ProcessPoolExecutor | None, tally: _Tally) -> None:
    if pool is None:
        for job in jobs:
            job.run(lambda share, text, job=job: tally.share(job, share, text))  # type: ignore[misc]
            tally.finish(job)
        return
    waiting = {pool.submit(run_job, job): job for job in jobs}
    for done in as_completed(waiting):
        done.result()
        tally.finish(waiting[done])


def run_job(job: Job) -> None:
    """One job in a process of its own."""
    import torch

    torch.set_num_threads(1)
    job.run(lambda _share, _text: None)
