"""What to study next, always answered: the newest slate, else one made at once."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError

from learners.services.freshness import mark_dirty
from recommender.selectors.recommendations import (
    NewestSlate,
    Recommendations,
    find_newest_slate,
    is_studied,
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
    active, and nothing tells of time that passes. Raises ValidationError naming `course` for one that she isn't
    enrolled in, whether it exists or not.
    """
    now = timezone.now()
    newest = find_newest_slate(learner_id=learner_id)
    if newest is None:
        # It needs numpy, which a web process that only reads slates never loads.
        from recommender.services.syllabus import store_first_slate

        slate = store_first_slate(learner_id=learner_id)
        newest = NewestSlate(
            slate=slate, stale=True, outdated=True, waiting=True, changed=False, first=True
        )
    elif newest.outdated or newest.slate.computed_at < now - MAX_AGE:
        newest = replace(newest, stale=True)
        if not newest.waiting:
            mark_dirty(learner_ids=[learner_id])
    found = list_recommendations(newest, now=now, course_slug=course_slug, limit=limit)
    # An item of the course proves that she studies it; only an empty list needs a look.
    unproved = course_slug is not None and not found.items
    if unproved and not is_studied(learner_id=learner_id, course_slug=course_slug):
        raise ValidationError({"course": [_("There is no such course.")]})
    return found
