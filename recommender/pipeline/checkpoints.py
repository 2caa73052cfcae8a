"""Checkpoints of a run in the artefact storage, so that any machine can go on where a lost worker stopped.

Training writes a folder per phase, replaced as a whole after every epoch. Each state is shipped under a name of its
own (`runs/<run>/<phase>/<epoch>/`), its history last: whoever takes the run over reads the newest state that has one.
"""

import contextlib
import json
import logging
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from django.core.files import File
from django.core.files.storage import FileSystemStorage

from recommender.models import TrainingRun
from recommender.pipeline.artefacts import artefact_storage
from recommender.pipeline.heartbeat import Heartbeat

logger = logging.getLogger(__name__)

STATE: Final = "state.safetensors"
HISTORY: Final = "history.json"
MARK: Final = "run.json"
WATCH_SECONDS: Final = 1.0


def read_history(checkpoint: Path) -> dict[str, list[dict[str, Any]]]:
    """Return what happened in each epoch of each phase, from the folder that training writes."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(checkpoint.glob(f"*/{HISTORY}")):
        with contextlib.suppress(OSError, ValueError, KeyError):  # being replaced: next time
            history = json.loads(path.read_text(encoding="utf-8"))["history"]
            metrics = history["metrics"]
            found[path.parent.name] = [
                {
                    "loss": finite(loss),
                    "metric": finite(metrics[place]) if place < len(metrics) else None,
                }
                for place, loss in enumerate(history["losses"])
            ]
    return {phase: rows for phase, rows in found.items() if not phase.endswith((".new", ".old"))}


def finite(value: float | None) -> float | None:
    """`value`, or None where it is no finite number, which JSON cannot carry."""
    return value if value is not None and math.isfinite(value) else None


class Courier:
    """Ships the phases of one run that have changed since they were last shipped.

    While its `heartbeat` is entered, a thread of its own does so, so that a slow storage delays neither training nor lease.
    `may_ship` is asked before each phase: a worker that lost the run leaves its successor's checkpoints alone.
    """

    def __init__(
        self, run_id: int, checkpoint: Path, *, may_ship: Callable[[], bool] = lambda: True
    ) -> None:
        self._root = f"runs/{run_id}"
        self._checkpoint = checkpoint
        self._may_ship = may_ship
        self._shipped: dict[str, int] = {}
        self.heartbeat = Heartbeat(self.ship, name=f"courier-{run_id}", every=WATCH_SECONDS)

    def ship(self) -> None:
        """Bring the storage up to date. Raises nothing: an epoch that isn't shipped is trained again at worst."""
        for phase, rows in read_history(self._checkpoint).items():
            epoch = len(rows)
            if epoch > self._shipped.get(phase, 0) and self._may_ship():
                try:
                    self._send(phase, epoch)
                except Exception as error:
                    logger.warning(
                        "checkpoint not shipped", extra={"run": self._root, "error": str(error)}
                    )
                    continue
                self._shipped[phase] = epoch

    def _send(self, phase: str, epoch: int) -> None:
        storage = artefact_storage()
        folder = self._checkpoint / phase
        target = f"{self._root}/{phase}/{epoch}"
        with (folder / HISTORY).open("rb") as history, (folder / STATE).open("rb") as state:
            if len(json.loads(history.read())["history"]["losses"]) != epoch:
                return  # replaced between the two readings: its turn comes
            history.seek(0)
            mark = self._checkpoint / MARK
            if mark.is_file() and not storage.exists(f"{self._root}/{MARK}"):
                with mark.open("rb") as content:
                    storage.save(f"{self._root}/{MARK}", File(content))
            _delete_state(target)
            storage.save(f"{target}/{STATE}", File(state))
            storage.save(f"{target}/{HISTORY}", File(history))
        for older in _epochs(f"{self._root}/{phase}"):
            if older < epoch:
                _delete_state(f"{self._root}/{phase}/{older}")


def fetch_checkpoint(run_id: int, folder: Path) -> bool:
    """Bring the newest shipped state of each phase into `folder`, and return whether there was one."""
    root, storage = f"runs/{run_id}", artefact_storage()
    shutil.rmtree(folder, ignore_errors=True)
    if not storage.exists(f"{root}/{MARK}"):
        return False
    folder.mkdir(parents=True)
    _download(f"{root}/{MARK}", folder / MARK)
    for phase in storage.listdir(root)[0]:
        complete = [
            epoch
            for epoch in _epochs(f"{root}/{phase}")
            if storage.exists(f"{root}/{phase}/{epoch}/{HISTORY}")
        ]
        if complete:
            (folder / phase).mkdir()
            for file in (STATE, HISTORY):
                _download(f"{root}/{phase}/{max(complete)}/{file}", folder / phase / file)
    return True


def delete_checkpoint(run_id: int) -> None:
    """Remove what was shipped of a run that is finished."""
    root, storage = f"runs/{run_id}", artefact_storage()
    with contextlib.suppress(OSError):
        for phase in storage.listdir(root)[0]:
            for epoch in _epochs(f"{root}/{phase}"):
                _delete_state(f"{root}/{phase}/{epoch}")
        storage.delete(f"{root}/{MARK}")
    if isinstance(storage, FileSystemStorage):
        shutil.rmtree(storage.path(root), ignore_errors=True)


def delete_stale_checkpoints() -> None:
    """Remove what was shipped of runs that are finished: a worker that had lost its run may have shipped once more.

    Raises nothing: the next run tries again.
    """
    try:
        shipped = {int(name) for name in artefact_storage().listdir("runs")[0] if name.isdigit()}
        finished = TrainingRun.objects.filter(pk__in=shipped).exclude(
            status__in=TrainingRun.UNFINISHED
        )
        for run in finished.values_list("pk", flat=True):
            delete_checkpoint(run)
    except FileNotFoundError:
        return
    except Exception as error:
        logger.warning("old checkpoints not removed", extra={"error": str(error)})


def _epochs(folder: str) -> list[int]:
    try:
        names = artefact_storage().listdir(folder)[0]
    except FileNotFoundError:
        return []
    return sorted(int(name) for name in names if name.isdigit())


def _delete_state(target: str) -> None:
    storage = artefact_storage()
    for file in (HISTORY, STATE):
        with contextlib.suppress(OSError):
            storage.delete(f"{target}/{file}")
    if isinstance(storage, FileSystemStorage):
        shutil.rmtree(storage.path(target), ignore_errors=True)


def _download(name: str, target: Path) -> None:
    with artefact_storage().open(name, "rb") as source, target.open("wb") as copy:
        for chunk in source.chunks(1 << 20):
            copy.write(chunk)
