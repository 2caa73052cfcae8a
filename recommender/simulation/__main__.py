"""Fit the simulator to answers, show how its worlds behave in classic experiments, or tell what each term is worth."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from recommender.core.errors import CoreError
from recommender.core.measure_common import progress_bar
from recommender.core.report import write_json
from recommender.simulation.fitting import fit_folder
from recommender.simulation.jobs import WITHOUT
from recommender.simulation.moments import distance, fit_practice, with_parameters
from recommender.simulation.validation import GAPS, INTERVALS, practice_curve, spacing
from recommender.simulation.world import SHIPPED, list_shipped, load_world


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when the report is written, 2 with one line on stderr for input that cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m recommender.simulation", description=__doc__)
    tasks = parser.add_subparsers(dest="task", required=True)
    fit = tasks.add_parser("fit", help="slip, guess and learning from answers by concept")
    fit.add_argument("data", type=Path, metavar="DATA_DIR")
    fit.add_argument("--world", type=Path, default=SHIPPED / "fading.json")
    validate = tasks.add_parser("validate", help="spacing and practice in each world")
    validate.add_argument("--world", type=Path, action="append")
    effects = tasks.add_parser(
        "effects", help="what each term is worth, from a report of `simulate`"
    )
    effects.add_argument("report", type=Path, metavar="REPORT.json")
    effects.add_argument("--measured", required=True, metavar="DATE", help="when, YYYY-MM-DD")
    for task in (fit, validate, effects):
        task.add_argument("--json", type=Path, required=True, metavar="OUT", help="report to write")
    options = parser.parse_args(arguments)
    try:
        if not options.json.absolute().parent.is_dir():
            raise CoreError(f"--json {options.json}: no such folder")
        write_json(options.json, _TASKS[options.task](options))
    except (CoreError, OSError) as error:
        sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
        return 2
    return 0


def _fit(options: argparse.Namespace) -> dict[str, Any]:
    world = load_world(options.world)
    with progress_bar() as bar:
        bar.stage("knowledge tracing")
        found = fit_folder(options.data, on_step=bar.steps)
        bar.stage("simulated moments")
        practice = fit_practice(world, found["fitted_on"], on_step=bar.steps)
    told = found["held_out"]
    if told is not None:
        values = tuple(value for name, value in practice.items() if name != "distance")
        practice["distance_held_out"] = distance(with_parameters(world, values), told, seed=1)
    return {"task": "fit", **found, "simulator": practice}


def _validate(options: argparse.Namespace) -> dict[str, Any]:
    worlds: dict[str, Any] = {}
    for path in options.world or list_shipped():
        world = load_world(path)
        recall, curve = spacing(world), practice_curve(world)
        worlds[world.name] = {
            "best_gap_days": {
                str(int(interval)): GAPS[best]
                for interval, best in zip(INTERVALS, recall.argmax(1).tolist(), strict=True)
            },
            "spaced_over_massed": {
                str(int(interval)): row.max() / row[0]
                for interval, row in zip(INTERVALS, recall, strict=True)
            },
            "power_law_r2": curve.power,
            "exponential_r2": curve.exponential,
            "errors": curve.errors.tolist(),
        }
    return {"task": "validate", "worlds": worlds}


def _effects(options: argparse.Namespace) -> dict[str, Any]:
    try:
        report = json.loads(options.report.read_text(encoding="utf-8"))
        told = {
            world: {
                policy: policies[policy]["diff_to_attune"]["knowledge_30d"] for policy in WITHOUT
            }
            for world, policies in report["worlds"].items()
        }
        asked = {name: report[name] for name in ("learners", "minutes", "seed")}
        return {"measured": str(date.fromisoformat(options.measured)), **asked, "worlds": told}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        wanted = ", ".join(("attune", *WITHOUT))
        raise CoreError(
            f"{options.report}: no report with the policies {wanted}: {error!r}"
        ) from error


_TASKS: Final = {"fit": _fit, "validate": _validate, "effects": _effects}

if __name__ == "__main__":
    sys.exit(main())
