"""`load_demo`: catalogue, class, history, a first model, logins. Run again, it goes on where it stopped."""

import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from content.models import Course
from content.services import import_content
from learners.models import Group, User
from learners.services.freshness import mark_dirty
from recommender.models import ModelVersion, Slate, TrainingRun
from recommender.services.activation import DEMO, activate_version
from recommender.services.training import request_training
from web.demo.history import write_history
from web.demo.names import OPERATOR, STUDENT
from web.demo.people import NameTaken, ensure_logins, make_classes

FOLDER = settings.BASE_DIR / "content" / "demo"
POLL_SECONDS = 1.0


class Command(BaseCommand):
    help = (
        "Load the demo catalogue and a class of invented learners with a synthetic history, train a first model "
        "on a running worker, activate it and write the logins to ATTUNE_HOME/demo-logins.json. Idempotent and "
        "resumable. Refused in a database named by DATABASE_URL unless ATTUNE_DEMO=1."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--learners", type=int, default=60, help="size of the class")
        parser.add_argument("--seed", type=int, default=7, help="of the synthetic history")
        parser.add_argument("--minutes", type=float, default=2.0, help="training time at most")
        parser.add_argument(
            "--wait", type=float, default=540.0, help="seconds to wait for the worker in all"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError(
                "Demo data is never loaded into a database named by DATABASE_URL unless ATTUNE_DEMO=1."
            )
        self.deadline = time.monotonic() + options["wait"]
        slugs = self._import_courses(FOLDER)
        groups = self._make_history(slugs, learners=options["learners"], seed=options["seed"])
        logins = ensure_logins(settings.ATTUNE_HOME / "demo-logins.json")
        self._train(minutes=options["minutes"], seed=options["seed"])
        self._refresh(groups)
        for role, login in logins.items():
            self.stdout.write(f"{role:<9} {login['username']}  {login['password']}")

    def _import_courses(self, folder: Path) -> list[str]:
        report = import_content(path=folder, format="auto", dry_run=False)
        for problem in report.refused:
            self.stderr.write(str(problem))
        if not report.complete:
            raise CommandError("The demo catalogue was refused; nothing was written.")
        self._say(f"catalogue: {report.count('created')} new, {report.count('updated')} updated")
        # A course's folder is named by its slug.
        names = [each.name for each in sorted(folder.iterdir()) if each.is_dir()]
        return list(Course.objects.filter(slug__in=names).values_list("slug", flat=True))

    def _make_history(self, slugs: list[str], *, learners: int, seed: int) -> list[Group]:
        try:
            made = make_classes(learners=learners, course_slugs=slugs)
        except NameTaken as error:
            raise CommandError(
                f"A real person has the user name {error}, which the demo needs."
            ) from error
        groups = [group for group in made if group is not None]
        total = sum(group.memberships.count() for group in groups)
        written = 0
        with tqdm(total=total, desc="synthetic history", unit="learner") as bar:
            for group in groups:
                written += write_history(group=group, seed=seed, on_learner=bar.update)
        self._say(f"class: {total} invented learners, {written} new synthetic events")
        return groups

    def _train(self, *, minutes: float, seed: int) -> None:
        if ModelVersion.objects.filter(is_active=True).exists():
            return
        run = self._find_run() or request_training(
            by=User.objects.get(username=OPERATOR[0]),
            options={"minutes": minutes, "seed": seed},
        )
        with tqdm(desc="training", total=1.0, bar_format="{desc}: {elapsed}{postfix}") as bar:
            while run.status in TrainingRun.UNFINISHED:
                self._wait(f"training run {run} is {run.status}")
                run.refresh_from_db()
                bar.set_postfix_str(_describe(run))
        if run.status != TrainingRun.Status.SUCCEEDED or run.version is None:
            raise CommandError(f"Training run {run} ended as {run.status}: {run.error or '–'}")
        activate_version(version=run.version, by=run.requested_by, reason=DEMO)
        self._say(f"model: {run.version} trained and active")

    def _find_run(self) -> TrainingRun | None:
        """A run of an earlier, interrupted start: still under way, or finished and never activated."""
        usable = (*TrainingRun.UNFINISHED, TrainingRun.Status.SUCCEEDED)
        return TrainingRun.objects.filter(status__in=usable).order_by("-pk").first()

    def _refresh(self, groups: list[Group]) -> None:
        student = User.objects.get(username=STUDENT[0])
        slates = Slate.objects.filter(learner=student, source=Slate.Source.MODEL)
        if slates.exists():
            return
        for group in groups:
            mark_dirty(learner_ids=group.memberships.values_list("learner", flat=True))
        while not slates.exists():
            self._wait("the student's list is not there yet")
        self._say("lists: the demo student's is there")

    def _wait(self, what: str) -> None:
        if time.monotonic() > self.deadline:
            raise CommandError(f"Gave up waiting: {what}. Does a worker run? See its log.")
        time.sleep(POLL_SECONDS)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _describe(run: TrainingRun) -> str:
    parts = [run.status, run.phase]
    if run.epochs:
        parts.append(f"epoch {run.epoch}/{run.epochs}")
    if run.loss is not None:
        parts.append(f"loss {run.loss:.3f}")
    if run.seconds_left is not None:
        parts.append(f"{run.seconds_left:.0f} s left")
    return ", ".join(part for part in parts if part)
