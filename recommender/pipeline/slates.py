"""From situations to slates: one forward pass for the batch, then ranking and reasons for each learner."""

import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from recommender import reasons
from recommender.core.ranking import Ranking
from recommender.core.reweighting import Profile
from recommender.core.weights import Weights
from recommender.difficulty import find_level
from recommender.models import Slate
from recommender.pipeline.active import ActiveModel
from recommender.pipeline.calibration import Calibrator
from recommender.pipeline.catalogue import LoadedCatalogue, load_catalogue
from recommender.pipeline.citing import Cited, choose_events, cite_events
from recommender.pipeline.exploring import describe_exploration
from recommender.pipeline.history import to_log
from recommender.pipeline.mastering import Mastering
from recommender.pipeline.ranking import choose_exercises, rank_learner
from recommender.selectors.situations import Read
from recommender.selectors.terms import read_switched_off
from recommender.services.slates import name_cited_events, read_event_names
from recommender.services.syllabus import (
    NOT_IN_SYLLABUS,
    common_reasons,
    make_syllabus_slate,
)
from recommender.standing import Standing, assess
from recommender.storage import KEPT, pack_contributions, pack_history
from recommender.terms import Term, Without

if TYPE_CHECKING:
    from recommender.core.serving import BoundRecommender

OWN_WEIGHT: Final = 4.0
"""Of the log-weight of an item, so much is added to the item itself, in the unit of affinity.

The core adds those of topics, formats and alike items. In the replays that it was fitted on nothing is rated twice; here what
she said of an item is first of all about that item, as long as it is on her list: one "not helpful" costs it half of the
range of affinity.
"""


@dataclass(frozen=True)
class _Bound:
    """A version over the catalogue as it is, kept while neither changes."""

    version_id: int
    fingerprint: str
    recommender: "BoundRecommender"


MOST_BOUND: Final = 2
"""Versions that a process holds ready: an experiment has learners of two in one batch."""

_bound: list[_Bound] = []


def make_slates(
    reads: Sequence[Read],
    *,
    seqs: Mapping[int, int],
    model: ActiveModel | None,
    now: datetime,
    profiles: Mapping[int, Profile] = MappingProxyType({}),
    calibrator: Calibrator | None = None,
    mastering: Mastering | None = None,
    on_progress: Callable[[], None] = lambda: None,
) -> list[Slate]:
    """Return one slate for each learner, not stored yet.

    Of the model for those who have done anything, else (and without a model) of the syllabus. `profiles` re-weight what
    the model attends to for those learners who have one; `calibrator` sees their attention and repairs it; `mastering`
    estimates what each of them has mastered. `on_progress` is called between the steps.
    """
    loaded = load_catalogue(encoder=model.recommender.manifest.encoder if model else "")
    off = read_switched_off()
    standings = {
        read.situation.learner: assess(
            loaded.outline,
            read.situation,
            now=now,
            without=off if model is not None and read.history else NOT_IN_SYLLABUS,
        )
        for read in reads
    }
    on_progress()
    modelled = [read for read in reads if model is not None and read.history]
    slates = [
        make_syllabus_slate(
            loaded.outline,
            read.situation,
            standings[read.situation.learner],
            started=bool(read.history),
            seq=seqs[read.situation.learner],
            version_id=model.version_id if model else None,
            now=now,
        )
        for read in reads
        if model is None or not read.history
    ]
    name_cited_events(slates)
    if mastering is not None:
        mastering.begin(loaded.outline, reads)
    if model is not None and modelled:
        slates += _make_model_slates(
            modelled,
            standings,
            loaded,
            model,
            seqs=seqs,
            now=now,
            profiles=profiles,
            calibrator=calibrator,
            mastering=mastering,
            on_progress=on_progress,
            off=off,
        )
    return slates


def forget_bound() -> None:
    """Drop what this process holds, as a fresh process would start."""
    _bound.clear()


def _bind(model: ActiveModel, loaded: LoadedCatalogue) -> "BoundRecommender":
    for bound in _bound:
        if (bound.version_id, bound.fingerprint) == (model.version_id, loaded.fingerprint):
            return bound.recommender
    recommender = model.recommender.bind(loaded.catalogue)
    current = [bound for bound in _bound if bound.fingerprint == loaded.fingerprint]
    _bound[:] = [
        *current[-(MOST_BOUND - 1) :],
        _Bound(model.version_id, loaded.fingerprint, recommender),
    ]
    return recommender


def _make_model_slates(
    reads: Sequence[Read],
    standings: Mapping[int, Standing],
    loaded: LoadedCatalogue,
    model: ActiveModel,
    *,
    seqs: Mapping[int, int],
    now: datetime,
    profiles: Mapping[int, Profile],
    calibrator: Calibrator | None,
    mastering: Mastering | None,
    on_progress: Callable[[], None],
    off: Without,
) -> list[Slate]:
    outline = loaded.outline
    bound = _bind(model, loaded)
    log = to_log([read.history for read in reads], outline.row_of)
    clock = now.timestamp()
    ordered = [standings[read.situation.learner] for read in reads]
    # A catalogue too large to be scored as a whole is searched; what she may study is scored in any case.
    among = [np.flatnonzero(standing.eligible) for standing in ordered]
    learners = [read.situation.learner for read in reads]
    own = [profiles.get(learner) for learner in learners]
    weights = Weights.of(own, loaded.catalogue)
    watch = calibrator.watch(bound, learners) if calibrator else None
    scores = bound.score(log, now=clock, weights=weights, among=among, watch=watch)
    added = _read_reweighting(bound, weights, own)
    on_progress()
    exercises = choose_exercises(scores.affinity, ordered, outline.gradable)
    if mastering is not None:
        exercises = mastering.widen(exercises, learners)
    predicted = bound.predict_success(log, exercises, now=clock)
    on_progress()

    keys = [uuid.uuid4() for _read in reads]
    rankings: list[Ranking] = []
    for place, (read, standing) in enumerate(zip(reads, ordered, strict=True)):
        success = np.full(outline.rows, np.nan)
        success[exercises[place]] = predicted[place]
        success[0] = np.nan
        if mastering is not None:
            mastering.learn(read.situation.learner, success)
        rankings.append(
            rank_learner(
                standing,
                loaded,
                affinity=scores.affinity[place],
                reweighting=added.get(place),
                success=success,
                target=read.situation.target_success,
                level=find_level(outline, read.situation.list_said, now=now),
                key=keys[place],
                without=off,
            )
        )
        if place % 64 == 0:
            on_progress()
    longest = max(len(ranking.items) for ranking in rankings)
    items = np.zeros((len(reads), longest), dtype=np.int64)
    for place, ranking in enumerate(rankings):
        items[place, : len(ranking.items)] = ranking.items
    # Where affinity doesn't count, no event weighed for anything: neither a reason nor feedback may say that one did.
    counts = longest > 0 and Term.AFFINITY not in off
    told = scores.contributions(items, top=KEPT) if counts else None
    on_progress()
    parts = [
        (told.event[place, : len(ranking.items)], told.share[place, : len(ranking.items)])
        if told
        else _no_contributions(len(ranking.items))
        for place, ranking in enumerate(rankings)
    ]
    chosen = [choose_events(read.history, *part) for read, part in zip(reads, parts, strict=True)]
    names = read_event_names(_list_cited(reads, ordered, chosen))
    on_progress()
    slates = []
    for place, (read, standing, ranking) in enumerate(zip(reads, ordered, rankings, strict=True)):
        events, shares = parts[place]
        promised = dict(zip(exercises[place].tolist(), predicted[place].tolist(), strict=True))
        learner = read.situation.learner
        slates.append(
            Slate(
                id=keys[place],
                learner_id=learner,
                model_version_id=model.version_id,
                source=Slate.Source.MODEL,
                computed_at=now,
                seq=seqs[learner],
                entries=_make_entries(
                    ranking,
                    standing=standing,
                    loaded=loaded,
                    cited=cite_events(read.history, chosen[place], names),
                    names=names,
                    success=promised,
                ),
                exploration=describe_exploration(ranking, loaded, read.situation),
                history=pack_history(np.array([row.event_id for row in read.history])),
                contributions=pack_contributions(events, shares),
            )
        )
    return slates


def _no_contributions(entries: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Events and shares of so many entries for which no event weighed anything, [K, 1]."""
    return np.full((entries, 1), -1, dtype=np.int32), np.zeros((entries, 1), dtype=np.float32)


def _read_reweighting(
    bound: "BoundRecommender", weights: Weights | None, profiles: Sequence[Profile | None]
) -> dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """What profiles add to the candidates of those who have one, by place: by the core, and to the items themselves, [V].

    The core's part is in the affinities that it gave; the ranking takes it out of them, so that it isn't cut off where
    affinity is.
    """
    if weights is None:
        return {}
    places = [place for place, each in enumerate(profiles) if each is not None and not each.empty]
    core = weights.rows(places, bound.device).of_candidates(bound.taste).cpu().numpy()
    own = OWN_WEIGHT * weights.item[places].numpy()
    return {place: (core[row], own[row]) for row, place in enumerate(places)}


def _list_cited(
    reads: Sequence[Read], standings: Sequence[Standing], chosen: Sequence[Sequence[Cited]]
) -> set[int]:
    """Primary keys of all events that the reasons of these learners' slates name."""
    cited = {
        read.history[position].event_id
        for read, entries in zip(reads, chosen, strict=True)
        for entry in entries
        for position, _share in entry
    }
    for standing in standings:
        for remedy in standing.remedies.values():
            cited.update(answer.event for answer in remedy.answers)
        cited.update(again.answer.event for again in standing.reteaching.values())
    return cited


def _make_entries(
    ranking: Ranking,
    *,
    standing: Standing,
    loaded: LoadedCatalogue,
    cited: Sequence[list[reasons.Stored]],
    names: Mapping[int, str],
    success: Mapping[int, float],
) -> list[dict[str, Any]]:
    outline = loaded.outline
    explored = ranking.exploration.item if ranking.exploration else None
    unexplored = 1 - settings.EXPLORATION_RATE
    items = outline.item_ids[ranking.items].tolist()
    scores = np.round(ranking.score, 5).tolist()
    terms = {name: np.round(values, 5).tolist() for name, values in ranking.terms.items()}
    again = standing.review[ranking.items].tolist()
    recall = standing.recall[ranking.items]
    left, known_before = recall.round(4).tolist(), np.isfinite(recall).tolist()
    entries = []
    for place, row in enumerate(ranking.items.tolist()):
        predicted = success.get(row, math.nan)
        known = math.isfinite(predicted)
        found = common_reasons(outline, standing, row)
        reasons.name_events(found, names)
        if (concept := standing.introduces.get(row)) is not None:
            found.append(reasons.from_introduction(outline.concept_ids[concept]))
        if row == explored:
            found.append(reasons.from_exploration())
        if not again[place]:
            found += cited[place]
        if known:
            found.append(reasons.from_success(predicted))
        entries.append(
            {
                "item": items[place],
                "score": scores[place],
                "success": round(predicted, 4) if known else None,
                "retrievability": left[place] if known_before[place] else None,
                # Those that are 0 are left out: most are, and a slate is written far more often than looked into.
                "terms": {name: values[place] for name, values in terms.items() if values[place]},
                "again": again[place],
                "propensity": (
                    ranking.exploration.probability
                    if ranking.exploration and row == explored
                    else unexplored
                ),
                "reasons": found
                or [reasons.from_syllabus(course=int(outline.course_ids[row]), started=True)],
            }
        )
    return entries
