"""Command line: measures the core on a data folder and writes a JSON report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from recommender.core.crew import help_out, joined
from recommender.core.device import pick
from recommender.core.errors import CoreError
from recommender.core.measure_common import Options
from recommender.core.measure_next_item import measure_next_item
from recommender.core.measure_reweight import measure_reweight
from recommender.core.measure_success import measure_success
from recommender.core.next_item import help_train
from recommender.core.threads import choose_threads


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when the report is complete, 2 with one line on stderr for input that cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m recommender.core", description=__doc__)
    tasks = parser.add_subparsers(dest="task", required=True)
    for name, text in (
        ("next-item", "rank the whole catalogue for each learner's held-out item"),
        ("success", "predict each held-out learner's answers"),
        ("reweight", "replay ratings: what feedback changes for the better"),
    ):
        task = tasks.add_parser(name, help=text, description=text)
        task.add_argument("data", type=Path, metavar="DATA_DIR", help="folder of CSV files")
        task.add_argument("--json", type=Path, required=True, metavar="OUT", help="report to write")
        task.add_argument(
            "--minutes", type=_minutes, default=30.0, help="bound of the whole command"
        )
        task.add_argument("--seed", type=int, default=0)
        task.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
        task.add_argument("--save", type=Path, metavar="DIR", help="keep the trained version here")
        task.add_argument(
            "--threads", type=int, help="CPU threads; measured at the start where not given"
        )
    options = parser.parse_args(arguments)
    try:
        if not options.json.absolute().parent.is_dir():
            raise CoreError(f"--json {options.json}: no such folder")
        if options.json.is_dir():
            raise CoreError(f"--json {options.json}: is a folder")
        pick(options.device)
        with joined() as crew:
            # Processes beside each other share the cores already.
            measured = options.threads is None and crew.size == 1
            torch.set_num_threads(choose_threads() if measured else max(1, options.threads or 1))
            if crew.leads:
                _measure(options)
            else:
                help_out(help_train)
    except (CoreError, OSError, ValueError) as error:
        sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return 130
    return 0


def _measure(options: argparse.Namespace) -> None:
    run = {
        "next-item": measure_next_item,
        "success": measure_success,
        "reweight": measure_reweight,
    }[options.task]
    run(
        Options(
            data=options.data,
            out=options.json,
            minutes=options.minutes,
            seed=options.seed,
            device=options.device,
            save=options.save,
        )
    )


def _minutes(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("must be positive")
    return value
