"""Who may do what with people and groups, as predicates that pages, API and admin share."""

from typing import Any

from rules import permissions
from rules.predicates import predicate

add_perm: Any = permissions.add_perm  # the library has no annotations


@predicate
def is_teacher(person: Any) -> bool:
    return bool(person.is_authenticated and person.is_active and person.is_teacher)


@predicate
def is_operator(person: Any) -> bool:
    return bool(person.is_authenticated and person.is_active and person.is_operator)


@predicate
def teaches(person: Any, group: Any) -> bool:
    return group is not None and group.teachers.filter(pk=person.pk).exists()


add_perm("learners.lead_groups", is_teacher | is_operator)
add_perm("learners.lead_group", is_operator | (is_teacher & teaches))

# What the admin asks for. Events and what follows from them are facts: nobody edits them.
add_perm("learners", is_operator)
for _model in ("user", "group", "membership", "enrolment", "assignment", "learnerattribute"):
    for _action in ("view", "add", "change", "delete"):
        add_perm(f"learners.{_action}_{_model}", is_operator)
for _model in (
    *("event", "itemprogress", "learnerstate"),
    *("memorycard", "memoryfit", "conceptmastery"),
):
    add_perm(f"learners.view_{_model}", is_operator)
