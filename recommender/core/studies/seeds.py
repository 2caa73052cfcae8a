"""Several seeds: metrics per learner are averaged over seeds, then compared with each baseline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.core import report
from recommender.core.markdown import figure, table
from recommender.core.protocols import given
from recommender.core.scoring import scorer
from recommender.core.studies.workbench import HIT, NDCG, Workbench, measure


def run(bench: Workbench) -> str:
    """Each seed on its own, their mean, and its paired difference to every baseline."""
    log, protocol = bench.data.log, given(bench.data)
    found: list[dict[str, NDArray[np.float64]]] = []
    rows: list[list[str]] = []
    weights = bench.weights(log, protocol)
    for seed in bench.seeds:
        bound, result = bench.fit(log, protocol, seed=seed, weights=weights)
        values = measure(scorer(bound, log), log, protocol.test, protocol.candidates)
        found.append(values)
        rows.append(
            [
                f"Attune, seed {seed}",
                figure(float(values[NDCG].mean())),
                figure(float(values[HIT].mean())),
                "",
                "",
                f"{result.seconds:.0f} s",
                f"{result.interactions_per_second:,.0f}",
            ]
        )
    ours = {name: np.mean([values[name] for values in found], axis=0) for name in (NDCG, HIT)}
    whole = report.ranking_report(ours, 0)
    rows.append(["**Attune, mean**", figure(whole[NDCG]), figure(whole[HIT]), *[""] * 4])
    for baseline in bench.baselines(log, protocol, weights=weights):
        theirs = measure(baseline.score, log, protocol.test, protocol.candidates)
        diff = report.ranking_diff(ours, theirs, 0)
        rows.append(
            [
                baseline.name,
                figure(float(theirs[NDCG].mean())),
                figure(float(theirs[HIT].mean())),
                figure(diff[NDCG], sign=True),
                figure(diff[HIT], sign=True),
                "",
                "",
            ]
        )
    head = ["model", NDCG, HIT, f"diff {NDCG}", f"diff {HIT}", "training", "interactions/s"]
    return table(head, rows)
