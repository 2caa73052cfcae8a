"""The graph of prerequisites."""

from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import TypeVar

from content.models import Item, Prerequisite

Node = TypeVar("Node", bound=Hashable)


def prerequisite_map(*, concept_ids: Collection[int] | None = None) -> dict[int, set[int]]:
    """Return the ids of the direct prerequisites of each concept, or of some; concepts without any are absent."""
    graph: dict[int, set[int]] = {}
    edges = Prerequisite.objects.all()
    if concept_ids is not None:
        edges = edges.filter(concept__in=concept_ids)
    for concept, prerequisite in edges.values_list("concept_id", "prerequisite_id"):
        graph.setdefault(concept, set()).add(prerequisite)
    return graph


def find_courses_teaching(concept_ids: Collection[int]) -> set[int]:
    """Return the ids of the published courses that have published items on one of these concepts."""
    shown = Item.objects.filter(concepts__in=concept_ids, published=True, course__published=True)
    courses = shown.order_by().values_list("course")
    return {course for (course,) in courses.distinct()}


def find_cycle(graph: Mapping[Node, Iterable[Node]]) -> list[Node] | None:
    """Return a cycle as [a, b, …, a], or None. Linear in edges, and no recursion however deep the graph."""
    finished: set[Node] = set()
    for start in graph:
        if start in finished:
            continue
        path, on_path = [start], {start}
        ahead = [iter(graph.get(start, ()))]
        while ahead:
            following = next(ahead[-1], None)
            if following is None:
                ahead.pop()
                on_path.discard(path[-1])
                finished.add(path.pop())
            elif following in on_path:
                return [*path[path.index(following) :], following]
            elif following not in finished:
                path.append(following)
                on_path.add(following)
                ahead.append(iter(graph.get(following, ())))
    return None
