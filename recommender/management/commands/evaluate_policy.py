"""Estimate from this installation's own log what a version or a rule would be worth, before it serves anybody."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from recommender.selectors.explored_slots import COMPLETED, REWARDS

THIN = {
    "ess": "the effective number of slots is below {THIN_ESS:.0f}",
    "learners": "fewer than {THIN_LEARNERS} learners met what it would have shown",
    "heavy": "one learner carries more than {HEAVY:.0%} of the weight",
}


class Command(BaseCommand):
    help = (
        "Judge policies by the slots that were drawn at random: what would each have been worth there? A policy is the "
        "number of a version, `active`, `syllabus`, `popularity` or `served` (what made the slates). Prints the mean "
        "reward of a slot by inverse propensity (ips), self-normalised (snips) and doubly robust (dr), with 95% intervals "
        "over learners, and warns where too few slots hold what the policy would have shown. See docs/policy-value.md."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "policies",
            metavar="POLICY",
            nargs="*",
            default=["active", "syllabus", "popularity"],
            help="Default: active syllabus popularity.",
        )
        parser.add_argument(
            "--reward",
            choices=list(REWARDS),
            default=COMPLETED,
            help="; ".join(f"{name}: {meaning}" for name, meaning in REWARDS.items()),
        )
        parser.add_argument(
            "--days",
            type=_positive(float),
            default=7.0,
            help="How long after it was seen a reward counts (default 7). Slots seen later than that ago are left out.",
        )
        parser.add_argument(
            "--top",
            type=_positive(int),
            default=10,
            help="Each policy would have shown one of its so many best, each as likely (default 10; 1: its best).",
        )
        parser.add_argument("--json", metavar="OUT", type=Path, help="Write the report here too.")

    def handle(self, *args: Any, **options: Any) -> None:
        from recommender.core.errors import ArtefactError, BadDataError
        from recommender.core.report import write_json
        from recommender.pipeline.artefacts import UnavailableArtefact
        from recommender.pipeline.policy_value import evaluate_policies

        if options["json"] and not options["json"].absolute().parent.is_dir():
            raise CommandError(f"--json {options['json']}: no such folder")
        try:
            with tqdm(unit="learner", dynamic_ncols=True) as bar:
                report = evaluate_policies(
                    options["policies"],
                    reward=options["reward"],
                    window=timedelta(days=options["days"]),
                    top=options["top"],
                    on_start=bar.reset,
                    on_learners=bar.update,
                )
        except (ArtefactError, BadDataError, UnavailableArtefact) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            write_json(options["json"], report)
        self._print(report)

    def _print(self, report: dict[str, Any]) -> None:
        from recommender.core import policy_value

        slots = dict(report["slots"])
        judged, learners, mean = (slots.pop(name) for name in ("judged", "learners", "reward"))
        self.stdout.write(
            f"{judged} explored slots of {learners} learners since {report['since']}; {report['reward']} within "
            f"{report['days']:g} days: {mean:.4f}; one of the best {report['top']}"
        )
        if slots:
            told = ", ".join(f"{count} {name}" for name, count in slots.items())
            self.stdout.write(f"left out: {told}")
        for name, found in report["policies"].items():
            self.stdout.write(
                f"\n{name}: {found['matched']} slots match, ESS {found['ess']:.0f}, "
                f"heaviest learner {found['heaviest']:.1%}"
            )
            for estimator, value in found["value"].items():
                line = f"  {estimator:<6} {_figure(value)}"
                if found["diff_to_served"]:
                    line += f"   minus served {_figure(found['diff_to_served'][estimator], '+')}"
                self.stdout.write(line)
            for reason in found["thin"]:
                why = THIN[reason].format(**vars(policy_value))
                self.stderr.write(
                    self.style.WARNING(f"{name}: overlap is too thin to rely on this: {why}")
                )


def _figure(value: dict[str, float], sign: str = "") -> str:
    low, middle, high = (f"{value[name]:{sign}.4f}" for name in ("low", "value", "high"))
    return f"{middle} [{low}, {high}]"


def _positive(kind: type) -> Any:
    def read(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not 0 < value < 1e6:
            raise ArgumentTypeError(f"{text}: must be above 0")
        return value

    return read
