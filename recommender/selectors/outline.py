"""The catalogue as the columns that ranking works on."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from content.models import Item
from content.selectors import CatalogueRow
from recommender.standing import Outline


def build_outline(
    rows: Iterable[CatalogueRow], prerequisites: Mapping[int, Iterable[int]]
) -> Outline:
    """Columns of `rows` in their order, below a row of padding; `prerequisites` by concept id."""
    items = list(rows)
    concepts = sorted(
        {concept for item in items for concept in item.concept_ids}
        | set(prerequisites)
        | {one for required in prerequisites.values() for one in required}
    )
    index = {concept: place for place, concept in enumerate(concepts)}
    direct = {
        index[concept]: frozenset(index[one] for one in required)
        for concept, required in prerequisites.items()
    }
    taught: list[tuple[int, int]] = []
    needed: list[tuple[int, int]] = []
    for row, item in enumerate(items, start=1):
        own = {index[concept] for concept in item.concept_ids}
        taught += [(row, concept) for concept in sorted(own)]
        before = frozenset().union(*(direct.get(concept, ()) for concept in own)) - own
        needed += [(row, concept) for concept in sorted(before)]
    return Outline(
        item_ids=np.array([0, *(item.id for item in items)], dtype=np.int64),
        course_ids=np.array([0, *(item.course_id for item in items)], dtype=np.int64),
        order=_order(items),
        gradable=np.array([False, *(item.kind in Item.GRADABLE for item in items)]),
        reading=np.array([False, *(item.kind == Item.Kind.READING for item in items)]),
        published=np.array([False, *(item.published for item in items)]),
        seconds=np.array([0.0, *(60 * (item.minutes or 0) for item in items)]),
        concept_ids=tuple(concepts),
        teaches=_columns(taught),
        needs=_columns(needed),
        prerequisites=direct,
    )


def _order(items: list[CatalogueRow]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """[V] index of each item within its course."""
    order = np.zeros(len(items) + 1, dtype=np.float64)
    by_course: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for row, item in enumerate(items, start=1):
        by_course[item.course_id].append((item.position, item.id, row))
    for members in by_course.values():
        for place, (_position, _id, row) in enumerate(sorted(members)):
            order[row] = place
    return order


def _columns(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return table[:, 0].copy(), table[:, 1].copy()
