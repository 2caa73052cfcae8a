"""What people would use instead: the next-item baselines that every report carries.

Each is fitted on training rows only; its settings are chosen on validation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from recommender.core import linear, metrics, words
from recommender.core.evaluation import Cases, ScoreFn, exclude, rank_cases
from recommender.core.events import EventLog
from recommender.core.features import make_batch

WINDOW = 400
"""Context events that the item-to-item baselines look at."""
DECAYS = (0.75, 0.6, 0.7, 0.8, 0.9)
TEXT_WEIGHTS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1)
NEIGHBOURS = (100, 50, 200, 500)


@dataclass(frozen=True)
class Baseline:
    name: str
    score: ScoreFn
    settings: dict[str, float]


@dataclass
class NextItemBaselines:
    """Fits on the events of `train`, chooses on the cases of `valid`."""

    log: EventLog
    train: NDArray[np.bool_]  # [E]
    rows: int
    texts: tuple[str, ...]
    valid: Cases
    candidates: Tensor
    weights: linear.ItemWeights | None = None

    def fit(
        self, on_step: Callable[[str], None], time_left: Callable[[], float]
    ) -> Iterator[Baseline]:
        """Baselines one after the other, cheap ones first.

        Once `time_left()` is negative no further setting is tried, but each baseline is still there.
        """
        learner = self.log.learner_of_event()[self.train]
        item = np.asarray(self.log.item)[self.train].astype(np.int64)
        matrix = linear.interactions(learner, item, self.log.learners, self.rows)
        on_step("popularity")
        popularity = torch.from_numpy(np.bincount(item, minlength=self.rows).astype(np.float32))
        yield Baseline("popularity", lambda who, _end: popularity.expand(len(who), -1).clone(), {})
        on_step("markov")
        yield Baseline("markov", self._markov(learner, item, popularity), {})
        on_step("item_knn")
        shared = self.weights or linear.ItemWeights(matrix, 600.0)

        def nearest(count: float) -> sparse.csr_matrix:
            return shared.neighbours(int(count))

        count, _ = self._best(nearest, NEIGHBOURS, (1.0,), time_left)
        yield Baseline("item_knn", self._weighted(nearest(count), 1.0), {"neighbours": count})
        if not shared.strengths:
            on_step("item_knn with recency")
            count, decay = self._best(nearest, NEIGHBOURS, DECAYS, time_left)
            settings = {"neighbours": count, "decay": decay}
            yield from self._recent("item_knn_recency", nearest(count), settings, on_step)
            return

        def dense(strength: float) -> NDArray[np.float32]:
            on_step(f"ease λ {strength:g}")
            found: NDArray[np.float32] = shared.dense(strength).numpy()
            return found

        chosen = self._grid(dense, shared.strengths, (1.0, *DECAYS), time_left)
        strength = max((q, s) for (s, decay), q in chosen.items() if decay == 1.0)[1]
        yield Baseline("ease", self._weighted(dense(strength), 1.0), {"strength": strength})
        _, strength, decay = max((q, s, decay) for (s, decay), q in chosen.items() if decay < 1)
        settings = {"strength": strength, "decay": decay}
        yield from self._recent("ease_recency", dense(strength), settings, on_step)

    def _recent(
        self,
        name: str,
        weights: NDArray[np.float32] | sparse.csr_matrix,
        settings: dict[str, float],
        on_step: Callable[[str], None],
    ) -> Iterator[Baseline]:
        """With recency as chosen, and where there are texts with their similarity as well."""
        score = self._weighted(weights, settings["decay"])
        yield Baseline(name, score, settings)
        if any(self.texts):
            on_step(f"{name} with text")
            similar = self._similar(words.tfidf(self.texts), settings["decay"])
            weight = self._text_weight(score, similar)
            yield Baseline(
                f"{name}_text",
                lambda who, end: score(who, end) + weight * similar(who, end),
                {**settings, "text": weight},
            )

    def _grid(
        self,
        weights: Callable[[float], NDArray[np.float32] | sparse.csr_matrix],
        sizes: Sequence[float],
        decays: Sequence[float],
        time_left: Callable[[], float],
    ) -> dict[tuple[float, float], float]:
        """Validation quality by (size, decay); the first size is always tried."""
        found: dict[tuple[float, float], float] = {}
        for size in sizes:
            if found and (time_left() < 0 or not len(self.valid)):
                break
            tried = weights(size)
            for decay in decays:
                found[size, decay] = self.quality(self._weighted(tried, decay))
        return found

    def _best(
        self,
        weights: Callable[[float], NDArray[np.float32] | sparse.csr_matrix],
        sizes: Sequence[float],
        decays: Sequence[float],
        time_left: Callable[[], float],
    ) -> tuple[float, float]:
        found = self._grid(weights, sizes, decays, time_left)
        return max(found, key=lambda setting: found[setting])

    def _text_weight(self, base: ScoreFn, similar: ScoreFn) -> float:
        """The best of TEXT_WEIGHTS on validation; both parts are computed once for all of them."""
        gain = np.zeros(len(TEXT_WEIGHTS))
        for part in self.valid.batches(256):
            one, other = base(part.learner, part.end), similar(part.learner, part.end)
            target = torch.from_numpy(part.target)
            for number, weight in enumerate(TEXT_WEIGHTS):
                scores = exclude(one + weight * other, self.log, part, self.candidates)
                gain[number] += metrics.ndcg(metrics.ranks(scores, target).double().numpy()).sum()
        return TEXT_WEIGHTS[int(gain.argmax())]

    def quality(self, score: ScoreFn) -> float:
        if not len(self.valid):
            return 0.0
        ranks = rank_cases(score, self.log, self.valid, self.candidates)
        return float(metrics.ndcg(ranks).mean())

    def _context(
        self, who: NDArray[np.int64], end: NDArray[np.int64], decay: float, window: int = WINDOW
    ) -> sparse.csr_matrix:
        """[B, V] recency weights of the items of each context."""
        batch = make_batch(self.log, who, end, window)
        weight = linear.recency(batch.item, batch.mask, decay).numpy()
        case, place = np.nonzero(weight)
        columns = batch.item.numpy()[case, place]
        return sparse.csr_matrix(
            (weight[case, place], (case, columns)), shape=(len(who), self.rows)
        )

    def _weighted(self, weights: NDArray[np.float32] | sparse.csr_matrix, decay: float) -> ScoreFn:
        def score(who: NDArray[np.int64], end: NDArray[np.int64]) -> Tensor:
            found = self._context(who, end, decay) @ weights
            dense = found.toarray() if sparse.issparse(found) else np.asarray(found)
            return torch.from_numpy(dense.astype(np.float32))

        return score

    def _similar(self, vectors: sparse.csr_matrix, decay: float) -> ScoreFn:
        """Cosine of each item's words and the words of the context, weighted by recency."""
        transposed = vectors.T.tocsr()

        def score(who: NDArray[np.int64], end: NDArray[np.int64]) -> Tensor:
            profile = self._context(who, end, decay) @ vectors
            norm = np.sqrt(np.asarray(profile.multiply(profile).sum(1)).ravel())
            unit = sparse.diags(1 / np.maximum(norm, 1e-9)) @ profile
            return torch.from_numpy((unit @ transposed).toarray().astype(np.float32))

        return score

    def _markov(
        self, learner: NDArray[np.int64], item: NDArray[np.int64], popularity: Tensor
    ) -> ScoreFn:
        """How often each item came directly after the last one; popularity breaks ties."""
        same = learner[1:] == learner[:-1]
        follow = sparse.csr_matrix(
            (np.ones(int(same.sum()), dtype=np.float32), (item[:-1][same], item[1:][same])),
            shape=(self.rows, self.rows),
        )
        prior = popularity / (popularity.sum() + 1)

        def score(who: NDArray[np.int64], end: NDArray[np.int64]) -> Tensor:
            batch = make_batch(self.log, who, end, 1)
            return torch.from_numpy(follow[batch.item[:, 0].numpy()].toarray()) + prior

        return score
