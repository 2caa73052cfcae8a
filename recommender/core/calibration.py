"""Calibration: what healthy attention of one version looks like, who is off it, and what is done.

Fitted on the learners that the version was trained on; see `attention_statistics` for what is looked at,
`detectors` for what judges, `attention_repair` for what repairs. A `Watcher` over it sees the attention on
its way to the scores: statistics, verdict and repair cost no second pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from recommender.core.anomaly_kinds import tell_kinds
from recommender.core.attention_names import names
from recommender.core.attention_repair import adapt_temperature, prior_over, weighted_average
from recommender.core.attention_statistics import MIN_EVENTS, Histories, how_usual, statistics
from recommender.core.detectors import Autoencoder, Either, Exposed, RobustDistance, Standard
from recommender.core.features import Adjust, Batch

if TYPE_CHECKING:  # serving knows the parts of a version, and this is to be one
    from recommender.core.serving import BoundRecommender

AVERAGE, TEMPERATURE = "average", "temperature"
REPAIRS = (AVERAGE, TEMPERATURE)
DETECTORS: Mapping[str, type[nn.Module]] = {
    "autoencoder": Autoencoder,
    "robust distance": RobustDistance,
    "exposed": Exposed,
    "either": Either,
}


class Calibration(nn.Module):
    """The reference of one version: healthy statistics, the detector that is kept, both repairs' aims."""

    def __init__(self, heads: int, positions: int, knots: int, detector: str) -> None:
        super().__init__()
        columns = len(names(heads))
        self.kept = detector
        self.standard = Standard(knots, columns)
        self.detector = DETECTORS[detector](columns)
        self.register_buffer("threshold", torch.zeros(()))
        self.register_buffer("positions", torch.zeros(heads, positions))
        self.register_buffer("low", torch.zeros(knots, heads))
        self.register_buffer("high", torch.zeros(knots, heads))
        self.threshold: Tensor  # of the score, above which one healthy learner in a hundred is
        self.positions: (
            Tensor  # [H, 1 + P] mean mass on the beginning, the last event, the one before
        )
        self.low: Tensor  # [K, H] healthy entropy as a part of that of equal shares
        self.high: Tensor

    def score(self, found: Tensor, length: Tensor) -> Tensor:
        """[B] how anomalous statistics [B, S] after `length` [B] events are."""
        out: Tensor = self.detector(self.standard(found, length))
        return out

    def healthy_entropy(self, length: Tensor) -> tuple[Tensor, Tensor]:
        """Lowest and highest entropy [B, H] in nats after so many events [B]."""
        weight = self.standard.at(length)
        equal = (length.float() + 1).log()[:, None]
        return weight @ self.low * equal, weight @ self.high * equal

    def repair(self, logits: Tensor, length: Tensor, how: str) -> Tensor:
        """Repaired logits [B, H, T]. Raises ValueError for an unknown repair."""
        if how == AVERAGE:
            return weighted_average(logits, prior_over(self.positions, length, logits.shape[2]))
        if how == TEMPERATURE:
            return adapt_temperature(logits, *self.healthy_entropy(length))
        raise ValueError(f"repair must be one of {', '.join(REPAIRS)}")

    def config(self) -> dict[str, object]:
        """What `read` needs beside the tensors, for a manifest."""
        heads, positions = self.positions.shape
        return {"heads": heads, "positions": positions, "knots": len(self.low), "kept": self.kept}

    @classmethod
    def read(cls, config: Mapping[str, object], tensors: dict[str, Tensor]) -> Calibration:
        """What `config` and `state_dict` gave. Raises ValueError where they do not fit each other."""
        heads, positions, knots = (config.get(name) for name in ("heads", "positions", "knots"))
        known = str(config.get("kept")) in DETECTORS
        if not (known and _is_size(heads) and _is_size(positions) and _is_size(knots)):
            raise ValueError("calibration: not the fields that are known here")
        own = cls(heads, positions, knots, str(config["kept"]))
        try:
            own.load_state_dict(tensors)
        except RuntimeError as error:
            raise ValueError(f"calibration: {error}") from error
        return own.eval().requires_grad_(False)


@dataclass(frozen=True)
class Treatment:
    """What is done about anomalies."""

    how: str  # one of REPAIRS
    who: NDArray[np.bool_]  # [N] which of the learners are repaired if they are anomalous


class Watcher:
    """Looks at the attention of all learners of one log while they are scored.

    `treat` says what is done about anomalies; nothing, where it gives None. It is asked once, and only
    where somebody is anomalous, so that the healthy do not wait for what is looked up there.
    """

    def __init__(
        self,
        calibration: Calibration,
        bound: BoundRecommender,
        learners: int,
        *,
        treat: Callable[[], Treatment | None] = lambda: None,
        usual: Tensor | None = None,
    ) -> None:
        self.calibration, self.bound = calibration.to(bound.device), bound
        self.usual = how_usual(bound) if usual is None else usual
        columns = len(names(bound.model.config.heads))
        self.statistics = np.full((learners, columns), np.nan, dtype=np.float16)
        self.score = np.full(learners, np.nan, dtype=np.float32)
        self.kind = np.zeros(learners, dtype=np.int8)  # in KINDS; of the anomalous only
        self.events = np.zeros(learners, dtype=np.int16)  # attended to
        self.repaired = np.zeros(learners, dtype=bool)
        self._treat, self._asked = treat, False
        self._treatment: Treatment | None = None

    @property
    def anomalous(self) -> NDArray[np.bool_]:
        """[N] false, too, where there are too few events to tell."""
        return np.asarray(self.score > float(self.calibration.threshold))

    def __call__(self, rows: slice, batch: Batch) -> Adjust:
        decided: list[Tensor] = []  # which learners of the batch are repaired

        def adjust(logits: Tensor) -> Tensor:
            if not decided:  # an explanation later gets the same repair
                odd = self._judge(rows, batch, logits)
                decided.append(self._choose(rows, odd, logits.device))
            (chosen,) = decided
            if not len(chosen) or self._treatment is None:
                return logits
            length = batch.length[chosen]
            fixed = self.calibration.repair(logits[chosen], length, self._treatment.how)
            return logits.index_copy(0, chosen, fixed)

        return adjust

    def _judge(self, rows: slice, batch: Batch, logits: Tensor) -> NDArray[np.intp]:
        """[A] places of the anomalous in the batch."""
        alpha = logits.softmax(-1)
        found = statistics(alpha, Histories.of(batch, self.bound.vectors, self.usual))
        score = self.calibration.score(found, batch.length)
        # From here on in numpy: for one learner alone, each operation of torch costs what all of numpy's do.
        length, told = batch.length.cpu().numpy(), score.cpu().numpy()
        enough = length >= MIN_EVENTS
        self.events[rows] = length
        self.statistics[rows][enough] = found.cpu().numpy()[enough]
        self.score[rows][enough] = told[enough]
        odd = np.flatnonzero(enough & (told > float(self.calibration.threshold)))
        if len(odd):
            among = torch.from_numpy(odd).to(found.device)
            normal = self.calibration.standard(found[among], batch.length[among])
            self.kind[rows][odd] = tell_kinds(normal).cpu().numpy()
        return odd

    def _choose(self, rows: slice, odd: NDArray[np.intp], device: torch.device) -> Tensor:
        """Those among the anomalous places of a batch who are repaired."""
        if len(odd) and not self._asked:
            self._treatment, self._asked = self._treat(), True
        odd = odd[:0] if self._treatment is None else odd[self._treatment.who[rows][odd]]
        self.repaired[rows][odd] = True
        return torch.from_numpy(odd).to(device)


def _is_size(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and value > 0
