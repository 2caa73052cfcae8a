"""Writes to the graph of prerequisites, which stays free of cycles."""

from collections.abc import Iterable, Mapping
from typing import Final

from common.audience import changing_courses
from common.turns import take_turn
from django.utils.translation import gettext as _

from content.models import Concept, Prerequisite
from content.selectors import find_courses_teaching, find_cycle, prerequisite_map

GRAPH: Final = "attune prerequisites"
"""Whose turn it is to write the graph."""


class PrerequisiteCycle(ValueError):
    """Concepts that would build on themselves; `.path` holds their slugs, the first again as the last."""

    def __init__(self, path: list[str]) -> None:
        self.path = path
        super().__init__(_("The prerequisites form a circle: %s.") % " → ".join(path))


def set_prerequisites(*, concept: Concept, prerequisites: Iterable[Concept]) -> bool:
    """Make `prerequisites` the direct prerequisites of `concept`, and tell whether that changed anything.

    Raises PrerequisiteCycle, naming the cycle, and changes nothing then.
    """
    return bool(replace_prerequisites({concept.pk: {each.pk for each in prerequisites}}))


def replace_prerequisites(wanted: Mapping[int, set[int]]) -> set[int]:
    """Set the direct prerequisites of several concepts at once, by id; return whose changed.

    Only the outcome has to be free of cycles, whatever the order of the concepts. Raises
    PrerequisiteCycle, naming the cycle, and changes nothing then.
    """
    with changing_courses() as courses:
        lock_prerequisites()
        present = prerequisite_map()
        changed = {pk for pk, ids in wanted.items() if ids != present.get(pk, set())}
        if not changed:
            return changed
        refuse_cycle({**present, **wanted})
        for pk in sorted(changed):
            ids, before = wanted[pk], present.get(pk, set())
            Prerequisite.objects.filter(concept_id=pk, prerequisite_id__in=before - ids).delete()
            Prerequisite.objects.bulk_create(
                Prerequisite(concept_id=pk, prerequisite_id=each) for each in sorted(ids - before)
            )
        courses.update(find_courses_teaching(changed))
    return changed


def lock_prerequisites() -> None:
    """Wait until no other transaction writes prerequisites, and keep others waiting until this one ends.

    Two writers that each see no cycle could otherwise make one together. Held to the end of the
    transaction, which a pooled connection survives.
    """
    take_turn(GRAPH)


def refuse_cycle(graph: dict[int, set[int]]) -> None:
    """Raise PrerequisiteCycle if the graph, concept id → ids of prerequisites, has a cycle."""
    cycle = find_cycle({pk: sorted(graph[pk]) for pk in sorted(graph)})
    if cycle:
        slugs = dict(Concept.objects.filter(pk__in=cycle).values_list("pk", "slug"))
        raise PrerequisiteCycle([slugs[pk] for pk in cycle])
