"""When the activation gate has something new to judge."""

from typing import Final

from learners.models import Event
from recommender.models import ModelVersion
from recommender.selectors.leases import is_leased
from recommender.selectors.versions import get_active_version, list_candidates

BETTER: Final = "better"
NOT_BETTER: Final = "not better"
BEHIND: Final = "a group falls behind"
"""Better on the whole, and worse than the active version for a part of the learners."""
NOT_ENOUGH: Final = "not enough evidence"
UNUSABLE: Final = "unusable"


def name_lease(version_id: int) -> str:
    """The lease that whoever judges the version holds."""
    return f"gate:{version_id}"


def newest_event_id() -> int:
    """The key of the newest event, 0 where there is none."""
    return Event.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def find_candidate_to_judge(*, needed: int) -> ModelVersion | None:
    """Return the newest candidate if the gate may find more in the events than it did last time, else None.

    Cheap enough for a sweeper: reads `needed` events from the end of the key. Older candidates are superseded.
    """
    version = list_candidates().filter(problem="").first()
    if version is None or is_leased(name=name_lease(version.pk)):
        return None
    judged = int(version.gate.get("event_id") or 0)
    # Half as many again as are needed: else each further event would start a full comparison.
    wait = needed if not judged else max(needed // 2, 1)
    active = get_active_version()
    since = max(version.data_until, active.data_until) if active else version.data_until
    newest = Event.objects.order_by("-pk").values_list("pk", "received_at")[:wait]
    rows = list(newest)
    if len(rows) < wait or any(pk <= judged or received <= since for pk, received in rows):
        return None
    return version
