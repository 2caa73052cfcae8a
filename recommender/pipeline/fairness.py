"""How a version serves the parts of its learners: the report of a run, and what the gate compares.

Parts are groups, thirds by pace, and the values of each attribute that an operator has declared. Neither is anything that a
model reads: they are looked up here, after the training, and only figures of parts that are large enough are kept.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from learners.selectors.parts import list_attributes_of, list_groups_of
from recommender.core.catalogue import Catalogue
from recommender.core.config import TrainConfig
from recommender.core.evaluation import Cases, ScoreFn, exclude, rank_cases
from recommender.core.events import RIGHT, EventLog
from recommender.core.fairness import describe, tabulate
from recommender.core.learner_parts import Dimension, Floats, Ints, Part, find_pace, split_by_pace
from recommender.core.scoring import scorer
from recommender.core.serving import BoundRecommender, Recommender
from recommender.core.split import Split
from recommender.core.success_training import predict_answers
from recommender.core.tallies import is_retry
from recommender.core.training import measured_cases

PLACES: Final = 10
"""Of each list so many first items are looked at."""
BATCH: Final = 256
DIGITS: Final = 4

Answers = tuple[Ints, Floats, Floats, Ints]
"""Learners [A], P(correct) [A], right or not [A], concepts [A, S] of answers."""


def report_fairness(
    folder: Path,
    *,
    split: Split,
    people: NDArray[np.int64],
    catalogue: Catalogue,
    config: TrainConfig,
    device: str,
    check: Callable[[], None],
) -> dict[str, Any]:
    """Measure the version in `folder` by parts, on the cases and answers that its run held out.

    `people` are the keys of the log's learners by index, `check` may raise to end it. Returns what
    `core.fairness.describe` does, rounded.
    """
    bound = Recommender.load(folder, device=device).bind(catalogue)
    candidates = torch.from_numpy(split.train.item_counts(catalogue.rows) > 0)
    candidates[0] = False
    cases = measured_cases(split, catalogue.rows, config)
    rank, lists = _rank_and_list(bound, split.valid_log, cases, candidates, check)
    promised = _promise(bound, split.valid_log, cases, lists, check)
    table = tabulate(cases.learner, rank, lists, promised, *_predict_held_out(bound, split))
    check()
    pace = find_pace(split.train)
    return shorten(describe(table, list_dimensions(people, members=table.learner, pace=pace)))


def list_dimensions(
    people: NDArray[np.int64], *, members: Ints, pace: Floats
) -> Sequence[Dimension]:
    """The ways to divide the log's learners `members` [M]: by group, by pace [N], by each declared attribute.

    Whoever is in no group, or has no value, is in a part without a name. A way that divides nobody is left out.
    """
    ids = people[members].tolist()
    groups = list_groups_of(learner_ids=ids)
    found = []
    if groups:
        by_group = [
            Part(str(key), name, _places(people, ids)) for (key, name), ids in groups.items()
        ]
        found.append(_complete(Dimension("group", "", by_group), members))
    by_pace = split_by_pace(pace, members)
    if np.isfinite(pace[members]).any():
        found.append(by_pace)
    for name, values in list_attributes_of(learner_ids=ids).items():
        by_value = [Part(value, value, _places(people, ids)) for value, ids in values.items()]
        found.append(_complete(Dimension("attribute", name, by_value), members))
    return found


def shorten(value: Any) -> Any:
    """The same with rounded numbers: what is stored is read by people."""
    if isinstance(value, dict):
        return {key: shorten(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shorten(each) for each in value]
    return round(value, DIGITS) if isinstance(value, float) else value


def _places(people: NDArray[np.int64], ids: Sequence[int]) -> Ints:
    return np.searchsorted(people, np.array(ids, dtype=np.int64)).astype(np.int64)


def _complete(dimension: Dimension, members: Ints) -> Dimension:
    placed = np.concatenate([part.members for part in dimension.parts])
    rest = Part("", "", np.setdiff1d(members, placed))
    return dimension._replace(parts=[*dimension.parts, rest])


def _rank_and_list(
    bound: BoundRecommender,
    log: EventLog,
    cases: Cases,
    candidates: Tensor,
    check: Callable[[], None],
) -> tuple[Floats, Ints]:
    """Ranks [C] of the targets, and the first items [C, PLACES] of each list (0 = there are no more)."""
    score: ScoreFn = scorer(bound, log)
    lists = [np.zeros((0, PLACES), dtype=np.int64)]

    def listing(who: NDArray[np.int64], end: NDArray[np.int64]) -> Tensor:
        check()
        scores = score(who, end).float().cpu()
        open_ones = exclude(scores, log, Cases(who, end, np.zeros_like(end)), candidates)
        best = open_ones.topk(min(PLACES, open_ones.shape[1]), dim=1)
        first = np.zeros((len(who), PLACES), dtype=np.int64)
        kept = best.indices.masked_fill(torch.isneginf(best.values), 0)
        first[:, : kept.shape[1]] = kept.numpy()
        lists.append(first)
        return scores

    return rank_cases(listing, log, cases, candidates), np.concatenate(lists)


def _promise(
    bound: BoundRecommender, log: EventLog, cases: Cases, lists: Ints, check: Callable[[], None]
) -> Floats:
    """[C] mean P(correct) of the exercises on each list, NaN where there is none."""
    found = np.full(len(cases), np.nan)
    for start in range(0, len(cases), BATCH):
        check()
        some = slice(start, min(start + BATCH, len(cases)))
        first = log.offsets[cases.learner[some]]
        history = log.between(first, first + cases.end[some])
        chance = bound.predict_success(history, lists[some], now=np.inf)
        known = np.isfinite(chance)
        total, count = np.where(known, chance, 0.0).sum(1), known.sum(1)
        found[some] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return found


def _predict_held_out(bound: BoundRecommender, split: Split) -> Answers:
    """What the version promised for each answer of the learners whose answers its run held out; retries left out."""
    head, log = bound.success, split.answers
    if head is None or not len(split.success_valid):
        width = bound.catalogue.concept_slots.shape[1]
        nothing = np.zeros(0)
        return nothing.astype(np.int64), nothing, nothing, np.zeros((0, width), dtype=np.int64)
    device = head.prior.device
    logits, rows = predict_answers(head, log, split.success_valid, bound.text, device)
    kept = torch.from_numpy(~is_retry(log))[rows]
    logits, events = logits[kept], rows[kept].numpy()
    item = np.asarray(log.item, dtype=np.int64)[events]
    count = head.count[torch.from_numpy(item).to(device)]
    chance = head.calibrated(logits.to(device), count).cpu().double().numpy()
    right = (np.asarray(log.outcome)[events] == RIGHT).astype(np.float64)
    learner = np.searchsorted(log.offsets, events, side="right") - 1
    return learner.astype(np.int64), chance, right, bound.catalogue.concept_slots[item]
