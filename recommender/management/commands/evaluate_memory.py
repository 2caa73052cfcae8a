"""Tell how well memory predicts answers, with each learner's own parameters and with the library's defaults."""

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

WORLDS = ("as-assumed", "fading", "restless")


class Command(BaseCommand):
    help = (
        "Judge memory (FSRS) by the newest fifth of each learner's reviews: answers to exercises that she had answered a day "
        "or more before. Parameters fitted to what was before stand beside the library's defaults and beside her own share "
        "of right answers, by log loss, calibration error and AUC with 95% intervals over learners. Of this installation's "
        "own answers, or with --simulated of learners whose memory is known. Prints Markdown. See docs/operations.md."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--simulated",
            action="store_true",
            help="Judge on simulated reviews and not on the installation's own; nothing of the database is read.",
        )
        parser.add_argument(
            "--world",
            metavar="FILE.json",
            type=Path,
            action="append",
            help=f"With --simulated: a world whose memory they have; repeatable (default: {', '.join(WORLDS)}, and "
            "learners for whom the defaults are true).",
        )
        parser.add_argument(
            "--learners",
            type=_count,
            help="So many at most, drawn at random (default 200); of each world with --simulated (default 24).",
        )
        parser.add_argument("--seed", type=int, default=0, help="Of the draw (default 0).")
        parser.add_argument("--json", metavar="OUT", type=Path, help="Write the report here too.")

    def handle(self, *args: Any, **options: Any) -> None:
        from recommender.core.errors import BadDataError
        from recommender.core.report import write_json

        if options["json"] and not options["json"].absolute().parent.is_dir():
            raise CommandError(f"--json {options['json']}: no such folder")
        if options["world"] and not options["simulated"]:
            raise CommandError("--world: only together with --simulated")
        try:
            parts = self._simulate(options) if options["simulated"] else self._read(options)
        except BadDataError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            write_json(options["json"], {"task": "memory", "seed": options["seed"], "parts": parts})
        for part in parts:
            self._print(part)

    def _read(self, options: dict[str, Any]) -> list[dict[str, Any]]:
        from recommender.pipeline.memory_study import study_installation

        with tqdm(unit="learner", dynamic_ncols=True) as bar:
            return [
                study_installation(
                    learners=options["learners"] or 200,
                    seed=options["seed"],
                    on_start=bar.reset,
                    on_learner=bar.update,
                )
            ]

    def _simulate(self, options: dict[str, Any]) -> list[dict[str, Any]]:
        from recommender.pipeline.memory_study import study_simulation
        from recommender.simulation.world import SHIPPED, load_world

        files = options["world"] or [SHIPPED / f"{name}.json" for name in WORLDS]
        # By themselves the worlds are joined by learners from whom nothing is to be learned.
        worlds = [*map(load_world, files), *([] if options["world"] else [None])]
        learners = options["learners"] or 24
        with tqdm(total=learners * len(worlds), unit="learner", dynamic_ncols=True) as bar:
            return [
                study_simulation(
                    world, learners=learners, seed=options["seed"], on_learner=bar.update
                )
                for world in worlds
            ]

    def _print(self, part: dict[str, Any]) -> None:
        from recommender.pipeline.memory_study import TO_FIT

        self.stdout.write(f"# Memory: {part['data']}\n")
        if part["everyone"] is not None and part["synthetic"]:
            self.stdout.write(f"{part['synthetic']} of the learners are synthetic.\n")
        if part["everyone"] is not None:
            self.stdout.write("## Everyone who has reviews\n")
            self._print_group(part["everyone"])
        if part["fitted"] is None:
            self.stdout.write(f"Nobody has the {TO_FIT} reviews that fitting and judging take.\n")
            return
        if part["everyone"] is not None:
            self.stdout.write("## Those with enough reviews to be fitted\n")
        self._print_group(part["fitted"])
        self.stdout.write(
            f"In use for {part['fitted']['in_use']} of {part['fitted']['learners']}.\n"
        )

    def _print_group(self, group: dict[str, Any]) -> None:
        from recommender.core.markdown import calibration, figure, table

        names = ("log_loss", "ece", "auc")
        self.stdout.write(
            f"{group['reviews']:,} held-out reviews of {group['learners']} learners.\n"
        )
        rows = [
            [
                name,
                *(figure(found["metrics"][metric]) for metric in names),
                figure(found["diff"].get("log_loss"), sign=True),
            ]
            for name, found in group["models"].items()
        ]
        self.stdout.write(table(["model", *names, "log_loss minus defaults"], rows))
        for name in ("defaults", "served"):
            if name in group["models"]:
                self.stdout.write(f"Reliability, {name}:\n")
                self.stdout.write(calibration(group["models"][name]["calibration"]))


def _count(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if not 0 < value <= 100_000:
        raise ArgumentTypeError(f"{text}: must be from 1 to 100000")
    return value
