"""What smaller numbers and fewer heads would cost and gain: quality, bytes and time of the attention."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from recommender.core import report
from recommender.core.features import Batch, make_batch
from recommender.core.markdown import figure, table
from recommender.core.measure_common import median_ms
from recommender.core.model import Block, NextItemModel
from recommender.core.protocols import given
from recommender.core.scoring import scorer
from recommender.core.serving import BoundRecommender
from recommender.core.studies.workbench import NDCG, Workbench, measure

MANY = 256


@dataclass
class _Variant:
    name: str
    bound: BoundRecommender
    logits: Callable[[Tensor], Tensor]  # states [B, D] -> [B, V], as it would be served
    size: int  # bytes of model and item matrix


def run(bench: Workbench) -> str:
    """Validation quality of each variant, paired with the version as it is served."""
    log, protocol = bench.data.log, given(bench.data)
    bound, _ = bench.fit(log, protocol)
    who = np.resize(np.unique(protocol.test.learner), MANY)
    batch = make_batch(log, who, None, bound.model.config.length)
    rows: list[list[str]] = []
    base = None
    for variant in _variants(bound):
        bench.bar.stage(variant.name)
        found = measure(scorer(variant.bound, log), log, protocol.valid, protocol.candidates)[NDCG]
        base = found if base is None else base
        diff = report.ranking_diff({NDCG: found}, {NDCG: base}, 0)[NDCG]
        rows.append(
            [
                variant.name,
                figure(float(found.mean())),
                figure(diff, sign=True) if rows else "",
                f"{variant.size / 1e6:.2f}",
                f"{_milliseconds(variant, batch):.1f}",
            ]
        )
    head = ["variant", f"{NDCG} (validation)", "minus float32", "MB", f"{MANY} learners, ms"]
    return table(head, rows)


@torch.inference_mode()
def _milliseconds(variant: _Variant, batch: Batch) -> float:
    """From histories to the attention's logits."""
    bound = variant.bound
    return median_ms(lambda: variant.logits(bound.model.last_states(batch, bound.vectors)))


def _variants(bound: BoundRecommender) -> list[_Variant]:
    weights = sum(p.numel() for p in bound.model.blocks.parameters())
    table_size, numbers = bound.vectors.numel(), 4
    vectors = bound.vectors
    whole = numbers * (weights + table_size)
    found = [_Variant("float32, as served", bound, lambda s: s @ vectors.T, whole)]

    scale = vectors.abs().amax(1, keepdim=True).clamp(min=1e-9) / 127
    small = (vectors / scale).round().to(torch.int8)
    turned = small.T.contiguous()

    def through_int8(states: Tensor) -> Tensor:
        own = states.abs().amax(1, keepdim=True) / 127
        product = torch._int_mm((states / own).round().to(torch.int8), turned)
        return product.float() * own * scale.T

    size = numbers * weights + table_size + numbers * len(vectors)
    rounded = _with(bound, vectors=small.float() * scale)
    found.append(_Variant("int8 item matrix", rounded, through_int8, size))

    half = vectors.to(torch.bfloat16)
    size = numbers * weights + 2 * table_size
    found.append(
        _Variant(
            "bfloat16 item matrix",
            _with(bound, vectors=half.float()),
            lambda s: (s.to(torch.bfloat16) @ half.T).float(),
            size,
        )
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces the successor of this function
        dynamic = torch.ao.quantization.quantize_dynamic(  # type: ignore[no-untyped-call]
            copy.deepcopy(bound.model), {nn.Linear}, dtype=torch.qint8
        )
    found.append(
        _Variant(
            "int8 linear layers",
            _with(bound, model=dynamic),
            lambda s: s @ vectors.T,
            weights + numbers * table_size,
        )
    )
    for number in range(bound.model.config.blocks):
        for head in range(bound.model.config.heads):
            name = f"without head {head + 1} of block {number + 1}"
            model = _without(bound.model, number, head)
            part = 4 * bound.model.config.width**2 // bound.model.config.heads
            cut = whole - numbers * part
            found.append(_Variant(name, _with(bound, model=model), lambda s: s @ vectors.T, cut))
    return found


def _with(bound: BoundRecommender, **changes: object) -> BoundRecommender:
    other = copy.copy(bound)
    for name, value in changes.items():
        setattr(other, name, value)
    return other


def _without(model: NextItemModel, block: int, head: int) -> NextItemModel:
    """The model with what one head says left out."""
    other = copy.deepcopy(model)
    width = model.config.width // model.config.heads
    cut = other.blocks[block]
    assert isinstance(cut, Block)  # noqa: S101 - narrows the type
    with torch.no_grad():
        cut.attention.out.weight[:, head * width : (head + 1) * width] = 0
    return other
