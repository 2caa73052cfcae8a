"""Folders in which runs and the gate work, and what killed processes left of them."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from django.conf import settings

from recommender.models import TrainingRun

ABANDONED_SECONDS: Final = 6 * 3600.0
"""A folder of the gate that is as old as this is no longer worked in."""


def work_folder(run: TrainingRun) -> Path:
    """Where a worker keeps the log and checkpoints of its try at a run; every try has its own."""
    return _root() / f"{run.pk}-{run.takeovers}"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="gate-", dir=_root()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers() -> None:
    """Delete what killed processes left on this machine: it holds copies of learners' events."""
    running = {
        f"{run}-{takeovers}"
        for run, takeovers in TrainingRun.objects.filter(
            status=TrainingRun.Status.RUNNING
        ).values_list("pk", "takeovers")
    }
    for folder in _root().iterdir():
        age = time.time() - folder.stat().st_mtime
        in_use = (
            age < ABANDONED_SECONDS if folder.name.startswith("gate-") else folder.name in running
        )
        if not in_use:
            shutil.rmtree(folder, ignore_errors=True)


def _root() -> Path:
    folder = Path(settings.ATTUNE_HOME) / "training"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
