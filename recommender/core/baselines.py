"""What people would use instead: the next-item baselines that every report carries.

Each is fitted on training rows only; its settings are chosen on validation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from recommender.core import linear, metrics
from recommender.core.evaluation import Cases, ScoreFn, exclude, rank_cases
from recommender.core.events import EventLog
from recommender.core.features import make_batch

WINDOW = 400
"""Context events that the item-to-item baselines look at."""
DECAYS = (0.6, 0.7, 0.75, 0.8, 0.9)
TEXT_WEIGHTS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
NEIGHBOURS = 100


@dataclass(frozen=True)
class Baseline:
    name: str
    score: ScoreFn
    settings: dict[str, float]


@dataclass
class NextItemBaselines:
    """Fits and chooses; `train_item`, `train_learner` are the columns of the training rows."""

    log: EventLog
    train: NDArray[np.bool_]  # [E]
    rows: int
    texts: tuple[str, ...]
    valid: Cases
    candidates: Tensor
    seconds: float = 600.0  # for the dense inverses

    def fit(
        self, on_step: Callable[[str], None], time_left: Callable[[], float]
    ) -> Iterator[Baseline]:
        """Baselines one after the other, cheap ones first."""
        learner = self.log.learner_of_event()[self.train]
        item = np.asarray(self.log.item)[self.train].astype(np.int64)
        matrix = linear.interactions(learner, item, self.log.learners, self.rows)
        on_step("popularity")
        popularity = torch.from_numpy(np.bincount(item, minlength=self.rows).astype(np.float32))
        yield Baseline("popularity", lambda who, _end: popularity.expand(len(who), -1).clone(), {})
        on_step("markov")
        yield Baseline("markov", self._markov(learner, item, popularity), {})
        on_step("item_knn")
        index, value = linear.cosine(matrix, NEIGHBOURS)
        neighbours = _sparse_rows(index, value, self.rows)
        yield Baseline("item_knn", self._weighted(neighbours, 1.0), {"neighbours": NEIGHBOURS})
        yield from self._ease(matrix, neighbours, on_step, time_left)

    def _ease(
        self,
        matrix: sparse.csr_matrix,
        neighbours: sparse.csr_matrix,
        on_step: Callable[[str], None],
        time_left: Callable[[], float],
    ) -> Iterator[Baseline]:
        weights: NDArray[np.float32] | sparse.csr_matrix
        strengths = linear.strengths_for(self.rows, self.seconds)
        if strengths:
            counts = linear.gram(matrix)
            best, weights, strength = -1.0, neighbours, 0.0
            best_plain = -1.0
            for candidate in strengths:
                on_step(f"ease λ {candidate:g}")
                found = linear.ease(counts, candidate).numpy()
                plain = self.quality(self._weighted(found, 1.0))
                if plain > best_plain:
                    best_plain, ease_weights, ease_strength = plain, found, candidate
                recent = self.quality(self._weighted(found, 0.75))
                if recent > best:
                    best, weights, strength = recent, found, candidate
                if time_left() < 0:
                    break
            yield Baseline("ease", self._weighted(ease_weights, 1.0), {"strength": ease_strength})
        else:
            weights, strength = neighbours, 0.0
        on_step("ease with recency")
        name = "ease_recency" if strengths else "item_knn_recency"
        decay = max(DECAYS, key=lambda d: self.quality(self._weighted(weights, d)))
        settings = {"strength": strength, "decay": decay} if strength else {"decay": decay}
        recent_score = self._weighted(weights, decay)
        yield Baseline(name, recent_score, settings)
        if any(self.texts):
            on_step("ease with recency and text")
            vectors = tfidf(self.texts)
            similar = self._similar(vectors, decay)

            def mixed(weight: float) -> ScoreFn:
                return lambda who, end: recent_score(who, end) + weight * similar(who, end)

            chosen = self._text_weight(recent_score, similar)
            yield Baseline(f"{name}_text", mixed(chosen), {**settings, "text": chosen})

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
        transposed = vectors.T.tocsr()

        def score(who: NDArray[np.int64], end: NDArray[np.int64]) -> Tensor:
            profile = self._context(who, end, decay) @ vectors
            return torch.from_numpy((profile @ transposed).toarray().astype(np.float32))

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


def _sparse_rows(index: Tensor, value: Tensor, rows: int) -> sparse.csr_matrix:
    row = np.repeat(np.arange(rows), index.shape[1])
    matrix = sparse.csr_matrix(
        (value.numpy().ravel(), (row, index.numpy().ravel())), shape=(rows, rows)
    )
    matrix.eliminate_zeros()
    return matrix


def tfidf(texts: tuple[str, ...]) -> sparse.csr_matrix:
    """[V, words] unit rows: term counts times smoothed inverse document frequency."""
    words: dict[str, int] = {}
    row, column = [], []
    for number, text in enumerate(texts):
        for word in re.findall(r"\w\w+", text.lower()):
            row.append(number)
            column.append(words.setdefault(word, len(words)))
    shape = (len(texts), max(len(words), 1))
    ones = np.ones(len(row), dtype=np.float32)
    counts = sparse.csr_matrix((ones, (row, column)), shape=shape)
    document = np.asarray((counts > 0).sum(0)).ravel()
    weighted = counts @ sparse.diags(np.log((1 + len(texts)) / (1 + document)) + 1)
    norm = np.sqrt(np.asarray(weighted.multiply(weighted).sum(1)).ravel())
    return (sparse.diags(1 / np.maximum(norm, 1e-9)) @ weighted).tocsr().astype(np.float32)
