"""What a version or a rule is worth in an explored slot, from this installation's own log."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
from django.conf import settings
from django.utils import timezone
from numpy.typing import NDArray

from recommender.core.errors import BadDataError
from recommender.core.policy_value import (
    ExploredSlots,
    PolicyValue,
    best,
    compare,
    estimate,
    fit_outcomes,
    uniform,
)
from recommender.models import ModelVersion
from recommender.pipeline.artefacts import load_version
from recommender.pipeline.catalogue import load_catalogue
from recommender.pipeline.rerankers import (
    POPULARITY,
    RANDOM,
    RULES,
    SERVED,
    SYLLABUS,
    Popularity,
    Reranker,
    Served,
    Syllabus,
    Version,
)
from recommender.selectors.explored_slots import (
    LoggedSlot,
    list_explored_learners,
    read_rewards,
    read_slots,
)
from recommender.selectors.terms import read_switched_off
from recommender.selectors.versions import get_active_version
from recommender.standing import Outline

ACTIVE: Final = "active"
LEARNERS: Final = 64
SLOTS: Final = 128
"""So many learners are read at once, and so many slots scored."""


@dataclass
class _Collected:
    """Columns of the log, slot by slot."""

    learner: list[int] = field(default_factory=list)
    reward: list[float] = field(default_factory=list)
    size: list[int] = field(default_factory=list)
    drawn: list[int] = field(default_factory=list)
    item: list[NDArray[np.int64]] = field(default_factory=list)
    features: list[NDArray[np.float64]] = field(default_factory=list)
    scores: dict[str, list[NDArray[np.float64]]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    choices: int = 0

    def add(self, slot: LoggedSlot, told: dict[int, Any], reward: float, outline: Outline) -> None:
        self.learner.append(slot.learner)
        self.reward.append(reward)
        self.drawn.append(self.choices + slot.among.index(slot.item))
        self.size.append(len(slot.among))
        self.choices += len(slot.among)
        self.item.append(np.array(slot.among))
        self.features.append(_describe(slot, told, outline))

    def log(self) -> ExploredSlots:
        size = np.array(self.size)
        return ExploredSlots(
            learner=np.array(self.learner),
            reward=np.array(self.reward),
            offsets=np.concatenate([[0], np.cumsum(size)]).astype(np.int64),
            drawn=np.array(self.drawn),
            # The lottery gave every choice the same probability, so given that this slot was drawn each has 1/n.
            probability=np.repeat(1 / size, size),
            item=np.concatenate(self.item),
            features=np.concatenate(self.features),
        )


def evaluate_policies(
    names: Sequence[str],
    *,
    reward: str,
    window: timedelta,
    top: int,
    on_start: Callable[[int], object] = lambda _learners: None,
    on_learners: Callable[[int], object] = lambda _count: None,
) -> dict[str, Any]:
    """Judge policies (numbers of versions, "active", "syllabus", "popularity") in the explored slots of the log.

    Each would have shown one of its `top` best of the slot's choices, each with the same probability. Judged are slots
    computed after every named version's data ended, as a version would know what came of earlier ones, and whose
    window is over. "served" and "random" stand beside them: what made the slates, and the lottery itself.

    Returns `{"reward", "days", "top", "since", "until", "slots": {"judged", "learners", "reward", reason left out: n},
    "policies": {name: {"value": {estimator: {"value", "low", "high"}}, "diff_to_served": {…}, "matched", "ess",
    "heaviest", "thin"}}}`. Raises BadDataError for a name that is none and where no slot is left, ArtefactError or
    UnavailableArtefact where a version cannot be loaded.
    """
    names = [name for name in names if name != RANDOM]  # always there, and nothing to score
    versions = {name: _find_version(name) for name in names if name not in RULES}
    since = max((v.data_until for v in versions.values()), default=datetime(2000, 1, 1, tzinfo=UTC))
    until = timezone.now() - window
    outline = load_catalogue().outline
    rerankers = _make_rerankers(names, versions, outline)
    found = _Collected(scores={name: [] for name in rerankers})
    learners = list_explored_learners(since=since)
    on_start(len(learners))
    for start in range(0, len(learners), LEARNERS):
        some = learners[start : start + LEARNERS]
        slots, left_out = read_slots(learner_ids=some, since=since, until=until)
        found.left_out += left_out
        for first in range(0, len(slots), SLOTS):
            chunk = slots[first : first + SLOTS]
            rewards = read_rewards(chunk, reward=reward, window=window)
            _collect(found, chunk, rewards, rerankers, outline)
        on_learners(len(some))
    if not found.learner:
        why = ", ".join(f"{count} {name}" for name, count in found.left_out.items())
        raise BadDataError(
            f"no explored slot to judge by between {since:%Y-%m-%d %H:%M} and {until:%Y-%m-%d %H:%M} "
            f"(left out: {why or 'none'})"
        )
    return {
        "reward": reward,
        "days": window / timedelta(days=1),
        "top": top,
        "since": since.isoformat(),
        "until": until.isoformat(),
        **_judge(found, top),
    }


def _collect(
    found: _Collected,
    slots: Sequence[LoggedSlot],
    rewards: Sequence[float],
    rerankers: Mapping[str, Reranker],
    outline: Outline,
) -> None:
    entries = [{entry["item"]: entry for entry in slot.slate.entries} for slot in slots]
    for slot, told, worth in zip(slots, entries, rewards, strict=True):
        found.add(slot, told, worth, outline)
    for name, reranker in rerankers.items():
        found.scores[name] += reranker.score(slots, entries)


def _judge(found: _Collected, top: int) -> dict[str, Any]:
    log = found.log()
    expected = fit_outcomes(log)
    policies = {name: best(log, np.concatenate(each), top) for name, each in found.scores.items()}
    policies[RANDOM] = uniform(log)
    served = policies[SERVED]
    return {
        "slots": {
            "judged": len(log),
            "learners": len(set(found.learner)),
            "reward": float(log.reward.mean()),
            **found.left_out,
        },
        "policies": {
            name: _report(estimate(log, policy, expected))
            | {"diff_to_served": None if name == SERVED else compare(log, policy, served, expected)}
            for name, policy in policies.items()
        },
    }


def _report(value: PolicyValue) -> dict[str, Any]:
    return {
        "value": dict(value.estimates),
        "matched": value.matched,
        "ess": value.ess,
        "heaviest": value.heaviest,
        "thin": list(value.thin),
    }


def _describe(slot: LoggedSlot, told: dict[int, Any], outline: Outline) -> NDArray[np.float64]:
    """[n, 5] what the model of the reward reads of each choice: all of it was known before the draw."""
    stored = np.array([told[item]["score"] for item in slot.among])
    place = np.empty(len(stored))
    place[np.argsort(-stored, kind="stable")] = np.arange(len(stored))
    success = np.array([told[item]["success"] for item in slot.among], dtype=np.float64)
    known = np.isfinite(success)
    gradable = [bool(outline.gradable[outline.row_of.get(item, 0)]) for item in slot.among]
    depth = np.full(len(stored), np.log(slot.position))
    return np.column_stack(
        [np.log1p(place), np.where(known, success, 0.0), known, gradable, depth]
    ).astype(np.float64)


def _find_version(name: str) -> ModelVersion:
    if name == ACTIVE:
        version = get_active_version()
        if version is None:
            raise BadDataError("active: no version is active")
        return version
    version = ModelVersion.objects.filter(pk=int(name)).first() if name.isdecimal() else None
    if version is None:
        known = ", ".join(("the number of a version", ACTIVE, *RULES))
        raise BadDataError(f"{name}: not a policy; there are {known}")
    return version


def _make_rerankers(
    names: Sequence[str], versions: Mapping[str, ModelVersion], outline: Outline
) -> dict[str, Reranker]:
    rules: dict[str, Callable[[], Reranker]] = {
        SERVED: Served,
        SYLLABUS: lambda: Syllabus(outline),
        POPULARITY: Popularity,
    }
    off = read_switched_off()
    rerankers: dict[str, Reranker] = {}
    for name in dict.fromkeys((*names, SERVED)):
        if name in rules:
            rerankers[name] = rules[name]()
            continue
        recommender = load_version(versions[name], device=settings.DEVICE)
        catalogue = load_catalogue(encoder=recommender.manifest.encoder)
        bound = recommender.bind(catalogue.catalogue)
        rerankers[name] = Version(bound, catalogue.outline, without=off)
    return rerankers
