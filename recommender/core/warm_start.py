"""Continuing from an earlier version: its rows are found again by key."""

from __future__ import annotations

import torch
from torch import nn

from recommender.core.catalogue import Catalogue
from recommender.core.serving import Recommender

ITEM_TABLES = {"items.id", "item"}
CONCEPT_TABLES = {"concept"}
FRESH = {
    *("items.warm", "items.met"),
    *("slots", "prior", "count", "concept_logit", "centre", "spread", "platt"),
}
"""State that describes the data of a run: always made anew."""


@torch.no_grad()
def start_from(model: nn.Module, old: Recommender, catalogue: Catalogue, part: str) -> None:
    """Copy what the old version learned into `model`; parts of another size keep their fresh start.

    Text projections are taken over only if both versions use the same encoder.
    """
    source = old.parts.next_item if part == "next_item" else old.parts.success
    if source is None:
        return
    items = {key: row for row, key in enumerate(old.names.items, start=1)}
    concepts = {key: row for row, key in enumerate(old.names.concepts, start=1)}
    item_rows = torch.tensor([0, *(items.get(key, 0) for key in catalogue.keys)])
    concept_rows = torch.tensor([0, *(concepts.get(key, 0) for key in catalogue.concept_keys)])
    before = source.state_dict()
    for name, value in model.state_dict().items():
        if name in FRESH or name not in before:
            continue
        if "text." in name and old.manifest.encoder != catalogue.encoder:
            continue
        rows = (
            item_rows if name in ITEM_TABLES else concept_rows if name in CONCEPT_TABLES else None
        )
        if rows is None:
            if before[name].shape == value.shape:
                value.copy_(before[name])
        elif before[name].shape[1:] == value.shape[1:]:
            known = rows > 0
            value[known] = before[name][rows[known]]
