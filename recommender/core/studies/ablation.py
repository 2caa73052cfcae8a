"""What each part is worth, on validation cases; the version without it is trained anew where needed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from recommender.core import linear
from recommender.core.evaluation import ScoreFn
from recommender.core.features import make_batch
from recommender.core.markdown import figure, table
from recommender.core.protocols import given
from recommender.core.rules import choose_model
from recommender.core.scoring import scorer
from recommender.core.serving import BoundRecommender
from recommender.core.studies.workbench import HIT, NDCG, Workbench, measure

CASES = 5000


def run(bench: Workbench) -> str:
    """The final configuration, its parts alone, and versions trained without one thing."""
    log, protocol = bench.data.log, given(bench.data)
    valid = protocol.valid.sample(CASES, bench.seeds[0])
    rows: list[list[str]] = []

    def tell(name: str, score: ScoreFn, seconds: float | None = None) -> None:
        found = measure(score, log, valid, protocol.candidates)
        spent = "" if seconds is None else f"{seconds:.0f} s"
        quality = [figure(float(found[n].mean())) for n in (NDCG, HIT)]
        rows.append([name, *quality, spent])

    weights = bench.weights(log, protocol)
    bound, result = bench.fit(log, protocol, weights=weights)
    tell("as shipped", scorer(bound, log), result.seconds)
    tell("linear part alone, with words", _linear(bench, bound))
    bound.mixture = replace(bound.mixture, linear=0.0)
    tell("attention alone", scorer(bound, log))
    plain = bench.config()
    model = choose_model(bench.data.log)
    silent = replace(bench.catalogue, texts=())
    blind = replace(silent, text=None, encoder="")
    other = replace(model, text_beside_id=not model.text_beside_id)
    variants = {
        "without words in the linear part": (silent, plain),
        "without any text": (blind, plain),
        f"{3 - model.blocks} block(s)": (
            bench.catalogue,
            replace(plain, model=replace(model, blocks=3 - model.blocks)),
        ),
        "text " + ("beside" if other.text_beside_id else "instead of") + " the id": (
            bench.catalogue,
            replace(plain, model=other),
        ),
        "sampled softmax": (bench.catalogue, replace(plain, sampled=True)),
    }
    for name, (catalogue, config) in variants.items():
        without, result = bench.fit(
            log, protocol, catalogue=catalogue, config=config, weights=weights
        )
        tell(name, scorer(without, log), result.seconds)
    return table([f"{len(valid)} validation cases", NDCG, HIT, "training"], rows)


def _linear(bench: Workbench, bound: BoundRecommender) -> ScoreFn:
    log = bench.data.log

    def score(who: NDArray[np.int64], end: NDArray[np.int64]) -> Tensor:
        batch = make_batch(log, who, end, bound.model.config.length)
        weight = linear.recency(batch.item, batch.mask, bound.mixture.decay)
        return linear.score(batch.item, weight, bound.index.cpu(), bound.value.cpu())

    return score
