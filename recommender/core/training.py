"""One training run: from events to a model version on disk."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recommender import core
from recommender.core import metrics
from recommender.core.artefact import Manifest, Names, write_artefact
from recommender.core.beside import beside_rows
from recommender.core.catalogue import Catalogue
from recommender.core.config import TrainConfig
from recommender.core.device import pick
from recommender.core.errors import BadDataError, Cancelled
from recommender.core.evaluation import Cases, rank_cases
from recommender.core.events import EventLog
from recommender.core.fitting import fit_linear, fit_mixture
from recommender.core.linear import ItemWeights
from recommender.core.loop import Loop, Schedule
from recommender.core.mixture import Mixture
from recommender.core.model import NextItemModel
from recommender.core.next_item import NextItemTask, Window
from recommender.core.parts import Parts
from recommender.core.progress import Progress
from recommender.core.reference import fit_reference
from recommender.core.rules import batch_tokens, choose_model, most_epochs
from recommender.core.serving import BoundRecommender, Recommender
from recommender.core.split import Split, hold_out
from recommender.core.success import SuccessConfig, SuccessModel
from recommender.core.success_training import Chunk, SuccessTask, area
from recommender.core.warm_start import start_from as continue_from

MIN_ANSWERS = 20
"""With fewer answers there is no success head."""
FEW_CASES = 2000
"""With fewer validation cases their mean jumps so much that patience is doubled."""
LINEAR_SHARE, MIXTURE_SHARE = 0.15, 0.05
"""Parts of the time that fitting the linear part and the mixture may take."""
MEASURE_CELLS = 100_000_000
"""Validation cases times catalogue rows of the final figures, at most."""


def measured_cases(split: Split, rows: int, config: TrainConfig) -> Cases:
    """The validation cases that the figures of a version come from, of a catalogue of so many rows."""
    cells = int(MEASURE_CELLS * min(1.0, config.minutes / 10))
    return split.valid.sample(max(200, cells // rows), config.seed)


@dataclass(frozen=True)
class TrainResult:
    artefact: Path
    metrics: dict[str, float]
    chosen: dict[str, object]
    seconds: float
    interactions_per_second: float
    parameters: int


def train(
    log: EventLog,
    catalogue: Catalogue,
    *,
    config: TrainConfig,
    out: Path,
    checkpoint: Path | None,
    start_from: Path | None,
    on_progress: Callable[[Progress], None],
    should_stop: Callable[[], bool],
    device: str = "auto",
    split: Split | None = None,
    weights: ItemWeights | None = None,
) -> TrainResult:
    """Train on a log and write a version to `out`.

    Resumes from `checkpoint` if that folder holds the state of an earlier try, with the same result as
    a run that was never interrupted. `start_from` continues from the weights of another version;
    `weights` are those of the split's training events, where the caller has them already.
    Raises Cancelled when `should_stop()` becomes true, BadDataError where there is nothing to learn,
    OSError where the version cannot be written.
    """
    return _Run(
        log,
        catalogue,
        config,
        out,
        checkpoint,
        start_from,
        on_progress,
        should_stop,
        device,
        split,
        weights,
    ).go()


def train_success(
    log: EventLog,
    catalogue: Catalogue,
    *,
    config: TrainConfig,
    split: Split,
    on_progress: Callable[[Progress], None],
    device: str = "auto",
) -> tuple[SuccessModel, TrainResult]:
    """The success head alone, for measuring it; nothing is written."""
    began = time.monotonic()
    run = _Run(
        log, catalogue, config, Path(), None, None, on_progress, lambda: False, device, split
    )
    chosen: dict[str, object] = {}
    head, found = run.success(config.minutes * 60, chosen)
    parameters = sum(p.numel() for p in head.parameters())
    spent = time.monotonic() - began
    return head, TrainResult(Path(), found, chosen, spent, run.seen / run.spent, parameters)


class _Run:
    def __init__(  # noqa: PLR0917 - the arguments of `train`
        self,
        log: EventLog,
        catalogue: Catalogue,
        config: TrainConfig,
        out: Path,
        checkpoint: Path | None,
        start_from: Path | None,
        on_progress: Callable[[Progress], None],
        should_stop: Callable[[], bool],
        device: str,
        split: Split | None,
        weights: ItemWeights | None = None,
    ) -> None:
        if int(np.max(log.item, initial=0)) >= catalogue.rows:
            raise BadDataError("an event names a row that the catalogue lacks")
        self.log, self.catalogue, self.config, self.out = log, catalogue, config, out
        self.checkpoint, self.start_from = checkpoint, start_from
        self.on_progress, self.should_stop = on_progress, should_stop
        self.device = pick(device)
        self.weights = weights
        self.split = split or hold_out(log, config)
        if not (np.asarray(self.split.train.item) > 0).any():
            raise BadDataError("no event of an item in the catalogue: nothing to learn from")
        self.model_config = config.model or choose_model(self.split.train)
        text = catalogue.text
        self.text = None if text is None else torch.from_numpy(np.array(text, dtype=np.float32))
        self.text_width = 0 if self.text is None else self.text.shape[1]
        self.old = Recommender.load(start_from, device="cpu") if start_from is not None else None
        self.spent = 0.0
        self.seen = 0

    def go(self) -> TrainResult:
        began = time.monotonic()
        self._check_checkpoint()
        split = self.split
        chosen: dict[str, object] = {"model": asdict(self.model_config)}
        events = split.train.item_counts(self.catalogue.rows)
        candidates = torch.from_numpy(events > 0)
        candidates[0] = False
        self._tell("linear")
        (index, value), picked = fit_linear(
            split.train,
            self.catalogue.rows,
            valid_log=split.valid_log,
            valid=split.valid.sample(3000, self.config.seed),
            candidates=candidates,
            seconds=LINEAR_SHARE * self.config.minutes * 60,
            weights=self.weights,
            on_step=partial(self._step, "linear"),
        )
        chosen["linear"] = picked
        left = self.config.minutes * 60 - (time.monotonic() - began)
        answers = len(split.answers) >= MIN_ANSWERS and len(split.success_train) > 0
        model = self._attention(events, left * (0.6 if answers else 0.8), chosen)
        success, found = self.success(left * 0.25, chosen) if answers else (None, {})
        self._tell("mixture")
        parts = Parts(model, index, value, Mixture(), success)
        manifest = self._manifest(parts, chosen, {})
        names = Names(items=self.catalogue.keys, concepts=self.catalogue.concept_keys)
        bound = BoundRecommender(Recommender(manifest, names, parts, self.device), self.catalogue)
        mixed = fit_mixture(
            bound,
            (index, value),
            split.valid_log,
            split.valid,
            candidates,
            beside=beside_rows(split.train, self.catalogue, self.config.minutes),
            seed=self.config.seed,
            seconds=MIXTURE_SHARE * self.config.minutes * 60,
            on_step=partial(self._step, "mixture"),
        )
        parts = replace(parts, mixture=mixed.mixture, index=mixed.kept[0], value=mixed.kept[1])
        bound = BoundRecommender(Recommender(manifest, names, parts, self.device), self.catalogue)
        chosen["mixture"] = asdict(mixed.mixture) | mixed.beside
        step = partial(self._step, "calibration")
        left = self.config.minutes * 60 - (time.monotonic() - began)
        parts.calibration, told = fit_reference(bound, split.train, self.config, step, left=left)
        chosen |= told
        found |= self._measure(bound, candidates)
        self._stop_if_asked()
        self._tell("save")
        write_artefact(self.out, self._manifest(parts, chosen, found), names, parts.tensors())
        return TrainResult(
            artefact=self.out,
            metrics=found,
            chosen=chosen,
            seconds=time.monotonic() - began,
            interactions_per_second=self.seen / self.spent if self.spent else 0.0,
            parameters=self._parameters(parts),
        )

    def _attention(
        self, events: NDArray[np.int64], seconds: float, chosen: dict[str, object]
    ) -> NextItemModel:
        split = self.split
        config = replace(self.config, tokens=batch_tokens(self.config, len(split.train)))
        torch.manual_seed(config.seed)
        model = NextItemModel(self.catalogue.rows, self.text_width, self.model_config)
        model.items.count(torch.from_numpy(events), config.warm_events)
        if self.old is not None:
            continue_from(model, self.old, self.catalogue, "next_item")
        model.to(self.device)
        text = None if self.text is None else self.text.to(self.device)
        task = NextItemTask(
            model,
            split.train,
            text,
            config,
            valid_log=split.valid_log,
            valid=split.valid.sample(4000, config.seed),
            device=self.device,
            targets=split.targets,
        )
        epochs = most_epochs(config, len(split.train), blind=not len(split.valid))
        with task.helped() as crew:
            loop: Loop[Window] = Loop(
                model,
                replace(
                    self._schedule(epochs, seconds),
                    patience=config.patience * (2 if len(split.valid) < FEW_CASES else 1),
                ),
                phase="attention",
                checkpoint=self.checkpoint,
                on_progress=self.on_progress,
                should_stop=self.should_stop,
                crew=crew,
            )
            history = loop.run(task.batches, task.loss, task.validate)
        chosen |= {"processes": crew.size} if crew.size > 1 else {}
        if text is not None and not self.model_config.text_beside_id:
            model.items.learn_text(text)
        chosen["attention_epochs"] = history.best_epoch
        chosen["loss"] = "sampled softmax" if task.sampled else "full softmax"
        self.spent += history.spent
        self.seen += int(len(split.train) * history.passes)
        return model

    def success(
        self, seconds: float, chosen: dict[str, object]
    ) -> tuple[SuccessModel, dict[str, float]]:
        config, split = self.config, self.split
        torch.manual_seed(config.seed + 1)
        slots = torch.from_numpy(self.catalogue.concept_slots)
        model = SuccessModel(
            slots, len(self.catalogue.concept_keys), self.text_width, SuccessConfig()
        )
        if self.old is not None and self.old.parts.success is not None:
            continue_from(model, self.old, self.catalogue, "success")
        self._tell("answers")
        text = None if self.text is None else self.text.to(self.device)
        task = SuccessTask(
            model,
            split.answers,
            text,
            train=split.success_train,
            valid=split.success_valid,
            tokens=batch_tokens(config, len(split.answers)),
            device=self.device,
        )
        model.to(self.device)
        blind = not len(split.success_valid)
        loop: Loop[Chunk] = Loop(
            model,
            replace(
                self._schedule(5 if blind else config.success_epochs, seconds - task.overhead),
                rate=config.success_rate,
            ),
            phase="success",
            checkpoint=self.checkpoint,
            on_progress=self.on_progress,
            should_stop=self.should_stop,
        )
        history = loop.run(task.batches, task.loss, task.validate)
        chosen["success_epochs"] = history.best_epoch
        self.spent += history.spent
        self.seen += int(np.diff(split.answers.offsets)[split.success_train].sum() * history.passes)
        found = {}
        logits, rows = task.predict(model, split.success_valid)
        if len(rows):
            right = task.right[rows]
            found["auc"] = area(logits, right)
            found["log_loss"] = task.calibrate(logits, rows)
        return model, found

    def _measure(self, bound: BoundRecommender, candidates: Tensor) -> dict[str, float]:
        """Validation figures of the mixture; targets met by exploration are counted apart."""
        from recommender.core.scoring import scorer

        split = self.split
        if not len(split.valid):
            return {}
        score = scorer(bound, split.valid_log)

        def interruptible(who: NDArray[np.int64], end: NDArray[np.int64]) -> Tensor:
            self._stop_if_asked()
            return score(who, end)

        cases = measured_cases(split, self.catalogue.rows, self.config)
        ranks = rank_cases(interruptible, split.valid_log, cases, candidates)
        rows = split.valid_log.offsets[cases.learner] + cases.end
        explored = np.asarray(split.valid_log.explored[rows])
        found = {
            "ndcg@10": float(metrics.ndcg(ranks).mean()),
            "hr@10": float(metrics.hit(ranks).mean()),
            "cases": float(len(ranks)),
        }
        if explored.any():
            found["ndcg@10_explored"] = float(metrics.ndcg(ranks[explored]).mean())
            found["cases_explored"] = float(explored.sum())
        return found

    def _manifest(
        self, parts: Parts, chosen: dict[str, object], found: dict[str, float]
    ) -> Manifest:
        time_known = np.asarray(self.log.time)[np.isfinite(self.log.time)]
        return Manifest(
            core_version=core.__version__,
            torch_version=str(torch.__version__),
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            seed=self.config.seed,
            config=parts.config(),
            training=asdict(self.config),
            chosen=chosen,
            metrics=found,
            encoder=self.catalogue.encoder if self.text is not None else "",
            text_width=self.text_width,
            items=len(self.catalogue.keys),
            concepts=len(self.catalogue.concept_keys),
            learners=self.log.learners,
            events=len(self.log),
            window=(float(time_known.min()), float(time_known.max())) if len(time_known) else None,
        )

    def _schedule(self, epochs: int, seconds: float) -> Schedule:
        c = self.config
        return Schedule(epochs, c.patience, c.rate, c.decay, c.average, c.seed, seconds)

    def _parameters(self, parts: Parts) -> int:
        modules = [parts.next_item, *([parts.success] if parts.success is not None else [])]
        return sum(p.numel() for m in modules for p in m.parameters()) + parts.value.numel()

    def _tell(self, phase: str) -> None:
        self._step(phase, 0, 1)

    def _step(self, phase: str, done: int, of: int) -> None:
        """Tell of a phase that has steps and no epochs; ends the run where somebody asked."""
        self._stop_if_asked()
        self.on_progress(Progress(phase, 1, 1, None, None, None, done, of))

    def _stop_if_asked(self) -> None:
        if self.should_stop():
            raise Cancelled("stopped")

    def _check_checkpoint(self) -> None:
        """A checkpoint of other data or settings must not be continued."""
        if self.checkpoint is None:
            return
        self.checkpoint.mkdir(parents=True, exist_ok=True)
        mark = {
            "config": asdict(self.config),
            "events": len(self.log),
            "learners": self.log.learners,
            "last": float(np.nansum(np.asarray(self.log.item[-1000:], dtype=np.float64))),
            "items": [*self.catalogue.keys[-3:], len(self.catalogue.keys)],
            "encoder": self.catalogue.encoder,
        }
        path = self.checkpoint / "run.json"
        text = json.dumps(mark, sort_keys=True)
        if path.is_file() and path.read_text(encoding="utf-8") != text:
            raise BadDataError(f"{self.checkpoint}: the checkpoint is of another run")
        path.write_text(text, encoding="utf-8")
