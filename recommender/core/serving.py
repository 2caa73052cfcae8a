"""A model version at work: scores, contributions and predicted success for many learners at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recommender.core import linear
from recommender.core.artefact import Manifest, Names, read_artefact
from recommender.core.catalogue import Catalogue
from recommender.core.config import ModelConfig
from recommender.core.device import pick
from recommender.core.errors import CorruptArtefact, IncompatibleArtefact
from recommender.core.events import EventLog, ranges
from recommender.core.features import Batch, is_answer, make_batch, select_events
from recommender.core.mixture import FLOOR, Mixture, probabilities
from recommender.core.model import NextItemModel
from recommender.core.prediction import predict_success
from recommender.core.reweighting import Reweighting, Weights
from recommender.core.success import SuccessConfig, SuccessModel
from recommender.core.taste import as_sparse

BATCH = 256
CLOCK_TOLERANCE = 300.0
"""Seconds that a learner's clock may be ahead: as much as the platform accepts."""


@dataclass(frozen=True)
class Contributions:
    """The events that matter most for some scores.

    ``prior + share.sum(-1)`` is the affinity where all events are kept (beyond `top` they are missing).
    """

    event: NDArray[np.int32]  # [B, K, top] position within the learner's history, -1 = none
    share: NDArray[np.float32]  # [B, K, top] signed, by falling magnitude
    prior: NDArray[np.float32]  # [B, K] what was there before any event


@dataclass
class Parts:
    """What a version is made of."""

    next_item: NextItemModel
    index: Tensor  # int32 [V, kept] columns of the linear part
    value: Tensor  # float32 [V, kept]
    mixture: Mixture
    success: SuccessModel | None
    taste: tuple[Tensor, Tensor] | None = None  # how alike feedback on items is, as the linear part

    def tensors(self) -> dict[str, Tensor]:
        """The weights under the names they have on disk."""
        found = {f"next_item.{k}": v for k, v in self.next_item.state_dict().items()}
        found |= {"linear.index": self.index, "linear.value": self.value}
        if self.taste is not None:
            found |= {"taste.index": self.taste[0], "taste.value": self.taste[1]}
        if self.success is not None:
            found |= {f"success.{k}": v for k, v in self.success.state_dict().items()}
        return found

    def config(self) -> dict[str, object]:
        """The sizes that `assemble` needs, for the manifest."""
        success = self.success
        return {
            "next_item": vars(self.next_item.config),
            "mixture": vars(self.mixture),
            "success": None if success is None else vars(success.config),
            "success_text": success is not None and success.text is not None,
        }


def assemble(manifest: Manifest, tensors: dict[str, Tensor]) -> Parts:
    """Raises CorruptArtefact where weights and manifest do not fit each other."""
    try:
        rows = len(tensors["next_item.items.id"])
        width = manifest.text_width
        model = NextItemModel(rows, width, ModelConfig(**manifest.config["next_item"]))
        model.load_state_dict(_under(tensors, "next_item."))
        success = None
        if manifest.config["success"] is not None:
            slots = tensors["success.slots"]
            concepts = len(tensors["success.concept"]) - 1
            success = SuccessModel(
                slots,
                concepts,
                width if manifest.config["success_text"] else 0,
                SuccessConfig(**manifest.config["success"]),
            )
            success.load_state_dict(_under(tensors, "success."))
            success.eval()
        mixture = Mixture(**manifest.config["mixture"])
        index, value = tensors["linear.index"], tensors["linear.value"]
        taste = None
        if "taste.index" in tensors:
            taste = tensors["taste.index"], tensors["taste.value"]
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CorruptArtefact(f"weights and manifest do not fit: {error}") from error
    if rows != manifest.items + 1 or len(index) != rows or index.shape != value.shape:
        raise CorruptArtefact("weights and manifest do not fit: another number of items")
    if taste is not None and (len(taste[0]) != rows or taste[0].shape != taste[1].shape):
        raise CorruptArtefact("weights and manifest do not fit: another number of items")
    return Parts(model.eval(), index, value, mixture, success, taste)


def _rebind(kept: tuple[Tensor, Tensor], rows: Tensor, back: Tensor) -> tuple[Tensor, Tensor]:
    """Kept rows of a version over the rows of a catalogue; items of only one of them have none."""
    index = back[kept[0][rows].long()]
    return index, torch.where((index == 0) | (rows == 0)[:, None], 0.0, kept[1][rows])


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


class Recommender:
    """A loaded model version."""

    def __init__(
        self, manifest: Manifest, names: Names, parts: Parts, device: torch.device
    ) -> None:
        self.manifest = manifest
        self.names = names
        self.parts = parts
        self.device = device
        try:
            self.reweighting = Reweighting.read(manifest.config.get("reweighting"))
        except ValueError as error:
            raise CorruptArtefact(f"manifest: {error}") from error

    @classmethod
    def load(cls, artefact: Path, *, device: str = "auto") -> Recommender:
        """Raises IncompatibleArtefact or CorruptArtefact."""
        manifest, names, tensors = read_artefact(artefact)
        return cls(manifest, names, assemble(manifest, tensors), pick(device))

    def bind(self, catalogue: Catalogue) -> BoundRecommender:
        """This version over a catalogue as it is now.

        Items that the version does not know have no id vector and are ranked by their text. Raises
        IncompatibleArtefact where the text vectors come from another encoder than the version's.
        """
        if self.manifest.text_width:
            if catalogue.text is not None and catalogue.encoder != self.manifest.encoder:
                raise IncompatibleArtefact(
                    f"text vectors of encoder {catalogue.encoder[:12]}, the version was trained on "
                    f"{self.manifest.encoder[:12]}"
                )
            if catalogue.text is not None and catalogue.text.shape[1] != self.manifest.text_width:
                raise IncompatibleArtefact(
                    f"text vectors {catalogue.text.shape[1]} wide, expected {self.manifest.text_width}"
                )
        return BoundRecommender(self, catalogue)


class BoundRecommender:
    """A version over one catalogue; histories and candidates are rows of that catalogue."""

    def __init__(self, recommender: Recommender, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.device = recommender.device
        self.mixture = recommender.parts.mixture
        self.reweighting = recommender.reweighting
        parts, names = recommender.parts, recommender.names
        own = {key: row for row, key in enumerate(names.items, start=1)}
        rows = torch.tensor([0, *(own.get(key, 0) for key in catalogue.keys)])  # [V] version's row
        text = None
        if recommender.manifest.text_width:
            given = catalogue.text
            if given is None:
                given = np.zeros((catalogue.rows, recommender.manifest.text_width), np.float32)
            text = torch.from_numpy(np.array(given, dtype=np.float32))
        self.model = parts.next_item.to(self.device)
        with torch.no_grad():
            items = parts.next_item.items
            here = rows.to(self.device)
            keep = items.warm[here] * (here > 0)[:, None]
            about = None if text is None else text.to(self.device)
            vectors = items.compose(keep, items.id[here], about)
            vectors[0] = 0
            met = (items.met[here, 0] > 0) & (here > 0)
        self.vectors = vectors  # [V, D]
        self.met = met  # [V]
        self.text = None if text is None else text.to(self.device)
        back = torch.zeros(len(own) + 1, dtype=torch.int32)  # version's row -> catalogue's row
        back[rows] = torch.arange(len(rows), dtype=torch.int32)
        back[0] = 0
        index, value = _rebind((parts.index, parts.value), rows, back)
        self.index, self.value = index.to(self.device), value.to(self.device)
        self.taste = None  # sparse [V, V]
        if parts.taste is not None:
            self.taste = as_sparse(*_rebind(parts.taste, rows, back)).to(self.device)
        self.success = self._success(parts.success, names, rows)

    def _success(
        self, head: SuccessModel | None, names: Names, rows: Tensor
    ) -> SuccessModel | None:
        if head is None:
            return None
        known = {key: number for number, key in enumerate(names.concepts, start=1)}
        concept = np.array([0, *(known.get(key, 0) for key in self.catalogue.concept_keys)])
        slots = torch.from_numpy(concept[self.catalogue.concept_slots])
        return head.cpu().rebind(slots, rows).to(self.device)

    def _batches(
        self, log: EventLog, now: float, weights: Weights | None
    ) -> list[tuple[slice, Batch]]:
        ends = known_by(log, now)
        found = []
        for start in range(0, log.learners, BATCH):
            who = np.arange(start, min(start + BATCH, log.learners))
            rows = slice(start, start + len(who))
            batch = make_batch(log, who, ends[who], self.model.config.length).to(self.device)
            if weights is not None:
                hers = weights.rows(rows, self.device)
                batch = replace(batch, log_weight=hers.of_events(batch))
            found.append((rows, batch))
        return found

    def attention_score(self, batch: Batch) -> Tensor:
        """Probabilities [B, V] of the attention part."""
        logits = self.model.last_states(batch, self.vectors) @ self.vectors.T
        return probabilities(logits, self.met, batch.item)

    def linear_score(self, batch: Batch, decay: float) -> Tensor:
        """[B, V] of the item-to-item part."""
        weight = event_weight(batch, decay)
        return linear.score(batch.item, weight, self.index, self.value)

    @torch.inference_mode()
    def score(self, log: EventLog, *, now: float, weights: Weights | None = None) -> Scores:
        """Affinities of all learners of the log; one without events gets the prior.

        Events later than `now` plus the accepted clock error are not read. `weights` are those of the
        same learners: a row of zeros gives the very bits that None gives.
        """
        batches = self._batches(log, now, weights)
        affinity = np.full((log.learners, self.catalogue.rows), -np.inf, dtype=np.float32)
        decay = self.mixture.decay
        for rows, batch in batches:
            mixed = self.mixture.combine(
                self.attention_score(batch), self.linear_score(batch, decay)
            )
            scores = self.mixture.heat * mixed.log()
            if weights is not None:
                scores += weights.rows(rows, self.device).of_candidates(self.taste)
            scores[:, 0] = -torch.inf
            affinity[rows] = scores.log_softmax(1).cpu().numpy()
        return Scores(self, affinity, batches)

    @torch.inference_mode()
    def predict_success(
        self, log: EventLog, candidates: NDArray[np.integer], *, now: float
    ) -> NDArray[np.float32]:
        """P(correct) [B, C]; NaN where the item is not gradable or cannot be predicted."""
        out = np.full(candidates.shape, np.nan, dtype=np.float32)
        if self.success is None or not candidates.size:
            return out
        gradable = self.catalogue.gradable[candidates] & (candidates > 0)
        ends = known_by(log, now)
        before = ranges(np.zeros_like(ends), np.diff(log.offsets)) < np.repeat(
            ends, np.diff(log.offsets)
        )
        answers = select_events(log, is_answer(log) & before)
        out = predict_success(self.success, answers, candidates, self.text)
        return np.where(gradable, out, np.float32(np.nan))


@dataclass(frozen=True)
class Scores:
    """Affinities, and on demand what they are made of."""

    bound: BoundRecommender
    affinity: NDArray[np.float32]  # [B, V] log-probabilities, -inf on PAD
    batches: list[tuple[slice, Batch]]

    @torch.inference_mode()
    def contributions(self, items: NDArray[np.integer], top: int = 32) -> Contributions:
        """The largest contributions to the affinity of items [B, K]; columns of PAD are to be ignored."""
        B, K = items.shape
        event = np.full((B, K, top), -1, dtype=np.int32)
        share = np.zeros((B, K, top), dtype=np.float32)
        prior = np.take_along_axis(self.affinity, items.astype(np.int64), axis=1)
        for rows, batch in self.batches:
            wanted = torch.from_numpy(items[rows].astype(np.int64)).to(self.bound.device)
            parts = self.all_contributions(batch, wanted)
            prior[rows] -= parts.sum(2).cpu().numpy()
            kept = min(top, parts.shape[2])
            chosen = parts.abs().topk(kept, dim=2).indices  # [b, K, kept]
            where = batch.position[:, None, :].expand(-1, K, -1).gather(2, chosen)
            share[rows, :, :kept] = parts.gather(2, chosen).cpu().numpy()
            event[rows, :, :kept] = where.cpu().numpy()
        share[event < 0] = 0
        return Contributions(event, share, prior)

    def all_contributions(self, batch: Batch, wanted: Tensor) -> Tensor:
        """Shares [B, K, L] of every event in the affinities of items [B, K].

        The affinity is τ · log s; a part that is the fraction r of s counts r of it. Within the
        attention part event j has ``α_j · (value_j · e_i)``, within the linear parts its exact term: that
        is the change of log s, to first order, when the event's weight is multiplied.
        """
        bound, mixture = self.bound, self.bound.mixture
        told = bound.model.explain(batch, bound.vectors)
        attention = torch.einsum("bkd,bld->bkl", bound.vectors[wanted], told.event)
        probability = probabilities(told.state @ bound.vectors.T, bound.met, batch.item)
        probability = probability.gather(1, wanted)  # [B, K]
        weight = event_weight(batch, mixture.decay)
        direct = torch.zeros_like(attention)
        if mixture.linear:
            entries = linear.entries(batch.item, wanted, bound.index, bound.value)  # [B, K, L]
            direct += mixture.linear * weight[:, None] * entries
        total = (probability + direct.sum(2)).clamp(min=FLOOR)[..., None]
        parts = mixture.heat * (probability[..., None] * attention + direct) / total
        return parts.masked_fill(~batch.mask[:, None], 0.0)


def event_weight(batch: Batch, decay: float) -> Tensor:
    """What each event [B, L] counts in the linear parts: recency times the learner's own weight."""
    weight = linear.recency(batch.item, batch.mask, decay)
    return weight if batch.log_weight is None else weight * batch.log_weight.exp()


def known_by(log: EventLog, now: float) -> NDArray[np.int64]:
    """[N] how many events of each learner lie at or before `now` (unknown times do)."""
    early = ~(np.asarray(log.time) > now + CLOCK_TOLERANCE)
    return np.diff(np.concatenate([[0], np.cumsum(early)])[log.offsets])
