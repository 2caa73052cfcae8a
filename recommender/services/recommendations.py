"""What to study next, always answered: the newest slate, else one made at once."""

from django.utils import timezone

from learners.services.freshness import mark_dirty
from recommender.selectors.recommendations import (
    NewestSlate,
    Recommendations,
    find_newest_slate,
    list_recommendations,
)


def get_recommendations(
    *, learner_id: int, course_slug: str | None = None, limit: int = 20
) -> Recommendations:
    """Return the best `limit` items of the learner's newest slate, as she may see them now.

    Without a slate, one of the syllabus is computed and stored. A slate of another version than the active one is
    refreshed from here, once: activation itself touches no learner, and the sweeper only the recently active.
    """
    newest = find_newest_slate(learner_id=learner_id)
    if newest is None:
        # It needs numpy, which a web process that only reads slates never loads.
        from recommender.services.syllabus import store_first_slate

        slate = store_first_slate(learner_id=learner_id)
        newest = NewestSlate(slate=slate, stale=True, outdated=True, waiting=True, changed=False)
    elif newest.outdated and not newest.waiting:
        mark_dirty(learner_ids=[learner_id])
    return list_recommendations(newest, now=timezone.now(), course_slug=course_slug, limit=limit)
