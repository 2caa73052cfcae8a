"""A group as its teachers see it: who needs help first, with what."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from content.models import Item
from learners.models import Group
from learners.models.people import HAN, join_names
from learners.selectors.progress import list_struggles, sql_of_struggles
from learners.selectors.rules import sql_of_rules

INACTIVE_AFTER: Final = timedelta(days=7)
PAGE: Final = 20

# Accents and capitals don't matter to who searches: both sides are folded by the same expression.
_FOLDED: Final = r"lower(regexp_replace(normalize({}, NFKD), '[\u0300-\u036f]', '', 'g'))"
# Chinese names are written without a space, family name first. Only those: of Adam Demir it would make "demiradam", in
# which "mira" is found.
_WHOLE: Final = "concat(last_name, first_name)"
_HAN_NAME: Final = f"CASE WHEN {_WHOLE} ~ '^[{HAN}]+$' THEN {_WHOLE} END"
_SPOKEN: Final = _FOLDED.format(f"concat_ws(' ', first_name, last_name, username, {_HAN_NAME})")
_NAME: Final = f"lower(COALESCE({_HAN_NAME}, NULLIF(concat_ws(' ', NULLIF(first_name, ''), last_name), ''), username))"
_SHARE: Final = '"right"::float / NULLIF(attempts, 0)'
_ORDERS: Final = {
    "need": f"struggles DESC, overdue DESC, idle_days DESC, COALESCE({_SHARE}, 1), username",
    "name": f"{_NAME}, username",
    "right": f"{_SHARE} NULLS LAST, username",
    "done": "done, username",
    "active": "active_at NULLS FIRST, username",
}
SORTS: Final = tuple(_ORDERS)
"""How a group may be sorted: by need, name, share of right answers (lowest first), work done (least first), and
last activity (longest ago first)."""

_MEMBERS: Final = f"""
WITH sought AS MATERIALIZED (
    SELECT membership.learner_id, membership.joined_at
      FROM learners_membership AS membership
      JOIN learners_user AS person ON person.id = membership.learner_id
     WHERE membership.group_id = %(group)s
       AND NOT EXISTS (SELECT FROM unnest(%(words)s::text[]) AS word
                        WHERE strpos({_SPOKEN}, {_FOLDED.format("word")}) = 0)),
struggle AS (
    SELECT actor_id, COUNT(*) AS concepts
      FROM ({sql_of_struggles("ARRAY(SELECT learner_id FROM sought)")}) AS one
     GROUP BY actor_id),
late AS (
    SELECT rule.learner_id, COUNT(*) AS items
      FROM ({sql_of_rules("membership.group_id = %(group)s")}) AS rule
      LEFT JOIN learners_itemprogress AS progress
        ON progress.learner_id = rule.learner_id AND progress.item_id = rule.item_id
     WHERE rule.rule = 'assign' AND rule.due < %(now)s AND progress.completed_at IS NULL
     GROUP BY rule.learner_id),
work AS (
    SELECT progress.learner_id, MAX(progress.last_at) AS last_at,
           COUNT(progress.completed_at) FILTER (WHERE item.published) AS done,
           SUM(progress.attempts) AS attempts, SUM(progress."right") AS "right"
      FROM sought
      JOIN learners_itemprogress AS progress ON progress.learner_id = sought.learner_id
      JOIN content_item AS item ON item.id = progress.item_id
     WHERE item.course_id = ANY(%(courses)s)
     GROUP BY progress.learner_id),
member AS MATERIALIZED (
    SELECT person.id, person.username, person.first_name, person.last_name, sought.joined_at,
           work.last_at AS active_at, COALESCE(work.done, 0) AS done,
           COALESCE(work.attempts, 0) AS attempts, COALESCE(work."right", 0) AS "right",
           COALESCE(struggle.concepts, 0) AS struggles, COALESCE(late.items, 0) AS overdue,
           COALESCE(state.dirty_seq > state.clean_seq, FALSE) AS stale, idle.days AS idle_days,
           struggle.concepts > 0 IS TRUE OR late.items > 0 IS TRUE OR idle.days > 0 AS in_need
      FROM sought
      JOIN learners_user AS person ON person.id = sought.learner_id
      LEFT JOIN learners_learnerstate AS state ON state.learner_id = person.id
      LEFT JOIN work ON work.learner_id = person.id
      LEFT JOIN struggle ON struggle.actor_id = person.id
      LEFT JOIN late ON late.learner_id = person.id
     CROSS JOIN LATERAL (
        SELECT %(now)s - COALESCE(work.last_at, sought.joined_at)) AS since(last)
     CROSS JOIN LATERAL (
        SELECT CASE WHEN since.last >= %(inactive)s THEN EXTRACT(DAY FROM since.last) ELSE 0 END) AS idle(days)),
found AS (
    SELECT member.*, ROW_NUMBER() OVER (ORDER BY {{order}}) AS place FROM member),
counted AS (
    SELECT (SELECT COUNT(*) FROM learners_membership WHERE group_id = %(group)s) AS members,
           (SELECT COUNT(*) FROM member WHERE in_need) AS in_need, (SELECT COUNT(*) FROM found) AS found),
paged AS (
    SELECT counted.*, LEAST(%(page)s, GREATEST(CEIL(found::float / %(size)s), 1))::bigint AS page FROM counted)
SELECT paged.members, paged.in_need, paged.found, paged.page,
       found.id, found.username, found.first_name, found.last_name, found.joined_at, found.active_at,
       found.done, found."right", found.attempts, found.overdue, found.idle_days, found.stale
  FROM paged
  LEFT JOIN found ON found.place > (paged.page - 1) * %(size)s AND found.place <= paged.page * %(size)s
 ORDER BY found.place
"""  # noqa: S608  put together from this module's constants; what somebody typed is a parameter


@dataclass(frozen=True)
class MemberPage:
    """One page of a group's learners, and how many there are."""

    learners: list[dict[str, Any]]
    """Each as `overview_group` describes."""
    members: int
    """Everybody in the group, searched for or not."""
    in_need: int
    """How many of those that were searched for need help: of everybody, without a search."""
    found: int
    """How many the search found, on all pages."""
    page: int
    pages: int
    items_total: int
    """Published items in the group's courses."""


def overview_group(group: Group, *, now: datetime | None = None) -> dict[str, Any]:
    """Return the group's learners, those who need help first, in four queries whatever their number.

    Only work in the group's own courses and the group's own assignments count. The answer is
    `{"items_total", "learners"}`; each learner has `id, username, name, joined_at, last_active, items_done, right,
    attempts, struggling, overdue, stale, needs_help`, where `needs_help` gives the reasons in the order in which they
    count:

    1. `struggling`: concepts she fails at (see `list_struggles`), more of them first;
    2. `overdue`: assigned items past their due date and not done, more of them first;
    3. `inactive`: nothing done for seven days, or since she joined, longest first.

    Learners with the same need are sorted by their share of right answers, lowest first, then by user name.
    `stale`: something happened that her list of recommendations does not know of yet.
    """
    everybody = page_members(group, size=None, now=now)
    return {"items_total": everybody.items_total, "learners": everybody.learners}


def page_members(
    group: Group,
    *,
    search: str = "",
    sort: str = "need",
    page: int = 1,
    size: int | None = PAGE,
    now: datetime | None = None,
) -> MemberPage:
    """Return one page of the group's learners in four queries; a page past the last is the last one.

    Names are looked at first: whoever types into the search waits for the work of those whom it finds, and not of the
    whole group. Without a search all of it is read, because it decides who needs help.

    `search`: words that all have to occur in a learner's name or user name, whatever their accents and capitals;
    `sort`: one of `SORTS`; `size`: learners on a page, None for all of them on one.
    """
    now = now or timezone.now()
    courses = list(group.courses.values_list("pk", flat=True))
    most = size or 2**31
    values: dict[str, Any] = {
        "group": group.pk,
        "courses": courses,
        "now": now,
        "inactive": INACTIVE_AFTER,
        "words": search.split(),
        "page": max(page, 1),
        "size": most,
    }
    with connection.cursor() as cursor:
        cursor.execute(_MEMBERS.format(order=_ORDERS[sort]), values)
        rows = cursor.fetchall()
    members, in_need, found, shown = rows[0][:4]
    # Where nobody is found, the counts stand alone.
    people = [row[4:] for row in rows if row[4] is not None]
    struggles = list_struggles(learner_ids=[row[0] for row in people], course_ids=courses)
    return MemberPage(
        learners=[
            _describe(row, [struggle._asdict() for struggle in struggles[row[0]]]) for row in people
        ],
        members=members,
        in_need=in_need,
        found=found,
        page=shown,
        pages=max(-(-found // most), 1),
        items_total=Item.objects.filter(course__in=courses, published=True).count(),
    )


def _describe(row: tuple[Any, ...], struggling: list[dict[str, Any]]) -> dict[str, Any]:
    pk, username, first, last, joined, active, done, right, attempts, overdue, idle, stale = row
    needs = {"struggling": bool(struggling), "overdue": overdue > 0, "inactive": idle > 0}
    return {
        "id": pk,
        "username": username,
        "name": join_names(first, last),
        "joined_at": joined,
        "last_active": active,
        "items_done": done,
        "right": right,
        "attempts": attempts,
        "struggling": struggling,
        "overdue": overdue,
        "stale": stale,
        "needs_help": [reason for reason, needed in needs.items() if needed],
    }
