"""Load real interactions, as a synthetic course in which all learners of the data set are enrolled."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from common.api.errors import Refused
from django.core.management.base import BaseCommand, CommandError
from django.utils.text import slugify
from tqdm import tqdm


class Command(BaseCommand):
    help = (
        "Load a folder of interactions (interactions.csv, items.csv, concepts.csv) as one course. Rows whose part is "
        "test stay out. Doing it again, or going on after it was killed, ends in the same rows."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="DIR", type=Path)
        parser.add_argument("--course", help="Slug of the course; the folder's name without it.")

    def handle(self, *args: Any, **options: Any) -> None:
        from content.services import compute_text_hashes
        from recommender.core.errors import BadDataError
        from recommender.core.readers import read_folder
        from recommender.pipeline.datasets import import_folder

        folder: Path = options["folder"]
        slug = options["course"] or slugify(folder.resolve().name)
        try:
            data = read_folder(folder)
            with tqdm(total=len(data.learners), unit="learner", dynamic_ncols=True) as bar:
                done = import_folder(data, slug=slug, on_learners=bar.update)
        except BadDataError as error:
            raise CommandError(str(error)) from error
        except Refused as error:
            raise CommandError(str(error.detail)) from error
        compute_text_hashes()
        self.stdout.write(
            f"{slug}: {done.items} items, {done.learners} learners, {done.events} events "
            f"({done.new_events} new), {done.held_out} test rows left out"
        )
