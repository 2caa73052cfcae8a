"""`import_content PATH`: courses from files, all or nothing, with a report."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from tqdm import tqdm

from content.importers import UnknownFormat, format_names
from content.services import ImportReport, import_content


class Command(BaseCommand):
    help = (
        "Import a course folder, or a folder of them. All or nothing: with anything refused, nothing "
        "is written and the exit status is 1."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path)
        parser.add_argument("--format", default="auto", choices=["auto", *format_names()])
        parser.add_argument(
            "--dry-run", action="store_true", help="report what would be done, and write nothing"
        )

    def handle(self, *args: Any, path: Path, format: str, dry_run: bool, **options: Any) -> None:
        if not path.is_dir():
            raise CommandError(_("%s is no folder.") % path)
        quiet = options["verbosity"] == 0
        with _Bars(quiet) as bars:
            try:
                report = import_content(
                    path=path.resolve(), format=format, dry_run=dry_run, on_progress=bars.show
                )
            except UnknownFormat as error:
                raise CommandError(str(error)) from error
        self._print(report, everything=options["verbosity"] > 1)
        if not report.complete:
            raise CommandError(_("Nothing was written: %s refused.") % len(report.refused))

    def _print(self, report: ImportReport, *, everything: bool) -> None:
        """One line for each part, those unchanged only with -v 2, then one line that counts them all."""
        for change in report.changes:
            if everything or change.outcome != "unchanged":
                place = change.file if change.line is None else f"{change.file}:{change.line}"
                self.stdout.write(f"{change.outcome:<11} {change.kind} {change.slug} ({place})")
        for warning in report.warnings:
            self.stdout.write(self.style.WARNING(f"{'warning':<11} {warning}"))
        for problem in report.refused:
            self.stdout.write(self.style.ERROR(f"{'refused':<11} {problem}"))
        counts = {
            outcome: report.count(outcome)
            for outcome in ("created", "updated", "unchanged", "unpublished")
        }
        counted = ", ".join(f"{number} {outcome}" for outcome, number in counts.items())
        prefix = _("Dry run, nothing written") if report.dry_run else report.format
        self.stdout.write(f"{prefix}: {counted}, {len(report.refused)} refused")


class _Bars:
    """One bar on stderr for each phase."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.bars: dict[str, Any] = {}

    def __enter__(self) -> "_Bars":
        return self

    def __exit__(self, *error: object) -> None:
        for bar in self.bars.values():
            bar.close()

    def show(self, phase: str, done: int, total: int) -> None:
        if phase not in self.bars:
            for bar in self.bars.values():
                bar.close()
            self.bars[phase] = tqdm(total=total, desc=phase, disable=self.quiet)
        self.bars[phase].update(done - self.bars[phase].n)
