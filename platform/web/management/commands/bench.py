"""`manage.py bench`: the platform's costs as ratios, on embedded servers and data of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from argparse import SUPPRESS, ArgumentParser
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from common.embedded import discard
from common.servers import ROOT, ensure_servers
from django.core.management.base import BaseCommand, CommandError

_FOREIGN = ("DATABASE_URL", "DATABASE_URL_FILE", "REDIS_URL", "REDIS_URL_FILE")


class Command(BaseCommand):
    help = (
        "Measure the platform beside the least that this machine could do: reading a slate, taking in events, "
        "refreshing, with and without attention profiles, event to newer slate under load, memory. "
        "Uses servers and data of its own, which are deleted "
        "afterwards; whatever DATABASE_URL or ATTUNE_HOME name is left alone."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", type=Path, help="write the report to this file")
        parser.add_argument("--quick", action="store_true", help="about 2 minutes instead of 4")
        parser.add_argument(
            "--full",
            action="store_true",
            help="also at 10 million events (half an hour, 6 GB of disk)",
        )
        # Given to itself: the second process measures, in a home that the first one deletes.
        parser.add_argument("--home", type=Path, help=SUPPRESS)

    def handle(self, **options: Any) -> None:
        if options["home"] is not None:
            self._measure(options)
            return
        if options["json"] is not None and not options["json"].resolve().parent.is_dir():
            raise CommandError(f"--json: {options['json'].parent} is not a folder")
        signal.signal(signal.SIGTERM, _leave)
        home = Path(tempfile.mkdtemp(prefix="attune-bench-"))
        try:
            code = subprocess.run(  # noqa: S603  it starts itself
                [sys.executable, str(ROOT / "manage.py"), *sys.argv[1:], "--home", str(home)],
                env=_build_environment(home),
                check=False,
            ).returncode
        finally:
            discard(home)
            shutil.rmtree(home, ignore_errors=True)
        if code:
            raise CommandError("the measurement did not finish", returncode=code)

    def _measure(self, options: dict[str, Any]) -> None:
        # torch and the pipeline come only with the process that measures.
        from web.management.bench.course import Plan, measure
        from web.management.bench.report import render

        started = time.monotonic()

        def say(message: str) -> None:
            self.stderr.write(f"[{time.monotonic() - started:5.0f} s] {message}")

        say("embedded servers")
        ensure_servers()
        plan = Plan.choose(quick=options["quick"], full=options["full"])
        report = measure(options["home"], plan, say, quick=options["quick"])
        if options["json"] is not None:
            options["json"].write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        self.stdout.write(render(report))


def _build_environment(home: Path) -> dict[str, str]:
    """One thread for both sides of each pair, as the workers have it."""
    kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    return {**kept, "ATTUNE_HOME": str(home), "ATTUNE_DEMO": "0", "OMP_NUM_THREADS": "1"}


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)
