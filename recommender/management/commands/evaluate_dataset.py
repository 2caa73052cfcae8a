"""Measure the active version on the test rows of an imported data set, beside what needs no model."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.text import slugify
from tqdm import tqdm


class Command(BaseCommand):
    help = (
        "Rank the test rows of an imported folder by the active version's affinity, by the slates that its learners "
        "would get, by popularity and by item-to-item similarity; print NDCG@10 and HR@10 with paired 95% intervals."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="DIR", type=Path)
        parser.add_argument("--course", help="Slug of the course; the folder's name without it.")
        parser.add_argument("--limit", type=int, help="So many learners, drawn at random.")
        parser.add_argument("--json", metavar="OUT", type=Path, help="Write the report here too.")

    def handle(self, *args: Any, **options: Any) -> None:
        from recommender.core.errors import BadDataError
        from recommender.core.readers import TEST, read_folder
        from recommender.core.report import write_json
        from recommender.pipeline.artefacts import UnavailableArtefact
        from recommender.pipeline.evaluate import evaluate_folder

        folder: Path = options["folder"]
        slug = options["course"] or slugify(folder.resolve().name)
        if options["json"] and not options["json"].absolute().parent.is_dir():
            raise CommandError(f"--json {options['json']}: no such folder")
        try:
            data = read_folder(folder)
            rows = 0 if data.part is None else int((data.part == TEST).sum())
            total = min(options["limit"] or rows, rows)
            with tqdm(total=total, unit="learner", dynamic_ncols=True) as bar:
                report = evaluate_folder(
                    data, slug=slug, limit=options["limit"], on_learners=bar.update
                )
        except (BadDataError, UnavailableArtefact) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            write_json(options["json"], report)
        for ranker, found in report["metrics"].items():
            figures = "  ".join(
                f"{name} {value['value']:.4f} [{value['low']:.4f}, {value['high']:.4f}]"
                for name, value in found.items()
            )
            self.stdout.write(f"{ranker:<12} {figures}")
        for ours, others in report["diff"].items():
            for other, found in others.items():
                gain = found["ndcg@10"]
                self.stdout.write(
                    f"{ours} − {other}: NDCG@10 {gain['value']:+.4f} "
                    f"[{gain['low']:+.4f}, {gain['high']:+.4f}]"
                )
        self.stdout.write(f"{report['cases']} learners; slates: {report['slates']}")
