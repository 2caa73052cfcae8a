"""Profiles as the model takes them: log-weights in tensors, a row for each learner."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recommender.core.catalogue import Catalogue
from recommender.core.events import BEHAVIOURS
from recommender.core.features import Batch
from recommender.core.reweighting import Profile, Reweighting

PAIRS = 1 << 16
"""Log-weights of items that are spread over the items like them at once, to bound memory."""


@dataclass(frozen=True)
class Weights:
    """Profiles of B learners as the model takes them; a row of zeros changes nothing."""

    item: Tensor  # float32 [B, V] log w of ``item:`` features
    about: Tensor  # float32 [B, V] log w of each item's concepts (their mean) and format
    behaviour: Tensor  # float32 [B, behaviours + 1]
    event: Tensor  # float32 [B] how much of log w events take
    candidate: Tensor  # float32 [B] how much of it candidates take from `about`
    alike: Tensor  # float32 [B] and from items like them: less of each, the more there are
    limit: Tensor  # float32 [B] greatest |log w| of an event

    @classmethod
    def of(cls, profiles: Sequence[Profile | None], catalogue: Catalogue) -> Weights | None:
        """None where all profiles are empty. Features that the catalogue lacks count nothing."""
        if all(profile is None or profile.empty for profile in profiles):
            return None
        kinds = tuple(dict.fromkeys(catalogue.kinds))
        about = concept_means(_table(profiles, "concept", catalogue.concept_keys), catalogue)
        if kinds:
            place = {name: number for number, name in enumerate(kinds, start=1)}
            kind = _table(profiles, "kind", kinds)
            about[:, 1:] += kind[:, [place[name] for name in catalogue.kinds[1:]]]
        return cls.build(
            _table(profiles, "item", catalogue.keys),
            about,
            _table(profiles, "behaviour", BEHAVIOURS),
            [profile.config if profile else Reweighting() for profile in profiles],
        )

    @classmethod
    def build(
        cls,
        item: NDArray[np.floating],
        about: NDArray[np.floating],
        behaviour: NDArray[np.floating],
        configs: Sequence[Reweighting],
    ) -> Weights:
        """From tables of log-weights, one row a learner."""
        alike = np.array([config.alike for config in configs])
        crowd = np.array([config.crowd for config in configs])
        columns: tuple[object, ...] = (
            item,
            about,
            behaviour,
            [config.event for config in configs],
            [config.candidate for config in configs],
            alike * in_a_crowd(np.count_nonzero(item, axis=1), crowd),
            [math.log(config.limit) for config in configs],
        )
        return cls(*(torch.from_numpy(np.asarray(c, dtype=np.float32)) for c in columns))

    def rows(self, chosen: slice | list[int], device: torch.device) -> Weights:
        """Some of the learners, on a device."""
        return Weights(**{name: part[chosen].to(device) for name, part in vars(self).items()})

    def of_events(self, batch: Batch) -> Tensor:
        """log w(j) [B, L] of the events of a batch of the same learners; 0 where there is none."""
        value = (self.item + self.about).gather(1, batch.item)
        value = self.event[:, None] * (value + self.behaviour.gather(1, batch.behaviour))
        limit = self.limit[:, None]
        return torch.maximum(torch.minimum(value, limit), -limit).masked_fill(~batch.mask, 0.0)

    def of_candidates(self, taste: tuple[Tensor, Tensor] | None) -> Tensor:
        """[B, V] what is added to the affinities.

        `taste` (columns and values [V, kept]) tells how alike the feedback on two items is: an item's
        log-weight counts for the candidates like it, as far as they are like it.
        """
        value = self.candidate[:, None] * self.about
        if taste is None:
            return value
        index, alike = taste
        near = torch.zeros_like(value)
        pairs = self.item.nonzero()
        for start in range(0, len(pairs), PAIRS):
            learner, item = pairs[start : start + PAIRS].unbind(1)
            place = learner[:, None] * value.shape[1] + index[item]  # [P, kept]
            votes = self.item[learner, item, None] * alike[item]
            near.view(-1).index_add_(0, place.flatten(), votes.flatten())
        return value + self.alike[:, None] * near


def in_a_crowd(
    weighed: NDArray[np.integer], crowd: NDArray[np.floating] | float
) -> NDArray[np.float64]:
    """[B] how much each of so many weighed items counts for those like it.

    What many opinions say overlaps: their sum grows faster than what is known from it.
    """
    return np.asarray(1 / (1 + weighed / crowd))


def concept_means(table: NDArray[np.float64], catalogue: Catalogue) -> NDArray[np.float64]:
    """[B, V] mean log-weight of each item's concepts, from [B, concepts + 1]."""
    slots = catalogue.concept_slots
    total = np.zeros((len(table), len(slots)))
    for slot in slots.T:
        total += table[:, slot]
    mean: NDArray[np.float64] = total / np.maximum((slots > 0).sum(1), 1)
    return mean


def _table(
    profiles: Sequence[Profile | None], family: str, keys: Sequence[str]
) -> NDArray[np.float64]:
    """Log-weights [B, keys + 1] of one family of features; column 0 is for none."""
    column = {f"{family}:{key}": number for number, key in enumerate(keys, start=1)}
    table = np.zeros((len(profiles), len(keys) + 1))
    for row, profile in enumerate(profiles):
        for feature, value in (profile.log_weight if profile else {}).items():
            if feature in column:
                table[row, column[feature]] = value
    return table
