"""Teachers' rules, expanded to items of each learner."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection

from learners.models import Assignment

Rule = Assignment.Rule


@dataclass
class LearnerRules:
    """Ids of the items that her teachers assigned (with the due date, if any), pinned or banned."""

    assigned: dict[int, datetime | None] = field(default_factory=dict)
    pinned: set[int] = field(default_factory=set)
    banned: set[int] = field(default_factory=set)


def sql_of_rules(members: str) -> str:
    """Return the query of the rules in force, expanded to items, for the memberships that `members` (SQL) admits.

    Columns: `learner_id, rule, item_id, due`. A concept stands for the items of the group's own courses that teach it.
    """
    return f"""
    SELECT membership.learner_id, rule.rule, reached.item_id, MIN(rule.due) AS due
      FROM learners_membership AS membership
      JOIN learners_assignment AS rule ON rule.group_id = membership.group_id
     CROSS JOIN LATERAL (
        SELECT named.item_id FROM learners_assignment_items AS named
         WHERE named.assignment_id = rule.id
        UNION
        SELECT taught.item_id FROM content_item_concepts AS taught
          JOIN content_item AS item ON item.id = taught.item_id
          JOIN learners_group_courses AS course
            ON course.course_id = item.course_id AND course.group_id = rule.group_id
         WHERE taught.concept_id = rule.concept_id) AS reached
     WHERE {members} AND rule.withdrawn_at IS NULL
       AND (NOT EXISTS (SELECT FROM learners_assignment_learners AS one
                         WHERE one.assignment_id = rule.id)
            OR EXISTS (SELECT FROM learners_assignment_learners AS one
                        WHERE one.assignment_id = rule.id AND one.user_id = membership.learner_id))
     GROUP BY membership.learner_id, rule.rule, reached.item_id
    """  # noqa: S608  callers give SQL of their own, never what somebody typed


def list_rules(learner_ids: Collection[int]) -> dict[int, LearnerRules]:
    """Return the rules in force for each learner, in one query; every learner has an entry.

    A rule reaches the members of its group, or only those it names and who are still members. Of several due dates
    of one item the earliest counts. Work that is done stays assigned: whether an item is due is the ranking's call.
    """
    rules = {learner: LearnerRules() for learner in learner_ids}
    with connection.cursor() as cursor:
        cursor.execute(sql_of_rules("membership.learner_id = ANY(%s)"), [list(rules)])
        for learner, rule, item, due in cursor.fetchall():
            entry = rules[learner]
            if rule == Rule.ASSIGN:
                entry.assigned[item] = due
            elif rule == Rule.PIN:
                entry.pinned.add(item)
            else:
                entry.banned.add(item)
    return rules
