"""Start a training run and follow it, or carry it out in this process."""

import time
from argparse import ArgumentParser
from typing import Any

from common.api.errors import Refused
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from recommender.models import TrainingRun
from recommender.serializers.operators import TrainingOptionsSerializer
from recommender.services.activation import activate_version
from recommender.services.training import request_training


class Command(BaseCommand):
    help = (
        "Start a training run and follow it. A worker carries it out, or with --here this process."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--minutes", type=float, help="Bound of the training itself.")
        parser.add_argument("--seed", type=int)
        parser.add_argument("--here", action="store_true", help="Needs no worker.")
        parser.add_argument("--activate", action="store_true", help="Activate the candidate.")

    def handle(self, *args: Any, **options: Any) -> None:
        given = {name: options[name] for name in ("minutes", "seed") if options[name] is not None}
        checked = TrainingOptionsSerializer(data=given)
        if not checked.is_valid():
            raise CommandError(str(checked.errors))
        run = request_training(by=None, options=dict(checked.validated_data))
        if options["here"]:
            self._carry_out(run)
        else:
            self._follow(run)
        if run.status != TrainingRun.Status.SUCCEEDED or run.version is None:
            raise CommandError(f"run {run.pk} {run.status}: {run.error}".rstrip(": "))
        self.stdout.write(f"run {run.pk} made {run.version}: {run.version.metrics}")
        if options["activate"]:
            try:
                activate_version(version=run.version)
            except Refused as error:
                raise CommandError(str(error.detail)) from error
            self.stdout.write(f"{run.version} is active")

    def _carry_out(self, run: TrainingRun) -> None:
        from threading import Thread

        from django.db import connection

        from recommender.pipeline.training import run_next_training

        def work() -> None:
            try:
                # Runs that waited before this one come first.
                while run_next_training() is not None:
                    pass
            finally:
                connection.close()

        thread = Thread(target=work)
        thread.start()
        self._follow(run, alive=thread.is_alive)
        thread.join()

    def _follow(self, run: TrainingRun, alive: Any = lambda: True) -> None:
        with tqdm(total=1, dynamic_ncols=True, bar_format="{desc} {elapsed}") as bar:
            while run.status in TrainingRun.UNFINISHED:
                figures = [
                    f"{run.phase or run.status}",
                    f"{run.epoch}/{run.epochs}" if run.epochs > 1 else "",
                    f"loss {run.loss:.4f}" if run.loss is not None else "",
                    f"metric {run.metric:.4f}" if run.metric is not None else "",
                    f"at most {run.seconds_left:.0f} s left" if run.seconds_left else "",
                ]
                bar.set_description_str(f"run {run.pk}: " + ", ".join(filter(None, figures)))
                living = alive()
                time.sleep(1)
                run.refresh_from_db()
                if not living and run.status == TrainingRun.Status.QUEUED:
                    raise CommandError("a worker trains already; try again without --here")
