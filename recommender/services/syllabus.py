"""The slate that needs no model: the order of the courses, under prerequisites and her teachers' rules."""

import math
from datetime import datetime
from typing import Any, Final

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from content.selectors import catalogue_rows, prerequisite_map
from learners.services.freshness import mark_dirty
from recommender import reasons
from recommender.core.ranking import Candidates, RankingConfig, syllabus
from recommender.models import Slate
from recommender.selectors.freshness import read_clock_and_counts
from recommender.selectors.outline import build_outline
from recommender.selectors.situations import read_situations
from recommender.services.slates import name_cited_events
from recommender.standing import Outline, Situation, Standing, assess
from recommender.terms import Term

TURNS_BACK: Final = 10
"""What a learner has just called too hard or too easy goes back by so many turns of its course."""
NOT_IN_SYLLABUS: Final = frozenset({Term.RETEACHING})
"""The order of the courses stays the plain one that versions are compared with."""
REMEDY_RANK: Final = 3
"""The first remedy stands here at the latest, whatever a teacher assigned."""


def store_first_slate(*, learner_id: int) -> Slate:
    """Compute and store a syllabus slate for a learner who has none, and have her refreshed by a worker.

    Runs inside a request, so it reads her own courses only, with what their concepts build on directly, in a fixed
    number of queries; and it doesn't need torch.
    """
    with transaction.atomic():
        now, seq, clean = read_clock_and_counts(learner_id=learner_id)
        read = read_situations(learner_ids=[learner_id], now=now)[learner_id]
        rows = catalogue_rows(course_ids=read.situation.courses)
        concepts = {concept for row in rows for concept in row.concept_ids}
        outline = build_outline(rows, prerequisite_map(concept_ids=concepts))
        standing = assess(outline, read.situation, now=now, without=NOT_IN_SYLLABUS)
        slate = make_syllabus_slate(
            outline, read.situation, standing, started=bool(read.history), seq=seq, now=now
        )
        name_cited_events([slate])
        # Nothing to overwrite: she has no slate, or has got her first one just now from somebody else.
        slate.save(force_insert=True)
        if seq == clean:  # nothing else will bring a worker to her
            mark_dirty(learner_ids=[learner_id])
    return slate


def make_syllabus_slate(
    outline: Outline,
    situation: Situation,
    standing: Standing,
    *,
    started: bool,
    seq: int,
    now: datetime,
    version_id: int | None = None,
) -> Slate:
    """A syllabus slate that isn't stored yet.

    `started` tells whether she has done anything; `version_id` is the version in force, which had no say in it.
    """
    return Slate(
        learner_id=situation.learner,
        model_version_id=version_id,
        source=Slate.Source.SYLLABUS,
        computed_at=now,
        seq=seq,
        entries=_build_entries(outline, standing, started=started),
    )


def _build_entries(outline: Outline, standing: Standing, *, started: bool) -> list[dict[str, Any]]:
    rows = rank_syllabus(outline, standing)
    return [
        {
            "item": int(outline.item_ids[row]),
            "score": round(1 - place / len(rows), 4),
            "success": None,
            "retrievability": tell_recall(standing, int(row)),
            "terms": {},
            "again": bool(standing.review[row]),
            "propensity": 1.0,
            "reasons": [
                *common_reasons(outline, standing, int(row)),
                reasons.from_syllabus(course=int(outline.course_ids[row]), started=started),
            ],
        }
        for place, row in enumerate(rows)
    ]


def common_reasons(outline: Outline, standing: Standing, row: int) -> list[reasons.Stored]:
    """What a teacher, a failing concept, a due review or something too hard say for an item, whichever way it was ranked."""
    found = []
    if standing.pinned[row] or standing.assigned[row]:
        found.append(reasons.from_teacher(pinned=bool(standing.pinned[row])))
    if row in standing.remedies:
        found.append(reasons.from_remedy(standing.remedies[row], outline.concept_ids))
    elif row in standing.reteaching:
        found.append(reasons.from_reteaching(standing.reteaching[row], outline.concept_ids))
    elif standing.review[row]:
        found.append(reasons.from_review(tell_recall(standing, row)))
    if row in standing.helps:
        found.append(reasons.from_scaffold(standing.helps[row]))
    return found


def tell_recall(standing: Standing, row: int) -> float | None:
    """What an entry says of memory: None where she has answered nothing."""
    recall = float(standing.recall[row])
    return round(recall, 4) if math.isfinite(recall) else None


def rank_syllabus(outline: Outline, standing: Standing) -> NDArray[np.int64]:
    """Rows of a syllabus slate, best first.

    Pinned before assigned before remedies before what is new, in the order of the courses, which take turns; what is due
    again comes after what is new, and what lacks a prerequisite comes last. What she called too hard or too easy goes back.
    """
    place = (
        _turns(outline, standing.eligible)
        + TURNS_BACK * standing.declined
        + 1e6 * (standing.review & (standing.remedial == 0))
        - 1e8 * standing.remedial
        - 1e9 * standing.pinned
    )
    ranking = syllabus(
        as_candidates(outline, standing, place=place, affinity=None, success=None),
        config=RankingConfig(),
    )
    return ranking.items[enforce_rules(ranking.items, standing)]


def as_candidates(
    outline: Outline,
    standing: Standing,
    *,
    place: NDArray[np.float64],
    affinity: NDArray[np.float32] | None,
    success: NDArray[np.float64] | None,
    reweighting: NDArray[np.float64] | None = None,
) -> Candidates:
    """The standing as the core's ranking reads it.

    A teacher's word is stronger than missing prerequisites, and so is a remedy: she has been at what builds on it.
    """
    wanted = standing.assigned | standing.pinned
    called_for = wanted | (standing.remedial > 0)
    return Candidates(
        eligible=standing.eligible,
        course=outline.course_ids,
        missing_prerequisites=np.where(called_for, 0, standing.missing),
        remedial=standing.remedial.astype(np.float64),
        assigned=wanted,
        teach_first=standing.teach_first,
        declined=standing.declined,
        scaffold=standing.scaffold,
        syllabus=place,
        success=np.full(outline.rows, np.nan) if success is None else success,
        affinity=np.zeros(outline.rows) if affinity is None else affinity.astype(np.float64),
        reweighting=np.zeros(outline.rows) if reweighting is None else reweighting,
        retrievability=np.where(standing.review, standing.recall, np.nan),
    )


def enforce_rules(rows: NDArray[np.int64], standing: Standing) -> NDArray[np.int64]:
    """Indices into ranked `rows` that put pinned items first and a remedy among the first three.

    A teacher may have assigned more than fits above it.
    """
    order = np.argsort(~standing.pinned[rows], kind="stable")
    places = np.flatnonzero(standing.remedial[rows[order]] > 0)
    if not len(places) or places[0] < REMEDY_RANK:
        return order
    return np.insert(np.delete(order, places[0]), REMEDY_RANK - 1, order[places[0]])


def _turns(outline: Outline, eligible: NDArray[np.bool_]) -> NDArray[np.float64]:
    """[V] which of its course's eligible items each row is, in the order of the course."""
    rows = np.flatnonzero(eligible)
    by_course = rows[np.lexsort((outline.order[rows], outline.course_ids[rows]))]
    courses = outline.course_ids[by_course]
    turn = np.zeros(outline.rows)
    turn[by_course] = np.arange(len(rows)) - np.searchsorted(courses, courses)
    return turn
