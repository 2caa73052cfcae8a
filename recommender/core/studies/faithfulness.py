"""Whether reasons are true: hiding the events they name must change this item's score, and no others."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recommender.core import metrics
from recommender.core.attention_statistics import MIN_EVENTS
from recommender.core.credits import CREDITS, Masked, explained_score
from recommender.core.evaluation import Cases, exclude
from recommender.core.features import Batch, make_batch
from recommender.core.markdown import figure, table
from recommender.core.protocols import given
from recommender.core.serving import BoundRecommender
from recommender.core.studies.workbench import Workbench

LEARNERS = 150
ITEMS = 5
"""Of each learner, the first of her list."""
NAMED = 3
"""Events that a reason names."""
DRAWS = 3
"""Of random events."""
RANDOM = "random events"
AT_ONCE = 16
"""Learners, each with ITEMS windows."""
OURS = next(iter(CREDITS))


def run(bench: Workbench) -> str:
    """Comprehensiveness and sufficiency (DeYoung et al., 2020, ERASER), with and without deep masks."""
    log, protocol = bench.data.log, given(bench.data)
    bound = bench.one(log, protocol)
    rng = np.random.default_rng(bench.seeds[0])
    cases = protocol.test.take(np.flatnonzero(protocol.test.end >= MIN_EVENTS))
    cases = cases.sample(LEARNERS, bench.seeds[0])
    found: dict[bool, dict[str, list[NDArray[np.float64]]]] = {
        deep: {name: [] for name in (*CREDITS, RANDOM)} for deep in (True, False)
    }
    bench.bar.stage("masking")
    for number, part in enumerate(cases.batches(AT_ONCE)):
        bench.bar.steps(number * AT_ONCE, len(cases))
        batch, wanted = _pairs(bench, bound, part, protocol.candidates)
        credits_ = {name: credit(bound, batch, wanted) for name, credit in CREDITS.items()}
        for deep, told in found.items():
            for name, credit in credits_.items():
                told[name].append(_effects(bound, batch, wanted, credit, deep))
            draws = [
                _effects(bound, batch, wanted, torch.from_numpy(rng.random(batch.item.shape)), deep)
                for _ in range(DRAWS)
            ]
            told[RANDOM].append(np.mean(draws, axis=0))
    parts = []
    for deep, told in found.items():
        how = "attention to it, its linear weight" + (" and its own state" if deep else "")
        parts.append(f"Hidden of an event: {how}.\n\n{_table(told, len(cases), bench.seeds[0])}")
    return "\n".join(parts)


def _pairs(
    bench: Workbench, bound: BoundRecommender, cases: Cases, candidates: Tensor
) -> tuple[Batch, Tensor]:
    """Windows and the items that stand first, one row a pair of learner and item."""
    log = bench.data.log
    first = log.offsets[cases.learner]
    history = log.between(first, first + cases.end)
    affinity = torch.from_numpy(bound.score(history, now=np.inf).affinity)
    best = exclude(affinity, log, cases, candidates).topk(ITEMS, dim=1).indices
    who = np.repeat(np.arange(len(cases)), ITEMS)
    batch = make_batch(history, who, None, bound.model.config.length).to(bound.device)
    return batch, best.flatten().to(bound.device)


@torch.no_grad()
def _effects(
    bound: BoundRecommender, batch: Batch, wanted: Tensor, credit: Tensor, deep: bool
) -> NDArray[np.float64]:
    """[B / ITEMS, 2] how far the score falls without the named events, and with them alone."""
    credit = credit.to(batch.mask.device).masked_fill(~batch.mask, -torch.inf)
    named = torch.zeros_like(batch.mask).scatter_(1, credit.topk(NAMED, dim=1).indices, True)
    nothing = torch.zeros_like(batch.mask)
    whole, without, alone = (
        explained_score(bound, Masked(batch, hidden & batch.mask, deep), wanted)
        for hidden in (nothing, named, ~named)
    )
    both = torch.stack([whole - without, whole - alone], 1)  # [B, 2]
    return both.view(-1, ITEMS, 2).mean(1).cpu().double().numpy()


def _table(told: dict[str, list[NDArray[np.float64]]], learners: int, seed: int) -> str:
    values = {name: np.concatenate(parts) for name, parts in told.items()}
    rows = []
    for name, value in values.items():
        apart = value - values[OURS]
        rows.append(
            [name, *(figure(metrics.mean_interval(value[:, c], seed)) for c in (0, 1))]
            + (
                [figure(metrics.mean_interval(apart[:, c], seed), sign=True) for c in (0, 1)]
                if name != OURS
                else ["", ""]
            )
        )
    head = [
        f"the {NAMED} events named by ({learners} learners, {ITEMS} items each)",
        "comprehensiveness (more is better)",
        "sufficiency (less is better)",
        "minus contributions",
        "minus contributions",
    ]
    return table(head, rows)
