"""What a learner's attention profile has to be: the fold of her ledger, read here row by row and by nothing that the platform uses."""

from typing import Any

import pytest
from django.utils import timezone

from recommender.core.reweighting import LedgerEntry, Profile, Reweighting, fold
from recommender.models import AttentionProfile, Feedback, Observation, Slate

HELP = {"helpful", "not_helpful"}
DIFFICULTY = {"too_easy", "too_hard"}


def newest_slate(person: Any) -> Slate:
    return Slate.objects.filter(learner=person, source="model").latest("computed_at")


def stored_weights(person: Any) -> dict[str, float]:
    return dict(AttentionProfile.objects.get(pk=person.pk).state["log_weight"])


def folded(person: Any) -> Profile:
    """The profile of what she last said of each item in each respect (of its difficulty, nothing), and of what she did."""
    last: dict[tuple[int, str], Feedback] = {}
    for row in Feedback.objects.filter(learner=person).order_by("received_at", "pk"):
        if row.withdrawn_at is None and row.signal not in DIFFICULTY:
            last[row.item_id, "help" if row.signal in HELP else row.signal] = row
    entries = [
        LedgerEntry(
            at=row.received_at.timestamp(),
            id=row.pk,
            strength=Reweighting().strength(row.signal),
            shares=[(tuple(part["features"]), part["share"]) for part in row.contributions],
            own=tuple(row.features),
        )
        for row in last.values()
    ]
    reset_at = AttentionProfile.objects.get(pk=person.pk).reset_at
    entries += [
        LedgerEntry(
            at=row.received_at.timestamp(),
            id=f"{row.event}:{row.respect}",
            strength=Reweighting().strengths[row.signal] * row.surprise,
            shares=[(tuple(part["features"]), part["share"]) for part in row.contributions],
            own=tuple(row.features),
        )
        for row in Observation.objects.filter(learner=person)
        if reset_at is None or row.received_at > reset_at
    ]
    return fold(entries, now=timezone.now().timestamp(), config=Reweighting())


def expect_fold(person: Any) -> None:
    """What is stored of her is that profile."""
    expected = folded(person).log_weight
    stored = stored_weights(person)
    assert stored.keys() == expected.keys()
    for feature, value in stored.items():
        assert value == pytest.approx(expected[feature], abs=1e-5)
