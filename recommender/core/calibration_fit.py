"""Fitting the healthy reference of a version's attention on the learners it was trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from recommender.core import attention_faults as faults
from recommender.core import metrics
from recommender.core.attention_statistics import (
    MIN_EVENTS,
    Histories,
    entropy,
    how_usual,
    statistics,
)
from recommender.core.calibration import DETECTORS, Calibration
from recommender.core.detectors import (
    Autoencoder,
    Either,
    Exposed,
    RobustDistance,
    Standard,
    weighted_quantiles,
)
from recommender.core.errors import BadDataError
from recommender.core.events import EventLog
from recommender.core.features import Adjust, Batch, make_batch
from recommender.core.progress import OnStep, say_nothing
from recommender.core.serving import BoundRecommender, Watch

FALSE_ALARMS = 0.01
MOMENTS = 3
"""Of each learner that the reference is fitted on: now, and random earlier ones."""
LEARNERS = 2000
"""On which the reference is fitted, at most."""
FEWEST = 40
"""Learners with MIN_EVENTS events; with fewer there is no reference."""
HELD = 4
"""One learner in so many is kept to choose detector and threshold."""
HEALTHY = (0.05, 0.95)
"""Quantiles of entropy that bound its healthy range."""
MIDDLE = 1.0
AT_ONCE = 64


@dataclass(frozen=True)
class Sample:
    """Statistics of learners as they are and, under each fault, as they would be."""

    healthy: Tensor  # [N, S]
    length: Tensor  # [N]
    broken: Mapping[str, tuple[Tensor, Tensor]]  # the same of each fault
    flatness: Tensor  # [N, H] entropy as a part of that of equal shares
    positions: (
        Tensor  # [H, 1 + P] mean mass on the beginning, the last event, the one before it, ...
    )


@dataclass(frozen=True)
class Fitted:
    """The calibration with each detector, and how well each did on learners it was not fitted on."""

    detectors: Mapping[str, Calibration]  # with their own thresholds
    unshown: Mapping[
        str, Mapping[str, Calibration]
    ]  # the same not shown one kind, by name and kind
    area: Mapping[
        str, float
    ]  # mean area under ROC at middle severity, shown and not shown the fault

    @property
    def kept(self) -> Calibration:
        """The best one; the first wins ties."""
        return self.detectors[max(self.area, key=lambda name: self.area[name])]


def fit_calibration(
    bound: BoundRecommender,
    log: EventLog,
    learners: NDArray[np.integer],
    *,
    seed: int = 0,
    on_step: OnStep = say_nothing,
) -> Fitted:
    """The reference from three quarters of the `learners`; the others choose detector and threshold.

    A detector that was shown faults is judged half by kinds that it was not shown: those to come will be
    of that sort, too. Its steps: the moments looked at, then the detectors. Raises BadDataError where
    too few learners have a history to look at.
    """
    steps = 2 * MOMENTS + 2 + len(faults.FAULTS) + 1
    done = 0

    def tell(by: int = 0) -> None:
        nonlocal done
        done += by
        on_step(done, steps)

    rng = np.random.default_rng(seed)
    able = np.asarray(learners)[np.diff(log.offsets)[learners] >= MIN_EVENTS]
    if len(able) < FEWEST:
        raise BadDataError(f"calibration: {len(able)} learners with {MIN_EVENTS} events or more")
    able = rng.permutation(able)[:LEARNERS]
    held, rest = able[::HELD], np.delete(able, np.s_[::HELD])
    seen = sample(bound, log, rest, moments=MOMENTS, severity=None, seed=seed, tell=tell)
    judged = sample(bound, log, held, moments=MOMENTS, severity=MIDDLE, seed=seed + 1, tell=tell)
    standard = Standard.fit(seen.healthy, seen.length)
    healthy, fresh = (standard(part.healthy, part.length) for part in (seen, judged))
    columns = healthy.shape[1]

    def shown(kinds: Sequence[str]) -> Exposed:
        faulty = torch.cat([standard(*seen.broken[kind]) for kind in kinds])
        net = Exposed(columns).fit(healthy, faulty, seed)
        tell(1)
        return net

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        autoencoder = Autoencoder(columns).fit(healthy, seed)
        tell(1)
        exposed = shown(faults.FAULTS)
        blind = {k: shown([other for other in faults.FAULTS if other != k]) for k in faults.FAULTS}
    plain: dict[str, nn.Module] = {
        "autoencoder": autoencoder,
        "robust distance": RobustDistance(columns).fit(healthy, seed),
        "exposed": exposed,
        "either": Either(columns).fit(autoencoder, exposed, fresh),
    }
    blinds: dict[str, dict[str, nn.Module]] = {
        "exposed": {**blind},
        "either": {k: Either(columns).fit(autoencoder, net, fresh) for k, net in blind.items()},
    }
    found = {name: _finish(name, plain[name], seen, judged, standard) for name in DETECTORS}
    unshown = {
        name: {kind: _finish(name, net, seen, judged, standard) for kind, net in nets.items()}
        for name, nets in blinds.items()
    }
    tell(1)
    area = {}
    for name, (_, areas) in found.items():
        known = float(np.mean(list(areas.values())))
        others = [told[kind] for kind, (_, told) in unshown.get(name, {}).items()]
        area[name] = (known + float(np.mean(others))) / 2 if others else known
    return Fitted(
        {name: whole for name, (whole, _) in found.items()},
        {n: {kind: whole for kind, (whole, _) in told.items()} for n, told in unshown.items()},
        area,
    )


def _finish(
    name: str, detector: nn.Module, seen: Sample, judged: Sample, standard: Standard
) -> tuple[Calibration, dict[str, float]]:
    """One detector with its threshold, and its area under ROC for each fault."""
    whole = _assemble(name, seen, standard, detector)
    with torch.no_grad():
        score = whole.score(judged.healthy, judged.length)
        whole.threshold.copy_(score.double().quantile(1 - FALSE_ALARMS))
        areas = {k: area_of(whole, score, *broken) for k, broken in judged.broken.items()}
    return whole, areas


def _assemble(name: str, seen: Sample, standard: Standard, detector: nn.Module) -> Calibration:
    heads, positions = seen.positions.shape
    whole = Calibration(heads, positions, len(standard.knots), name)
    whole.standard, whole.detector = standard, detector
    whole.positions.copy_(seen.positions)
    weight = standard.at(seen.length).double().numpy()
    for knot, near in enumerate(weight.T):
        counted = near if near.sum() >= 1 else np.ones_like(near)
        low, high = weighted_quantiles(seen.flatness.double().numpy(), counted, HEALTHY)
        whole.low[knot], whole.high[knot] = torch.from_numpy(low), torch.from_numpy(high)
    return whole.eval().requires_grad_(False)


def area_of(whole: Calibration, healthy: Tensor, broken: Tensor, length: Tensor) -> float:
    """Area under ROC between the scores of healthy learners and statistics of faulty ones."""
    score = torch.cat([healthy, whole.score(broken, length)]).double().numpy()
    return metrics.auc(score, (np.arange(len(score)) >= len(healthy)).astype(np.float64))


@torch.no_grad()
def sample(
    bound: BoundRecommender,
    log: EventLog,
    learners: NDArray[np.integer],
    *,
    moments: int,
    severity: float | None,
    seed: int,
    tell: Callable[[int], None] = lambda _moments: None,
) -> Sample:
    """Watch learners at `moments` of their histories; a severity of None draws one for each batch.

    `tell` hears how many more moments were looked at, after each batch; it may raise to end the work.
    """
    rng = np.random.default_rng(seed)
    usual, window = how_usual(bound), bound.model.config.length
    heads = bound.model.config.heads
    healthy: list[tuple[Tensor, Tensor, Tensor]] = []
    broken: dict[str, list[tuple[Tensor, Tensor]]] = {kind: [] for kind in faults.FAULTS}
    mass, counts = torch.zeros(heads, window + 1), torch.zeros(window + 1)

    def told(logits: Tensor, seen: Histories) -> tuple[Tensor, Tensor]:
        return statistics(logits.softmax(-1), seen).cpu(), seen.batch.length.cpu()

    def drawn() -> float:
        return float(rng.uniform(0, 2)) if severity is None else severity

    def watch(_rows: slice, batch: Batch) -> Adjust:
        seen = Histories.of(batch, bound.vectors, usual)

        def adjust(logits: Tensor) -> Tensor:
            alpha = logits.softmax(-1)
            part = entropy(alpha) / (batch.length + 1.0).log()[:, None]
            healthy.append((*told(logits, seen), part.cpu()))
            _add_positions(mass, counts, alpha.cpu(), batch.length.cpu())
            for kind in faults.LOGIT_FAULTS:
                wrong = faults.break_logits(logits, kind, drawn(), batch, rng)
                broken[kind].append(told(wrong, seen))
            return logits

        tell(0)
        return adjust

    def watch_flood(_rows: slice, batch: Batch) -> Adjust:
        tell(0)

        def adjust(logits: Tensor) -> Tensor:
            seen = Histories.of(batch, bound.vectors, usual)
            broken[faults.FLOODED].append(told(logits, seen))
            return logits

        return adjust

    for moment in range(moments):
        part = log.between(log.offsets[learners], _ends(log, learners, moment, rng))
        look(bound, part, watch)
        bot = faults.flood(part, drawn(), bound.catalogue.rows, window, rng)
        look(bound, bot, watch_flood)
        tell(1)
    columns = [torch.cat(found) for found in zip(*healthy, strict=True)]
    return Sample(
        columns[0],
        columns[1],
        {
            kind: (torch.cat([f for f, _ in found]), torch.cat([n for _, n in found]))
            for kind, found in broken.items()
        },
        columns[2],
        mass / counts.clamp(min=1),
    )


def look(bound: BoundRecommender, log: EventLog, watch: Watch) -> None:
    """The attention part alone over whole histories, for what watches it."""
    for start in range(0, log.learners, AT_ONCE):
        rows = slice(start, min(start + AT_ONCE, log.learners))
        who = np.arange(rows.start, rows.stop)
        batch = make_batch(log, who, None, bound.model.config.length).to(bound.device)
        bound.model.last_states(replace(batch, adjust=watch(rows, batch)), bound.vectors)


def _ends(
    log: EventLog, learners: NDArray[np.integer], moment: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """The whole history first, then random beginnings of it with enough events (log-uniform)."""
    count = np.diff(log.offsets)[learners]
    if moment:
        chosen = np.exp(rng.uniform(np.log(MIN_EVENTS), np.log(count + 1)))
        count = np.minimum(chosen.astype(np.int64), count)
    return np.asarray(log.offsets[learners] + count)


def _add_positions(mass: Tensor, counts: Tensor, alpha: Tensor, length: Tensor) -> None:
    """Sum up the mass [H, 1 + P] on the beginning, the last event, the one before it and so on."""
    place = torch.arange(alpha.shape[2] - 1)
    behind = length[:, None] - 1 - place  # [B, L]
    there = behind >= 0
    where = 1 + behind[there]
    mass[:, 0] += alpha[:, :, 0].sum(0)
    counts[0] += len(alpha)
    counts.index_add_(0, where, torch.ones(len(where)))
    mass.index_add_(1, where, alpha[:, :, 1:].transpose(0, 1)[:, there])
