"""What to study next, always answered: the newest slate, else one made at once."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from django.utils import timezone

from learners.services.freshness import mark_dirty
from recommender.selectors.recommendations import (
    NewestSlate,
    Recommendations,
    find_newest_slate,
    list_recommendations,
)

MAX_AGE: Final = timedelta(hours=6)
"""Time alone makes items due again, so an older slate is computed anew when it is read."""


def get_recommendations(
    *, learner_id: int, course_slug: str | None = None, limit: int = 20
) -> Recommendations:
    """Return the best `limit` items of the learner's newest slate, as she may see them now.

    Without a slate, one of the syllabus is computed and stored. A slate of another version than the active one, or
    of six hours ago, is refreshed from here, once: activation itself touches no learner, the sweeper only the recently
    active, and nothing tells of time that passes.
    """
    now = timezone.now()
    newest = find_newest_slate(learner_id=learner_id)
    if newest is None:
        # It needs numpy, which a web process that only reads slates never loads.
        from recommender.services.syllabus import store_first_slate

        slate = store_first_slate(learner_id=learner_id)
        newest = NewestSlate(slate=slate, stale=True, outdated=True, waiting=True, changed=False)
    elif newest.outdated or newest.slate.computed_at < now - MAX_AGE:
        newest = replace(newest, stale=True)
        if not newest.waiting:
            mark_dirty(learner_ids=[learner_id])
    return list_recommendations(newest, now=now, course_slug=course_slug, limit=limit)
