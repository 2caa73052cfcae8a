"""A group as its teachers see it: who needs help first, with what."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from content.models import Item
from learners.models import Group, ItemProgress
from learners.selectors.progress import list_struggles
from learners.selectors.rules import list_rules

INACTIVE_AFTER = timedelta(days=7)

_MEMBERS = """
SELECT person.id, person.username, person.first_name, person.last_name, membership.joined_at,
       GREATEST(state.active_at, work.last_at), COALESCE(work.done, 0),
       COALESCE(work.attempts, 0), COALESCE(work."right", 0),
       COALESCE(state.dirty_seq > state.clean_seq, FALSE)
  FROM learners_membership AS membership
  JOIN learners_user AS person ON person.id = membership.learner_id
  LEFT JOIN learners_learnerstate AS state ON state.learner_id = person.id
  LEFT JOIN (
    SELECT progress.learner_id, MAX(progress.last_at) AS last_at,
           COUNT(progress.completed_at) FILTER (WHERE item.published) AS done,
           SUM(progress.attempts) AS attempts, SUM(progress."right") AS "right"
      FROM learners_membership AS member
      JOIN learners_itemprogress AS progress ON progress.learner_id = member.learner_id
      JOIN content_item AS item ON item.id = progress.item_id
     WHERE member.group_id = %(group)s AND item.course_id = ANY(%(courses)s)
     GROUP BY progress.learner_id) AS work ON work.learner_id = person.id
 WHERE membership.group_id = %(group)s
"""


def overview_group(group: Group, *, now: datetime | None = None) -> dict[str, Any]:
    """Return the group's learners, those who need help first, in six queries whatever their number.

    Only work in the group's own courses counts. The answer is `{"items_total", "learners"}`; each learner has
    `id, username, name, joined_at, last_active, items_done, right, attempts, struggling, overdue, stale,
    needs_help`, where `needs_help` gives the reasons in the order in which they count:

    1. `struggling`: concepts she fails at (see `list_struggles`), more of them first;
    2. `overdue`: assigned items past their due date and not done, more of them first;
    3. `inactive`: nothing done for seven days, or since she joined, longest first.

    Learners with the same need are sorted by their share of right answers, lowest first, then by user name.
    `stale`: something happened that her list of recommendations does not know of yet.
    """
    now = now or timezone.now()
    courses = list(group.courses.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(_MEMBERS, {"group": group.pk, "courses": courses})
        members = cursor.fetchall()
    ids = [row[0] for row in members]
    struggles = list_struggles(learner_ids=ids, course_ids=courses)
    overdue = _count_overdue(ids, now)
    learners = []
    for pk, username, first, last, joined, active, done, attempts, right, stale in members:
        idle = now - (active or joined)
        needs = {
            "struggling": bool(struggles[pk]),
            "overdue": overdue[pk] > 0,
            "inactive": idle >= INACTIVE_AFTER,
        }
        learners.append(
            {
                "id": pk,
                "username": username,
                "name": f"{first} {last}".strip(),
                "joined_at": joined,
                "last_active": active,
                "items_done": done,
                "right": right,
                "attempts": attempts,
                "struggling": [struggle._asdict() for struggle in struggles[pk]],
                "overdue": overdue[pk],
                "stale": stale,
                "needs_help": [reason for reason, needed in needs.items() if needed],
                "_idle": idle if needs["inactive"] else timedelta(0),
            }
        )
    learners.sort(key=_need)
    for learner in learners:
        del learner["_idle"]
    total = Item.objects.filter(course__in=courses, published=True).count()
    return {"items_total": total, "learners": learners}


def _need(learner: dict[str, Any]) -> tuple[Any, ...]:
    share = learner["right"] / learner["attempts"] if learner["attempts"] else 1.0
    return (
        -len(learner["struggling"]),
        -learner["overdue"],
        -learner["_idle"].days,
        share,
        learner["username"],
    )


def _count_overdue(learner_ids: Iterable[int], now: datetime) -> dict[int, int]:
    rules = list_rules(list(learner_ids))
    late = {
        learner: {item for item, due in entry.assigned.items() if due is not None and due < now}
        for learner, entry in rules.items()
    }
    done = ItemProgress.objects.filter(
        learner__in=[learner for learner, items in late.items() if items],
        item__in=set().union(*late.values()),
        completed_at__isnull=False,
    )
    for learner, item in done.values_list("learner_id", "item_id"):
        late[learner].discard(item)
    return {learner: len(items) for learner, items in late.items()}
