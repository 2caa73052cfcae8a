"""Let simulated learners study by each policy's lists, and compare what they know a month later."""

import math
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

LEAST, MOST = 1, 100_000
"""Learners of a run."""


def prepare_process() -> None:
    """What a further process needs before it can rank as the platform does."""
    import django

    django.setup()


class Command(BaseCommand):
    help = (
        "Simulate learners in worlds whose rules the recommender does not share. Needs no database. A run that was killed "
        "goes on when it is started again with the same arguments."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--policy", metavar="NAME", action="append", required=True)
        parser.add_argument("--world", metavar="FILE.json", type=Path, action="append")
        parser.add_argument("--learners", metavar="N", type=int, required=True)
        parser.add_argument("--minutes", metavar="M", type=float, required=True)
        parser.add_argument("--seed", metavar="S", type=int, default=0)
        parser.add_argument("--json", metavar="OUT", type=Path, required=True)
        parser.add_argument(
            "--graph",
            metavar="DIR",
            type=Path,
            help="Data folder with the prerequisite graph of worlds that have none of their own.",
        )
        parser.add_argument(
            "--processes", metavar="P", type=int, help="As many as there are cores, if not given."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        import torch

        from recommender.core.errors import CoreError
        from recommender.pipeline.rehearsal import LIVE
        from recommender.simulation.runs import simulate

        asked = self._check(options)
        torch.set_num_threads(1)
        with Bar() as bar:
            try:
                report = simulate(
                    asked,
                    out=options["json"],
                    live=LIVE,
                    processes=options["processes"] or _count_cores(),
                    prepare=prepare_process,
                    reporter=bar,
                )
            except (CoreError, OSError) as error:
                raise CommandError(" ".join(str(error).split()), returncode=2) from error
        for world, policies in report["worlds"].items():
            self.stdout.write(world)
            for policy, found in policies.items():
                figures = (
                    f"{name} {found[name]['value']:.3f} "
                    f"[{found[name]['low']:.3f}, {found[name]['high']:.3f}]"
                    for name in ("knowledge_30d", "knowledge_per_hour", "frustration", "coverage")
                )
                self.stdout.write(f"  {policy:<10} {'  '.join(figures)}")

    def _check(self, options: dict[str, Any]) -> Any:
        """The options as the simulation takes them. Raises CommandError, in one line, with exit code 2."""
        from recommender.simulation.jobs import POLICIES
        from recommender.simulation.runs import Options

        def refuse(message: str) -> CommandError:
            return CommandError(message, returncode=2)

        unknown = [name for name in options["policy"] if name not in POLICIES]
        if unknown:
            known = ", ".join(sorted(POLICIES))
            raise refuse(f"--policy {unknown[0]}: no such policy; there are {known}")
        if not LEAST <= options["learners"] <= MOST:
            raise refuse(f"--learners {options['learners']}: must be from {LEAST} to {MOST}")
        if not (math.isfinite(options["minutes"]) and 0 < options["minutes"] <= 100_000):
            raise refuse(f"--minutes {options['minutes']}: must be more than 0, at most 100000")
        if options["seed"] < 0:
            raise refuse(f"--seed {options['seed']}: must be 0 or more")
        if options["processes"] is not None and options["processes"] < 1:
            raise refuse(f"--processes {options['processes']}: must be at least 1")
        out: Path = options["json"]
        if out.is_dir() or not out.absolute().parent.is_dir():
            raise refuse(f"--json {out}: {'is a folder' if out.is_dir() else 'no such folder'}")
        return Options(
            policies=tuple(dict.fromkeys(options["policy"])),
            worlds=tuple(options["world"] or ()),
            graph=options["graph"],
            learners=options["learners"],
            minutes=options["minutes"],
            seed=options["seed"],
        )


class Bar:
    """Progress on stderr; learners are the unit."""

    def __enter__(self) -> "Bar":
        self._bar = tqdm(unit="learner", dynamic_ncols=True, mininterval=0.5)
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def total(self, learners: int) -> None:
        self._bar.total = learners

    def done(self, learners: float, text: str) -> None:
        if text:
            self._bar.set_description_str(text, refresh=False)
        self._bar.update(round(learners) - self._bar.n)

    def skip(self, world: str, why: str) -> None:
        self._bar.write(f"{world} is left out: {why}")


def _count_cores() -> int:
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1
