"""Data-parallel training under ``torchrun``: one process leads, the others help it with gradients.

The leader alone reads the data folder, steps the optimiser, validates, keeps checkpoints and decides
when to stop. A helper opens the leader's training events memory-mapped, so nothing is held twice. Each
step the leader's weights go out and gradients come back, which moves as many bytes as an all-reduce and
leaves one copy of the optimiser's state. The batch of a step is the same whatever the number of
processes: each takes its part of it.
"""

from __future__ import annotations

import importlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn

from recommender.core.device import autocast
from recommender.core.events import EventLog

T = TypeVar("T")
PATIENCE = timedelta(hours=4)
"""How long a helper waits for the leader, who may be busy with baselines."""
STEP, EPOCH, END = 1, 2, 0


@dataclass(frozen=True)
class Crew:
    """The processes of one training run, and which of them this is."""

    rank: int = 0
    size: int = 1

    @classmethod
    def current(cls) -> Crew:
        if not (distributed.is_available() and distributed.is_initialized()):
            return cls()
        return cls(distributed.get_rank(), distributed.get_world_size())

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def part(self, tokens: int) -> int:
        """Events in this process's part of a batch."""
        return max(1, tokens // self.size)

    def steps(self, batches: Sequence[T]) -> list[T]:
        """What this process does of an epoch; all have equally many steps."""
        count = -(-len(batches) // self.size)
        return [batches[(step * self.size + self.rank) % len(batches)] for step in range(count)]

    def signal(self, kind: int, value: int = 0) -> None:
        """From the leader to the helpers: what comes next."""
        if self.size > 1:
            distributed.broadcast(torch.tensor([kind, value]), src=0)

    def send(self, model: nn.Module) -> None:
        """The leader's weights to everybody, before a step."""
        if self.size > 1:
            flat = _flat([p.detach() for p in model.parameters()])
            distributed.broadcast(flat, src=0)
            if not self.leads:
                _unflatten(flat, [p.data for p in model.parameters()])

    def gather(self, model: nn.Module) -> None:
        """The mean of everybody's gradients to the leader, after a step."""
        if self.size > 1:
            flat = _flat([torch.zeros_like(p) if p.grad is None else p.grad for p in _of(model)])
            distributed.reduce(flat, dst=0)
            if self.leads:
                for parameter in _of(model):
                    parameter.grad = torch.zeros_like(parameter)
                _unflatten(flat / self.size, [p.grad for p in _of(model) if p.grad is not None])


ALONE = Crew()


@contextmanager
def joined() -> Iterator[Crew]:
    """The crew that ``torchrun`` started, or a crew of one. The leader's end dismisses the helpers."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        yield ALONE
        return
    # Its functions keep the group that is there when they are imported, and an optimiser imports them:
    # a group that outlives its end has threads that abort the process.
    importlib.import_module("torch.distributed.nn")
    distributed.init_process_group(timeout=PATIENCE)
    crew = Crew.current()
    try:
        yield crew
    finally:
        if crew.leads:
            _announce(None)
        distributed.destroy_process_group()


@dataclass(frozen=True)
class Job:
    """What a helper needs to compute gradients."""

    rows: int
    text_width: int
    model: dict[str, Any]  # of ModelConfig
    training: dict[str, Any]  # of TrainConfig
    device: str
    folder: str = ""


@contextmanager
def enlisted(
    model: nn.Module, log: EventLog, arrays: Mapping[str, NDArray[np.generic] | None], job: Job
) -> Iterator[Crew]:
    """Helpers work with this model while the block runs; without helpers nothing happens.

    `arrays` are what they need besides the events of `log`; the job's folder is filled in here.
    """
    crew = Crew.current()
    if crew.size == 1:
        yield crew
        return
    with tempfile.TemporaryDirectory(prefix="attune-crew-") as folder:
        log.save(Path(folder))
        for name, values in arrays.items():
            if values is not None:
                np.save(Path(folder) / f"{name}.npy", values, allow_pickle=False)
        _announce(replace(job, folder=folder))
        for buffer in model.buffers():
            distributed.broadcast(buffer.data, src=0)
        try:
            yield crew
        finally:
            crew.signal(END)
            distributed.barrier()  # nobody reads the folder any more


def array(job: Job, name: str) -> NDArray[np.generic] | None:
    """What `enlisted` was given under this name."""
    path = Path(job.folder) / f"{name}.npy"
    found: NDArray[np.generic] | None = np.load(path, allow_pickle=False) if path.exists() else None
    return found


def _announce(job: Job | None) -> None:
    distributed.broadcast_object_list([None if job is None else json.dumps(asdict(job))], src=0)


def help_out(work: Callable[[Job, Crew], None]) -> None:
    """A helper's life: one job after the other, until the leader is done."""
    crew = Crew.current()
    while True:
        told: list[str | None] = [None]
        distributed.broadcast_object_list(told, src=0)
        if told[0] is None:
            return
        work(Job(**json.loads(told[0])), crew)
        distributed.barrier()


def follow(
    model: nn.Module,
    batches: Callable[[torch.Generator], Sequence[T]],
    loss_of: Callable[[T], Tensor],
    crew: Crew,
) -> None:
    """A helper's part of `Loop`: gradients of its batches, at the leader's weights."""
    for buffer in model.buffers():
        distributed.broadcast(buffer.data, src=0)
    model.train()
    todo: list[T] = []
    step = 0
    while True:
        told = torch.zeros(2, dtype=torch.long)
        distributed.broadcast(told, src=0)
        kind, value = told.tolist()
        if kind == END:
            return
        if kind == EPOCH:
            torch.manual_seed(value + crew.rank)
            todo, step = crew.steps(batches(torch.Generator().manual_seed(value))), 0
            continue
        crew.send(model)
        model.zero_grad(set_to_none=True)
        with autocast(model):
            loss = loss_of(todo[step])
        loss.backward()  # type: ignore[no-untyped-call]
        crew.gather(model)
        step += 1


def _of(model: nn.Module) -> list[nn.Parameter]:
    return list(model.parameters())


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([t.reshape(-1) for t in tensors])


def _unflatten(flat: Tensor, into: Sequence[Tensor]) -> None:
    parts = torch.split(flat, [t.numel() for t in into])
    for part, target in zip(parts, into, strict=True):
        target.copy_(part.view_as(target))
