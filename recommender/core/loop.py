"""The training loop: it knows nothing of the model it trains.

Weights are averaged over steps (Polyak & Juditsky, 1992); the average is what is validated and kept.
Every epoch has its own random stream, so a run resumed from its last checkpoint ends in the same
weights as one that was never interrupted.
"""

from __future__ import annotations

import copy
import json
import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from recommender.core.crew import ALONE, EPOCH, STEP, Crew
from recommender.core.device import autocast
from recommender.core.errors import Cancelled
from recommender.core.progress import Progress

T = TypeVar("T")


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train."""

    epochs: int
    patience: int  # epochs without a better validation before it ends
    rate: float
    decay: float
    average: float
    seed: int
    seconds: float  # no epoch begins that would probably end later; the running one is cut off


@dataclass
class History:
    """What happened so far; part of the checkpoint."""

    epoch: int = 0
    passes: float = 0.0  # over the data: less than the epochs where time cut one short
    best: float = -math.inf
    best_epoch: int = 0
    spent: float = 0.0
    done: bool = False
    losses: list[float] = field(default_factory=list)
    metrics: list[float] = field(default_factory=list)


class Loop(Generic[T]):
    """Trains `model` in place; afterwards it holds the best averaged weights."""

    def __init__(
        self,
        model: nn.Module,
        schedule: Schedule,
        *,
        phase: str,
        checkpoint: Path | None,
        on_progress: Callable[[Progress], None],
        should_stop: Callable[[], bool],
        crew: Crew = ALONE,
    ) -> None:
        self.model = model
        self.crew = crew
        self.schedule = schedule
        self.phase = phase
        self.folder = checkpoint / phase if checkpoint is not None else None
        self.on_progress = on_progress
        self.should_stop = should_stop
        self.optimiser = torch.optim.AdamW(
            groups(model, schedule.decay), lr=schedule.rate, betas=(0.9, 0.98), foreach=True
        )
        self.average = copy.deepcopy(model).eval()
        self.best: dict[str, Tensor] = {}
        self.history = History()
        self.steps = 0

    def run(
        self,
        batches: Callable[[torch.Generator], Sequence[T]],
        loss_of: Callable[[T], Tensor],
        validate: Callable[[nn.Module], float | None],
    ) -> History:
        """`validate` gives a figure to maximise, or None where there is nothing to validate on."""
        self._resume()
        while not self.history.done and self.history.epoch < self.schedule.epochs:
            self._epoch(batches, loss_of, validate)
            self._save()
        if self.best:
            self.model.load_state_dict(self.best)
        self.model.eval()
        return self.history

    def _epoch(
        self,
        batches: Callable[[torch.Generator], Sequence[T]],
        loss_of: Callable[[T], Tensor],
        validate: Callable[[nn.Module], float | None],
    ) -> None:
        began = time.monotonic()
        history = self.history
        seed = self.schedule.seed * 100_003 + history.epoch
        torch.manual_seed(seed)
        self.crew.signal(EPOCH, seed)
        todo = self.crew.steps(batches(torch.Generator().manual_seed(seed)))
        total, done, metric = 0.0, 0, history.metrics[-1] if history.metrics else None
        self.model.train()
        for step, batch in enumerate(todo):
            if self.should_stop():
                raise Cancelled(f"stopped in epoch {history.epoch + 1} of {self.phase}")
            self.crew.signal(STEP)
            self.crew.send(self.model)
            with autocast(self.model):
                loss = loss_of(batch)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.crew.gather(self.model)
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimiser.step()
            self.steps += 1
            self._follow()
            total += loss.item()
            done += 1
            late = history.spent + time.monotonic() - began > self.schedule.seconds
            if step % 20 == 0 or step == len(todo) - 1:
                left = self._left(began, (step + 1) / max(len(todo), 1))
                self._tell(total / (step + 1), metric, left, step + 1, len(todo))
            if late:
                break
        history.losses.append(total / max(done, 1))
        found = validate(self.average)
        history.epoch += 1
        history.passes += done / max(len(todo), 1)
        if found is None or found > history.best:
            history.best = history.best if found is None else found
            history.best_epoch = history.epoch
            self.best = {k: v.detach().clone() for k, v in self.average.state_dict().items()}
        if found is not None:
            history.metrics.append(found)
        history.spent += time.monotonic() - began
        mean = history.spent / history.epoch
        history.done = (
            history.epoch - history.best_epoch >= self.schedule.patience
            or history.spent + mean > self.schedule.seconds
        )
        self._tell(history.losses[-1], found, self._left(time.monotonic(), 0), len(todo), len(todo))

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the average; early on it follows faster, so that it never holds the first weights."""
        decay = min(self.schedule.average, (1 + self.steps) / (10 + self.steps))
        for kept, new in zip(self.average.parameters(), self.model.parameters(), strict=True):
            kept.lerp_(new, 1 - decay)
        for held, now in zip(self.average.buffers(), self.model.buffers(), strict=True):
            held.copy_(now)

    def _left(self, began: float, part: float) -> float:
        """Seconds left at most: patience usually ends the phase earlier."""
        spent = self.history.spent + (time.monotonic() - began)
        epochs = self.history.epoch + part
        if epochs <= 0:
            return self.schedule.seconds
        by_epochs = spent / epochs * (self.schedule.epochs - epochs)
        return max(0.0, min(by_epochs, self.schedule.seconds - spent))

    def _tell(
        self, loss: float | None, metric: float | None, left: float, step: int, steps: int
    ) -> None:
        epoch = min(self.history.epoch + 1, self.schedule.epochs)
        self.on_progress(
            Progress(self.phase, epoch, self.schedule.epochs, loss, metric, left, step, steps)
        )

    def _save(self) -> None:
        if self.folder is None:
            return
        tensors: dict[str, Tensor] = {}
        for prefix, state in (
            ("model", self.model.state_dict()),
            ("average", self.average.state_dict()),
            ("best", self.best),
        ):
            tensors |= {f"{prefix}/{name}": value.contiguous() for name, value in state.items()}
        for number, entry in self.optimiser.state_dict()["state"].items():
            for name, value in entry.items():
                tensors[f"optimiser/{number}/{name}"] = torch.as_tensor(value).contiguous()
        fresh = self.folder.with_name(f"{self.folder.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        save_file({k: v.cpu().clone() for k, v in tensors.items()}, fresh / "state.safetensors")
        record = {"steps": self.steps, "history": vars(self.history)}
        (fresh / "history.json").write_text(json.dumps(record), encoding="utf-8")
        old = self.folder.with_name(f"{self.folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if self.folder.exists():
            self.folder.rename(old)
        fresh.replace(self.folder)
        shutil.rmtree(old, ignore_errors=True)

    def _resume(self) -> None:
        if self.folder is None:
            return
        old = self.folder.with_name(f"{self.folder.name}.old")
        if not self.folder.exists() and old.exists():
            old.rename(self.folder)  # killed between the two renames of _save
        if not (self.folder / "history.json").is_file():
            return
        record = json.loads((self.folder / "history.json").read_text(encoding="utf-8"))
        self.history = History(**record["history"])
        self.steps = int(record["steps"])
        tensors = load_file(self.folder / "state.safetensors")
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "best": {}}
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            prefix, name = key.split("/", 1)
            if prefix == "optimiser":
                number, entry = name.split("/", 1)
                state.setdefault(int(number), {})[entry] = value
            else:
                parts[prefix][name] = value
        self.model.load_state_dict(parts["model"])
        self.average.load_state_dict(parts["average"])
        self.best = parts["best"]
        self.optimiser.load_state_dict(
            {"state": state, "param_groups": self.optimiser.state_dict()["param_groups"]}
        )


def groups(model: nn.Module, decay: float) -> list[dict[str, object]]:
    """Parameter groups: weight decay on matrices only, not on tables, norms and biases."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            (matrices if isinstance(module, nn.Linear) else others).append(parameter)
    return [
        {"params": matrices, "weight_decay": decay},
        {"params": others, "weight_decay": 0.0},
    ]
