"""A model version at work: scores, contributions and predicted success for many learners at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recommender.core import linear
from recommender.core.artefact import Manifest, Names, read_artefact
from recommender.core.catalogue import Catalogue
from recommender.core.device import pick
from recommender.core.errors import CorruptArtefact, IncompatibleArtefact
from recommender.core.events import EventLog, ranges
from recommender.core.features import Adjust, Batch, is_answer, make_batch, select_events
from recommender.core.mixture import FLOOR, probabilities
from recommender.core.parts import Parts, assemble
from recommender.core.prediction import predict_success
from recommender.core.reweighting import Reweighting
from recommender.core.shortlist import DIRECT, EXACT_ROWS, Direct, Nearest, padded, union
from recommender.core.success import SuccessModel
from recommender.core.untouched import Untouched
from recommender.core.weights import Weights

TILE = 8192
"""Events of a batch on a CPU: what is computed from them then stays in its cache."""
CLOCK_TOLERANCE = 300.0
"""Seconds that a learner's clock may be ahead: as much as the platform accepts."""
Watch = Callable[[slice, Batch], Adjust]
"""(which learners of the log, their batch) -> what looks at their attention."""


@dataclass(frozen=True)
class Contributions:
    """The events that matter most for some scores.

    ``prior + share.sum(-1)`` is the affinity where all events are kept (beyond `top` they are missing).
    """

    event: NDArray[np.int32]  # [B, K, top] position within the learner's history, -1 = none
    share: NDArray[np.float32]  # [B, K, top] signed, by falling magnitude
    prior: NDArray[np.float32]  # [B, K] what was there before any event


def _rebind(kept: tuple[Tensor, Tensor], rows: Tensor, back: Tensor) -> tuple[Tensor, Tensor]:
    """Kept rows of a version over the rows of a catalogue, columns rising within a row.

    Items of only one of the two have no entries.
    """
    index, order = back[kept[0][rows].long()].sort(dim=1)
    value = kept[1][rows].gather(1, order)
    return index, torch.where((index == 0) | (rows == 0)[:, None], 0.0, value)


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

        Items that the version does not know are placed by those with similar texts. Raises
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
            met, warm = (items.met[here, 0] > 0) & (here > 0), keep[:, 0] > 0
        self.met = met  # [V]
        self.text = about
        untouched = None if about is None else Untouched.find(about, met, warm)
        self.vectors = vectors if untouched is None else untouched.place(vectors)  # [V, D]
        self.bias = None if untouched is None else untouched.bias(catalogue.rows)  # [V]
        back = torch.zeros(len(own) + 1, dtype=torch.int32)  # version's row -> catalogue's row
        back[rows] = torch.arange(len(rows), dtype=torch.int32)
        back[0] = 0
        index, value = _rebind((parts.index, parts.value), rows, back)
        if untouched is not None:
            index, value = untouched.join(index, value)
        self.index, self.value = index.to(self.device), value.to(self.device)
        self.taste: tuple[Tensor, Tensor] | None = None  # kept rows, as the linear part
        if parts.taste is not None:
            index, value = _rebind(parts.taste, rows, back)
            self.taste = index.to(self.device), value.to(self.device)
        self.success = self._success(parts.success, names, rows)
        large = catalogue.rows > EXACT_ROWS and self.device.type == "cpu"
        self.nearest = Nearest(self.vectors, self.met) if large else None

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
        self, log: EventLog, now: float, weights: Weights | None, watch: Watch | None = None
    ) -> list[tuple[slice, Batch]]:
        ends = known_by(log, now)
        found = []
        length = self.model.config.length
        size = 256 if self.device.type != "cpu" else int(np.clip(TILE // length, 16, 256))
        for start in range(0, log.learners, size):
            who = np.arange(start, min(start + size, log.learners))
            rows = slice(start, start + len(who))
            batch = make_batch(log, who, ends[who], length).to(self.device)
            if weights is not None:
                hers = weights.rows(rows, self.device)
                batch = replace(batch, log_weight=hers.of_events(batch))
            if watch is not None:
                batch = replace(batch, adjust=watch(rows, batch))
            found.append((rows, batch))
        return found

    def attention_score(self, batch: Batch) -> Tensor:
        """Probabilities [B, V] of the attention part."""
        states = self.model.last_states(batch, self.vectors)
        return probabilities(self.logits(states), self.met, batch.item)

    def logits(self, states: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Of the whole catalogue [B, V], or of items [B, K], after states [B, D]."""
        if wanted is None:
            found = states @ self.vectors.T
            return found if self.bias is None else found + self.bias
        found = torch.einsum("bd,bkd->bk", states, self.vectors[wanted])
        return found if self.bias is None else found + self.bias[wanted]

    def probability(self, states: Tensor, batch: Batch, wanted: Tensor) -> Tensor:
        """Probabilities [B, K] of the attention part for items [B, K] after states [B, D]."""
        if self.nearest is None:
            found = probabilities(self.logits(states), self.met, batch.item)
            return found.gather(1, wanted)
        logits, near = self.nearest.search(states)
        norm = self.nearest.log_norm(states, logits, near, batch.item)
        return (self.logits(states, wanted) - norm).clamp(max=0).exp()

    def linear_score(self, batch: Batch, decay: float) -> Tensor:
        """[B, V] of the item-to-item part."""
        weight = event_weight(batch, decay)
        return linear.score(batch.item, weight, self.index, self.value)

    @torch.inference_mode()
    def score(
        self,
        log: EventLog,
        *,
        now: float,
        weights: Weights | None = None,
        among: Sequence[NDArray[np.integer]] | None = None,
        watch: Watch | None = None,
    ) -> Scores:
        """Affinities of all learners of the log; one without events gets the prior.

        Events later than `now` plus the accepted clock error are not read. `weights` are those of the
        same learners: a row of zeros gives the very bits that None gives. Over a catalogue of more than
        EXACT_ROWS items only candidates have a finite affinity (see `shortlist`): rows of the
        catalogue that must be among a learner's are named in `among`. `watch` sees the attention
        of the last states on its way to the scores, and may repair it: contributions then follow.
        """
        batches = self._batches(log, now, weights, watch)
        affinity = np.full((log.learners, self.catalogue.rows), -np.inf, dtype=np.float32)
        for rows, batch in batches:
            items, scores = self._scores(rows, batch, weights, among)
            found = scores.log_softmax(1).cpu().numpy()
            if items is None:
                affinity[rows] = found
            else:  # places left over all name PAD, and are -inf
                np.put_along_axis(affinity[rows], items.cpu().numpy(), found, axis=1)
        return Scores(self, affinity, batches)

    @torch.inference_mode()
    def best(
        self, log: EventLog, count: int, *, now: float, weights: Weights | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Items and affinities [B, count] of the highest affinity, without an array over the catalogue.

        Fewer than `count` are followed by PAD with -inf.
        """
        items = np.zeros((log.learners, count), dtype=np.int64)
        affinity = np.full((log.learners, count), -np.inf, dtype=np.float32)
        for rows, batch in self._batches(log, now, weights):
            among, scores = self._scores(rows, batch, weights, None)
            kept = min(count, scores.shape[1])
            found = scores.log_softmax(1).topk(kept, dim=1)
            place = found.indices if among is None else among.gather(1, found.indices)
            items[rows, :kept] = place.cpu().numpy()
            affinity[rows, :kept] = found.values.cpu().numpy()
        return items, affinity

    def _scores(
        self,
        rows: slice,
        batch: Batch,
        weights: Weights | None,
        among: Sequence[NDArray[np.integer]] | None,
    ) -> tuple[Tensor | None, Tensor]:
        """Candidates [B, K] (None: the whole catalogue) and their scores; PAD has -inf."""
        decay = self.mixture.decay
        items = None
        if self.nearest is None:
            probability, direct = self.attention_score(batch), self.linear_score(batch, decay)
        else:
            states = self.model.last_states(batch, self.vectors)
            logits, near = self.nearest.search(states)
            sparse = Direct.of(batch.item, event_weight(batch, decay), self.index, self.value)
            items = union(near, sparse.largest(DIRECT), padded(among, rows, near))
            norm = self.nearest.log_norm(states, logits, near, batch.item)
            probability = (self.logits(states, items) - norm).clamp(max=0).exp()
            direct = sparse.at(items)
        scores = self.mixture.heat * self.mixture.combine(probability, direct).log()
        if weights is not None:
            hers = weights.rows(rows, self.device).of_candidates(self.taste)
            scores += hers if items is None else hers.gather(1, items)
        if items is None:
            scores[:, 0] = -torch.inf
        else:
            scores = scores.masked_fill(items == 0, -torch.inf)
        return items, scores

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
        probability = bound.probability(told.state, batch, wanted)  # [B, K]
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
