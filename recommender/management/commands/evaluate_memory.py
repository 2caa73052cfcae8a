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

        self._say(f"# Memory: {part['data']}")
        if part["everyone"] is not None:
            self._say(f"Synthetic learners among them: {part['synthetic']}.")
            self._say("## Everyone who has reviews")
            self._print_group(part["everyone"])
        if part["fitted"] is None:
            self._say(f"Nobody has the {TO_FIT} reviews that fitting and judging take.")
            return
        if part["everyone"] is not None:
            self._say("## Those with enough reviews to be fitted")
        self._print_group(part["fitted"])
        self._say(f"In use for {part['fitted']['in_use']} of {part['fitted']['learners']}.")

    def _print_group(self, group: dict[str, Any]) -> None:
        from recommender.core.markdown import calibration, figure, table

        names = ("log_loss", "ece", "auc")
        self._say(f"Learners: {group['learners']}; reviews held out: {group['reviews']:,}.")
        rows = [
            [
                name,
                *(figure(found["metrics"][metric]) for metric in names),
                figure(found["diff"].get("log_loss"), sign=True),
            ]
            for name, found in group["models"].items()
        ]
        self._say(table(["model", *names, "log_loss minus defaults"], rows))
        for name in ("defaults", "served"):
            if name in group["models"]:
                self._say(f"Reliability, {name}:")
                self._say(calibration(group["models"][name]["calibration"]))

    def _say(self, part: str) -> None:
        self.stdout.write(part.rstrip("\n") + "\n\n")


def _count(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if not 0 < value <= 100_000:
        raise ArgumentTypeError(f"{text}: must be from 1 to 100000")
    return value
