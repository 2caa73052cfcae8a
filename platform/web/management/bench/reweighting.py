"""Re-weighting plus refresh for learners who all have an attention profile, beside the bare forward pass without one."""

import time
from collections.abc import Sequence
from statistics import median
from typing import Any, Final

from django.db.models import F
from django.utils import timezone

from content.models import Item
from learners.services.freshness import mark_dirty
from recommender.models import AttentionProfile, Slate
from recommender.pipeline import refresh
from recommender.pipeline.active import get_active
from recommender.pipeline.attention import Rules, fold_profiles
from recommender.services.feedback import record_feedback
from web.management.bench.batch import Batch, refresh_stale
from web.management.bench.timing import compare

WARM: Final = 2
SAID: Final = 4
"""Feedbacks of each learner, on the first entries of her slate: helpful and not helpful in turn."""
_NOBODY: Final = "rules that no fold was made under"


def say_something(learners: Sequence[int]) -> None:
    """Let each of `learners` answer her newest slate, and a worker fold what she said. Raises RuntimeError without effect."""
    slugs = dict(Item.objects.values_list("pk", "slug"))
    for learner in learners:
        slate = Slate.objects.filter(learner=learner).latest("computed_at")
        for place, entry in enumerate(slate.entries[:SAID]):
            record_feedback(
                learner_id=learner,
                slate_id=slate.pk,
                item_slug=slugs[entry["item"]],
                signal="not_helpful" if place % 2 else "helpful",
            )
    refresh_stale(learners)
    moved = AttentionProfile.objects.filter(pk__in=learners).exclude(state__log_weight={})
    if moved.count() != len(learners):
        raise RuntimeError(f"{moved.count()} of {len(learners)} learners have a profile")


def measure_reweighting(learners: Sequence[int], *, pairs: int) -> dict[str, Any]:
    """Fold the ledgers of all `learners` anew and refresh them, from claim to commit, `pairs` times.

    Returns the comparison with the forward pass alone, and the milliseconds that the folds take by themselves.
    """
    batch = Batch.read(learners)

    def change(_number: int) -> None:
        # As a change of hers does: the fold that is stored no longer holds.
        AttentionProfile.objects.filter(pk__in=learners).update(revision=F("revision") + 1)
        mark_dirty(learner_ids=learners)

    comparison = compare(
        lambda _number: refresh_stale(learners),
        batch.forward,
        pairs=pairs,
        warm=WARM,
        before=change,
    )
    return {
        **comparison.as_dict(),
        "learners": len(learners),
        "feedback_each": SAID,
        "fold_ms": _time_folds(learners, times=pairs),
    }


def _time_folds(learners: Sequence[int], *, times: int) -> float:
    stored = refresh.read_snapshot(learners, rules=_NOBODY)[2]
    rules, now = Rules.of(get_active()), timezone.now()
    spent = []
    for _time in range(times):
        started = time.perf_counter()
        fold_profiles(stored, rules=rules, now=now)
        spent.append(time.perf_counter() - started)
    return 1000 * median(spent)
