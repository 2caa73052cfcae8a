"""The activation gate: does a candidate rank what learners did next better than what serves now?

Judged on events that neither the candidate nor the active version was trained on: each item that a learner met for the
first time since, with everything before it as context. Better means that the paired 95% interval of the difference in
NDCG@10 lies above zero, against the active version and against each simple ranker, and that no part of the learners (a
class, a third by pace, those of a declared value) is shown to lose more than a margin against the active version. Targets
that were met through an exploration slot are counted apart as well, because the active version chose what else was shown.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from django.conf import settings
from django.utils import timezone
from numpy.typing import NDArray

from recommender.core import metrics
from recommender.core.errors import ArtefactError
from recommender.core.evaluation import Cases, cases_at, per_learner, rank_cases
from recommender.core.events import EventLog
from recommender.core.falling_behind import compare_parts, list_behind
from recommender.core.features import arrived_in_order, first_meeting, select_events
from recommender.core.learner_parts import find_pace
from recommender.core.scoring import scorer
from recommender.core.serving import Recommender
from recommender.models import ModelVersion
from recommender.pipeline.artefacts import UnavailableArtefact, load_version
from recommender.pipeline.catalogue import load_catalogue
from recommender.pipeline.comparison import compare, fit_simple_rankers
from recommender.pipeline.export import export_events
from recommender.pipeline.fairness import list_dimensions, shorten
from recommender.pipeline.heartbeat import Heartbeat, hold_lease
from recommender.pipeline.workfolders import scratch_folder
from recommender.selectors.gate import (
    BEHIND,
    BETTER,
    NOT_BETTER,
    NOT_ENOUGH,
    UNUSABLE,
    name_lease,
    newest_event_id,
)
from recommender.selectors.versions import get_active_version
from recommender.services.activation import BY_GATE, Overtaken, activate_version, record_verdict
from recommender.services.leases import LostLease

logger = logging.getLogger(__name__)

MAX_CASES: Final = 20_000
"""The newest so many are judged: enough for narrow intervals, and it bounds the time."""
CANDIDATE: Final = "candidate"
ACTIVE: Final = "active"


@dataclass(frozen=True)
class _Evidence:
    log: EventLog
    people: NDArray[np.int64]  # [N] the learners' keys
    cases: Cases
    explored: NDArray[np.bool_]  # [C]
    before: NDArray[np.bool_]  # [E] received within the data windows
    candidates: torch.Tensor  # bool [V]


def judge_candidate(*, version: ModelVersion) -> dict[str, Any] | None:
    """Judge `version`, keep the verdict in its row, and activate it where it is better.

    Returns what was found; None where another worker is judging it or has taken it over meanwhile, and
    where this machine cannot load what is to be compared: nothing is recorded then.
    """
    with hold_lease(name_lease(version.pk)) as held:
        if held is None:
            return None
        owner, heartbeat = held
        try:
            return _judge_held(version, owner, heartbeat)
        except LostLease:
            logger.warning("lease lost while judging", extra={"version": version.pk})
            return None
        except UnavailableArtefact as error:
            logger.error(
                "candidate not judged here", extra={"version": version.pk, "error": str(error)}
            )
            return None


def _judge_held(version: ModelVersion, owner: str, heartbeat: Heartbeat) -> dict[str, Any]:
    active = get_active_version()
    since = max(version.data_until, active.data_until) if active else version.data_until
    newest = newest_event_id()
    with scratch_folder() as folder:
        found = _judge(version, active, since=since, folder=folder, check=heartbeat.check)
    found |= {
        "since": since.isoformat(),
        "needed": settings.ACTIVATION_GATE_MIN_EVENTS,
        "against": active.pk if active else None,
        "judged_at": timezone.now().isoformat(),
        "event_id": newest,
    }
    record_verdict(version_id=version.pk, gate=found, owner=owner)
    logger.info("gate", extra={"version": version.pk, "verdict": found["verdict"]})
    if found["verdict"] == BETTER:
        try:
            activate_version(version=version, reason=BY_GATE, instead_of=active)
        except Overtaken:
            logger.info("another version was activated meanwhile", extra={"version": version.pk})
    return found


def _judge(
    version: ModelVersion,
    active: ModelVersion | None,
    *,
    since: datetime,
    folder: Path,
    check: Callable[[], None],
) -> dict[str, Any]:
    try:
        candidate = load_version(version, device=settings.DEVICE)
    except ArtefactError as error:
        return {"verdict": UNUSABLE, "cases": 0, "error": str(error)}
    evidence = _collect(since, folder, encoder=candidate.manifest.encoder, check=check)
    count = len(evidence.cases)
    if count < settings.ACTIVATION_GATE_MIN_EVENTS:
        return {"verdict": NOT_ENOUGH, "cases": count}
    rankers = fit_simple_rankers(
        evidence.log,
        train=evidence.before,
        rows=len(evidence.candidates),
        candidates=evidence.candidates,
    )
    rankers[CANDIDATE] = _score(candidate, evidence)
    if active is not None:
        try:
            rankers[ACTIVE] = _score(load_version(active, device=settings.DEVICE), evidence)
        except ArtefactError as error:
            # What nobody can load serves nobody, so it is nothing to be compared with.
            logger.warning("active version not comparable", extra={"error": str(error)})
    ranks = {}
    for name, score in rankers.items():
        check()
        ranks[name] = rank_cases(score, evidence.log, evidence.cases, evidence.candidates)
    found = compare(ranks, ours=CANDIDATE, learner=evidence.cases.learner)
    better = all(diff["ndcg@10"]["low"] > 0 for diff in found["diff"].values())
    verdict = BETTER if better else NOT_BETTER
    if ACTIVE in ranks:
        check()
        found["parts"] = _compare_parts(ranks, evidence)
        if better and list_behind(found["parts"]):
            verdict = BEHIND
    found |= {
        "verdict": verdict,
        "cases": count,
        "learners": len(np.unique(evidence.cases.learner)),
        "explored": _explored(ranks, evidence.explored),
    }
    return found


def _collect(
    since: datetime, folder: Path, *, encoder: str, check: Callable[[], None]
) -> _Evidence:
    loaded = load_catalogue(encoder=encoder)
    log, people = export_events(
        folder, catalogue=loaded.catalogue, until=timezone.now(), on_page=lambda _done: check()
    )
    log = select_events(log, arrived_in_order(log))
    cut = since.timestamp()
    # A context is needed: the first thing somebody does says nothing of a ranker but its prior.
    place = np.arange(len(log)) - np.repeat(log.offsets[:-1], np.diff(log.offsets))
    offered = loaded.outline.published
    targets = np.flatnonzero(
        (log.received > cut) & first_meeting(log) & (place > 0) & offered[log.item]
    )
    newest = np.sort(targets[np.argsort(log.received[targets], kind="stable")[-MAX_CASES:]])
    return _Evidence(
        log=log,
        people=people,
        cases=cases_at(log, newest),
        explored=np.asarray(log.explored[newest]),
        before=np.asarray(log.received <= cut),
        candidates=torch.from_numpy(offered.copy()),
    )


def _score(recommender: Recommender, evidence: _Evidence) -> Any:
    catalogue = load_catalogue(encoder=recommender.manifest.encoder).catalogue
    return scorer(recommender.bind(catalogue), evidence.log)


def _compare_parts(ranks: dict[str, NDArray[np.float64]], evidence: _Evidence) -> dict[str, Any]:
    """The candidate beside the active version within each part of the learners who have cases."""
    learner = evidence.cases.learner
    members = np.unique(learner)
    ours, theirs = (per_learner(metrics.ndcg(ranks[name]), learner) for name in (CANDIDATE, ACTIVE))
    # What she did since is what both are judged on.
    pace = find_pace(evidence.log, evidence.before)
    dimensions = list_dimensions(evidence.people, members=members, pace=pace)
    margin = settings.ACTIVATION_GATE_MARGIN
    found: dict[str, Any] = shorten(compare_parts(members, ours, theirs, dimensions, margin=margin))
    return found


def _explored(
    ranks: dict[str, NDArray[np.float64]], explored: NDArray[np.bool_]
) -> dict[str, Any] | None:
    if not explored.any():
        return None
    found = {name: float(metrics.ndcg(rank[explored]).mean()) for name, rank in ranks.items()}
    return {"cases": int(explored.sum()), "ndcg@10": found}
