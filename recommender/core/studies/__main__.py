"""Command line of the studies: a Markdown table on stdout, a progress bar on stderr."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from recommender.core.errors import CoreError
from recommender.core.measure_common import progress_bar
from recommender.core.studies import (
    ablation,
    calibration,
    cold_start,
    fairness,
    faithfulness,
    placement,
    policy_value,
    quantisation,
    reweight,
    robustness,
    scale,
    seeds,
    speed,
    success,
)
from recommender.core.studies.workbench import Workbench

STUDIES = {
    "cold-start": (cold_start.run, "items nobody has touched, learners nobody has met"),
    "robustness": (robustness.run, "quality when the training rows are noisy"),
    "seeds": (seeds.run, "several seeds against every baseline, paired over learners"),
    "success": (success.run, "predicted success: seeds, calibration, exercises without answers"),
    "speed": (speed.run, "what scoring costs, up to a million items"),
    "quantisation": (quantisation.run, "what int8 weights and fewer heads would cost and gain"),
    "calibration": (calibration.run, "attention gone wrong: who notices, and what repairs it"),
    "fairness": (fairness.run, "predicted success by parts of the learners: whom it misjudges"),
    "faithfulness": (faithfulness.run, "whether the events that reasons name are those that count"),
    "reweight": (reweight.run, "what feedback gains: several seeds, paired over learners"),
    "ablation": (ablation.run, "what each part is worth, on validation"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """0, or 2 with one line on stderr for input that cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m recommender.core.studies", description=__doc__)
    studies = parser.add_subparsers(dest="study", required=True)
    for name, (_, text) in STUDIES.items():
        study = studies.add_parser(name, help=text, description=text)
        study.add_argument("data", type=Path, metavar="DATA_DIR")
        study.add_argument("--minutes", type=float, default=15.0, help="bound of each training run")
        study.add_argument("--epochs", type=int, help="of each training run, at most")
        study.add_argument(
            "--seed",
            type=int,
            action="append",
            help="repeatable for `seeds`, `success`, `reweight`",
        )
        if name in ("calibration", "faithfulness"):
            study.add_argument(
                "--version", type=Path, metavar="DIR", help="use this version, trained on DATA_DIR"
            )
        study.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    text = "what training costs up to 100 million generated interactions"
    studies.add_parser("scale", help=text, description=text)
    text = "whether intervals of policy values cover the truth, on generated logs"
    judged = studies.add_parser("policy-value", help=text, description=text)
    judged.add_argument("--runs", type=int, default=policy_value.RUNS, help="logs of each kind")
    judged.add_argument("--seed", type=int, default=0)
    text = "whether placement's questions tell more than random ones, on simulated learners"
    placed = studies.add_parser("placement", help=text, description=text)
    placed.add_argument("--learners", type=int, default=placement.LEARNERS)
    placed.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if options.study == "scale":
        sys.stdout.write(scale.run())
        return 0
    if options.study == "policy-value":
        with progress_bar() as bar:
            text = policy_value.run(runs=max(1, options.runs), seed=options.seed, bar=bar)
        sys.stdout.write(text)
        return 0
    if options.study == "placement":
        with progress_bar() as bar:
            text = placement.run(learners=max(2, options.learners), seed=options.seed, bar=bar)
        sys.stdout.write(text)
        return 0
    try:
        with progress_bar() as bar:
            bench = Workbench.open(
                options.data,
                minutes=options.minutes,
                epochs=options.epochs,
                seeds=tuple(
                    options.seed
                    or ((0, 1, 2) if options.study in ("seeds", "success", "reweight") else (0,))
                ),
                device=options.device,
                bar=bar,
                version=getattr(options, "version", None),
            )
            text = STUDIES[options.study][0](bench)
    except (CoreError, OSError, ValueError) as error:
        sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
        return 2
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
