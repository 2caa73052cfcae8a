"""What counts more and less for a learner, and why: her attention profile in the words of whoever reads it."""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Q
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError

from content.models import Concept, Item
from learners.models import Event
from learners.selectors import list_learner_courses
from recommender.attention import FAMILIES, LIMIT, weights_at
from recommender.models import AttentionProfile, Feedback
from recommender.selectors.ledger import read_ledgers, standing_feedback
from recommender.selectors.observations import Deed, read_deeds

SEEN: Final = 0.005
"""Weights that differ from 1 by less of their logarithm are not told."""
MOST_TOLD: Final = 200
LATEST: Final = 100
BEHAVIOURS: Final = tuple(verb for verb in Event.Verb if verb != Event.Verb.SHOWN)


@dataclass(frozen=True)
class Statement:
    """One feedback that is in force, and the last in its respect of the item."""

    id: UUID
    slate: UUID | None
    slug: str
    title: str
    signal: str
    received_at: datetime

    @property
    def signal_label(self) -> str:
        return str(Feedback.Signal(self.signal).label)


@dataclass(frozen=True)
class Move:
    """What one feedback, or one thing that she did, changed a weight by when it came: a factor."""

    feedback: Statement | None
    observation: Deed | None
    factor: float


@dataclass(frozen=True)
class FeatureWeight:
    """How much one topic, format, behaviour or item counts; 1 is as for everybody."""

    id: str
    family: str
    name: str
    weight: float
    low: float
    high: float
    limited: bool  # by herself
    moved_by: list[Move]

    @property
    def set(self) -> bool:
        """Both limits are equal: she has chosen the weight."""
        return self.limited and self.low == self.high


@dataclass(frozen=True)
class AttentionView:
    """All that `me/attention/` and its page show."""

    paused: bool
    stale: bool
    computed_at: datetime | None
    reset_at: datetime | None
    target_success: float
    features: list[FeatureWeight]
    feedback: list[Statement]
    observations: list[Deed]


def describe_attention(
    *, learner_id: int, now: datetime, course_ids: Collection[int] | None = None
) -> AttentionView:
    """Return a learner's profile, what differs most from 1 first.

    With `course_ids`, only what is of these courses: what a teacher of theirs may see.
    """
    profile = AttentionProfile.objects.filter(pk=learner_id).first() or AttentionProfile()
    weights = _weights(profile, now)
    told = sorted(
        (name for name, value in weights.items() if abs(value) >= SEEN or name in profile.limits),
        key=lambda name: (-abs(weights[name]), name),
    )[:MOST_TOLD]
    names = _name_features(told, course_ids)
    moved = profile.state.get("moved", {})
    wanted = {entry for name in names for entry, _delta in moved.get(name, ())}
    latest, said = _read_statements(
        learner_id, [entry for entry in wanted if isinstance(entry, int)], course_ids
    )
    deeds = read_deeds(learner_id=learner_id, reset_at=profile.reset_at, course_ids=course_ids)
    return AttentionView(
        paused=profile.paused,
        stale=profile.revision > profile.folded_revision,
        computed_at=profile.folded_at,
        reset_at=profile.reset_at,
        target_success=read_ledgers(learner_ids=[learner_id], now=now)[learner_id].target_success,
        features=[
            _describe(
                feature,
                profile,
                id=names[feature][0],
                name=names[feature][1],
                log_weight=weights[feature],
                moved_by=[
                    Move(said.get(entry), deeds.get(entry), round(math.exp(delta), 4))
                    for entry, delta in moved.get(feature, ())
                    if entry in said or entry in deeds
                ],
            )
            for feature in told
            if feature in names
        ],
        feedback=latest,
        observations=list(deeds.values())[:LATEST],
    )


def find_features(*, learner_id: int, names: Iterable[str]) -> dict[str, str]:
    """Return the stored name of each feature named as the API does (``concept:<slug>``); unknown ones are absent.

    Topics and items are those of her courses, and those that she has set before.
    """
    asked: dict[str, set[str]] = {family: set() for family in FAMILIES}
    for name in names:
        family, _colon, key = name.partition(":")
        if family in asked:
            asked[family].add(key)
    courses = list_learner_courses([learner_id])[learner_id]
    own = AttentionProfile.objects.filter(pk=learner_id).values_list("limits", flat=True).first()
    found = {f"kind:{kind}": f"kind:{kind}" for kind in asked["kind"] & set(Item.Kind.values)}
    found |= {
        f"behaviour:{verb}": f"behaviour:{verb}" for verb in asked["behaviour"] & {*BEHAVIOURS}
    }
    concepts = Q(items__course__in=courses) | Q(pk__in=_keys(own or (), "concept"))
    items = Q(course__in=courses) | Q(pk__in=_keys(own or (), "item"))
    for pk, slug in _pairs(Concept, concepts, asked["concept"]):
        found[f"concept:{slug}"] = f"concept:{pk}"
    for pk, slug in _pairs(Item, items, asked["item"]):
        found[f"item:{slug}"] = f"item:{pk}"
    return found


def require_features(*, learner_id: int, names: Mapping[str, Collection[str]]) -> dict[str, str]:
    """`find_features` of all; raises ValidationError naming field and feature where one is unknown."""
    found = find_features(
        learner_id=learner_id, names={one for each in names.values() for one in each}
    )
    unknown = {
        f"{field}.{name}": [_("There is no such feature in your courses.")]
        for field, each in names.items()
        for name in each
        if name not in found
    }
    if unknown:
        raise ValidationError(unknown)
    return found


def list_concepts(*, learner_id: int) -> list[Concept]:
    """Return the topics of a learner's courses, by title."""
    courses = list_learner_courses([learner_id])[learner_id]
    rows = Concept.objects.filter(items__course__in=courses, items__published=True)
    return list(rows.distinct().order_by("title", "pk"))


def sum_up_attention() -> dict[str, Any]:
    """Return how many learners have a profile or paused it, and the feedback in force by signal: no learner's own."""
    profiles = AttentionProfile.objects.filter(folded_at__isnull=False)
    counts = profiles.aggregate(
        learners=Count("pk", filter=~Q(state__log_weight={})),
        paused=Count("pk", filter=Q(paused=True)),
        limited=Count("pk", filter=~Q(limits={})),
    )
    said = Feedback.objects.filter(withdrawn_at=None).order_by().values_list("signal")
    by_signal = dict(said.annotate(Count("pk")))
    people = Feedback.objects.filter(withdrawn_at=None).aggregate(
        people=Count("learner", distinct=True)
    )
    return {
        **counts,
        **people,
        "feedback": [
            {"signal": signal, "label": str(signal.label), "count": by_signal.get(signal, 0)}
            for signal in Feedback.Signal
        ],
    }


def _weights(profile: AttentionProfile, now: datetime) -> dict[str, float]:
    """Log-weights as they are now; what she has just set is there before a worker has seen it."""
    weights = weights_at(profile.state, since=profile.folded_at, now=now, limits=profile.limits)
    for name, (low, high) in profile.limits.items():
        weights.setdefault(name, min(max(0.0, math.log(low)), math.log(high)))
    return weights


def _describe(
    feature: str,
    profile: AttentionProfile,
    *,
    id: str,
    name: str,
    log_weight: float,
    moved_by: list[Move],
) -> FeatureWeight:
    low, high = profile.limits.get(feature, (1 / LIMIT, LIMIT))
    return FeatureWeight(
        id=id,
        family=feature.partition(":")[0],
        name=name,
        weight=round(math.exp(log_weight), 4),
        low=low,
        high=high,
        limited=feature in profile.limits,
        moved_by=moved_by,
    )


def _name_features(
    features: Collection[str], course_ids: Collection[int] | None
) -> dict[str, tuple[str, str]]:
    """Public name and title by stored name; what is gone, or not of the courses, is left out."""
    found: dict[str, tuple[str, str]] = {}
    labels = {"kind": dict(Item.Kind.choices), "behaviour": dict(Event.Verb.choices)}
    for feature in features:
        family, _colon, key = feature.partition(":")
        if key in labels.get(family, ()):
            found[feature] = (feature, str(labels[family][key]))
    for family, rows, courses in (
        ("concept", Concept.objects.all(), "items__course__in"),
        ("item", Item.objects.all(), "course__in"),
    ):
        within = {} if course_ids is None else {courses: course_ids}
        named = rows.filter(pk__in=_keys(features, family), **within).order_by().distinct()
        for pk, slug, title in named.values_list("pk", "slug", "title"):
            found[f"{family}:{pk}"] = (f"{family}:{slug}", title)
    return found


def _read_statements(
    learner_id: int, wanted: Collection[int], course_ids: Collection[int] | None
) -> tuple[list[Statement], dict[int, Statement]]:
    """The latest standing opinions, newest first, and by primary key these and the `wanted` ones."""
    rows = standing_feedback(learner_ids=[learner_id])
    if course_ids is not None:
        rows = rows.filter(item__course__in=course_ids)
    rows = rows.order_by("-received_at", "-pk")
    fields = ("pk", "uid", "slate_id", "item__slug", "item__title", "signal", "received_at")
    latest = {pk: Statement(*row) for pk, *row in rows.values_list(*fields)[:LATEST]}
    others = [pk for pk in wanted if pk not in latest]
    said = {pk: Statement(*row) for pk, *row in rows.filter(pk__in=others).values_list(*fields)}
    return list(latest.values()), latest | said


def _keys(features: Iterable[str], family: str) -> list[int]:
    start = f"{family}:"
    return [int(name.removeprefix(start)) for name in features if name.startswith(start)]


def _pairs(model: Any, within: Q, slugs: Collection[str]) -> Iterable[tuple[int, str]]:
    if not slugs:
        return ()
    rows = model.objects.filter(within, slug__in=slugs).order_by().distinct()
    return rows.values_list("pk", "slug")
