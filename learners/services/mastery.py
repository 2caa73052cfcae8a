"""Writing what learners have mastered: the estimates that changed, and one row of history a day."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from learners.mastery import Mastery
from learners.models import ConceptMastery, MasteryDay

NOTICEABLE: Final = 0.005
"""An estimate that moved by less, on the same answers, is as it was."""
KEPT_DAYS: Final = 400
"""A school year and its summer."""
_ESTIMATE: Final = ("mean", "low", "high", "answers")


def store_mastery(estimates: Mapping[int, Sequence[Mastery]], *, now: datetime) -> None:
    """Write what changed of these estimates by learner, each in place of the one before; three statements at most.

    Call it where nobody else works on these learners: in the transaction that marks them clean. The day of the history is
    that of UTC.
    """
    learners = [learner for learner, each in estimates.items() if each]
    if not learners:
        return
    held = {
        (row[0], row[1]): row[2:]
        for row in ConceptMastery.objects.filter(learner__in=learners)
        .order_by()
        .values_list("learner_id", "concept_id", *_ESTIMATE)
    }
    changed = [
        (learner, new)
        for learner, each in estimates.items()
        for new in each
        if _differs(held.get((learner, new.concept_id)), new)
    ]
    if not changed:
        return
    ConceptMastery.objects.bulk_create(
        [
            ConceptMastery(learner_id=learner, updated_at=now, **_values(new))
            for learner, new in changed
        ],
        update_conflicts=True,
        unique_fields=["learner", "concept"],
        update_fields=[*_ESTIMATE, "updated_at"],
        batch_size=2_000,
    )
    MasteryDay.objects.bulk_create(
        [
            MasteryDay(learner_id=learner, day=now.astimezone(UTC).date(), **_values(new))
            for learner, new in changed
        ],
        update_conflicts=True,
        unique_fields=["learner", "concept", "day"],
        update_fields=[*_ESTIMATE],
        batch_size=2_000,
    )


def prune_mastery(*, now: datetime, batch: int = 5_000) -> int:
    """Delete the history before the last 400 days, in parts. Returns how many rows."""
    old = MasteryDay.objects.filter(day__lt=(now - timedelta(days=KEPT_DAYS)).date())
    pruned = 0
    while keys := list(old.values_list("pk", flat=True)[:batch]):
        MasteryDay.objects.filter(pk__in=keys).delete()
        pruned += len(keys)
    return pruned


def _differs(held: tuple[float, float, float, int] | None, new: Mastery) -> bool:
    if held is None:
        return True
    mean, low, high, answers = held
    return (
        answers != new.answers
        or abs(mean - new.mean) >= NOTICEABLE
        or abs(low - new.low) >= NOTICEABLE
        or abs(high - new.high) >= NOTICEABLE
    )


def _values(new: Mastery) -> dict[str, float]:
    return {
        "concept_id": new.concept_id,
        "mean": new.mean,
        "low": new.low,
        "high": new.high,
        "answers": new.answers,
    }
