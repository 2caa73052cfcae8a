"""Which of the concepts that a learner struggles with her teacher has already given her practice on."""

from collections.abc import Sequence
from typing import Any

from learners.models import Assignment, Group


def find_assigned(group: Group) -> set[tuple[int | None, int]]:
    """Pairs of a learner (None: everybody in the group) and a concept that an assignment in force names; one query."""
    rules = group.assignments.in_force().filter(rule=Assignment.Rule.ASSIGN, concept__isnull=False)
    return set(rules.values_list("learners", "concept"))


def mark_assigned(
    struggles: Sequence[dict[str, Any]], *, learner_id: int, assigned: set[tuple[int | None, int]]
) -> list[dict[str, Any]]:
    """The struggles of one learner, each with `assigned`: whether there is nothing left to press."""
    return [
        {
            **concept,
            "assigned": not assigned.isdisjoint(
                {(learner_id, concept["id"]), (None, concept["id"])}
            ),
        }
        for concept in struggles
    ]
