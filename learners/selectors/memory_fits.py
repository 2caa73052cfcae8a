"""Which parameters learners' memories are computed with, and who is to be fitted."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.db.models import Q

from learners.memory import DEFAULTS, Fit, Review, make_scheduler
from learners.models import Event, MemoryFit

ACTIVE: Final = timedelta(days=2)
"""Whoever has done nothing for so long has nothing new to be fitted to."""

_TO_FIT: Final = """
SELECT progress.learner_id
  FROM learners_learnerstate AS state
  JOIN learners_itemprogress AS progress ON progress.learner_id = state.learner_id
  LEFT JOIN learners_memoryfit AS fit ON fit.learner_id = state.learner_id
 WHERE state.active_at > %(since)s AND progress.attempts > 1
 GROUP BY progress.learner_id, fit.look_again
HAVING SUM(progress.attempts - 1) >= COALESCE(fit.look_again, %(least)s)
"""

_WITH_REPEATS: Final = """
SELECT learner_id
  FROM learners_itemprogress
 WHERE attempts > 1
 GROUP BY learner_id
HAVING SUM(attempts - 1) >= %(least)s
 ORDER BY md5(%(seed)s || '-' || learner_id)
 LIMIT %(limit)s
"""


def read_fits(learner_ids: Collection[int]) -> defaultdict[int, Fit]:
    """Return the fit in use of each of these learners, the library's defaults for all others; one query.

    Parameters that another release of the library doesn't take any more are the defaults, until she is fitted anew.
    """
    rows = MemoryFit.objects.filter(learner__in=learner_ids, used=True)
    fits: defaultdict[int, Fit] = defaultdict(lambda: DEFAULTS)
    for learner, revision, parameters in rows.values_list("learner_id", "revision", "parameters"):
        fit = Fit(revision, tuple(parameters))
        try:
            make_scheduler(fit.parameters)
        except ValueError:
            continue
        fits[learner] = fit
    return fits


def list_learners_to_fit(*, least: int, now: datetime) -> list[int]:
    """Return who was active lately and has `least` repeated answers, or so many as her last fit asks for; one query."""
    with connection.cursor() as cursor:
        cursor.execute(_TO_FIT, {"since": now - ACTIVE, "least": least})
        return [row[0] for row in cursor.fetchall()]


def is_to_be_fitted(*, learner_id: int, repeated: int) -> bool:
    """Tell whether a learner of so many repeated answers has never been looked at, or not since she had as many."""
    return not MemoryFit.objects.filter(learner=learner_id, look_again__gt=repeated).exists()


def sample_learners_with_repeats(*, least: int, limit: int, seed: int) -> list[int]:
    """Return up to `limit` learners with `least` repeated answers, drawn at random but the same for the same seed."""
    with connection.cursor() as cursor:
        cursor.execute(_WITH_REPEATS, {"least": least, "limit": limit, "seed": str(seed)})
        return [row[0] for row in cursor.fetchall()]


def read_reviews(*, learner_id: int) -> dict[int, list[Review]]:
    """Return all of a learner's graded answers by item, oldest first."""
    rows = (
        Event.objects.filter(
            actor=learner_id, verb=Event.Verb.ANSWERED, graded=True, success__isnull=False
        )
        .annotate(hinted=Q(context__hints__gt=0))
        .order_by("item_id", "occurred_at", "pk")
        .values_list("item_id", "pk", "occurred_at", "success", "hinted")
    )
    reviews: dict[int, list[Review]] = defaultdict(list)
    for item, event, occurred_at, right, hinted in rows:
        reviews[item].append(Review(event, occurred_at, bool(right), bool(hinted)))
    return dict(reviews)
