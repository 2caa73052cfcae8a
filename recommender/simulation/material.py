"""What is studied in a world: concepts, items, true prerequisites, and what the platform is told of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recommender.core.catalogue import Catalogue
from recommender.core.errors import BadDataError
from recommender.core.readers import find_table, read_rows, split_names
from recommender.simulation.world import FolderGraph, GeneratedGraph, World
from recommender.standing import Outline

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LESSON, EXERCISE = "lesson", "exercise"
EASIEST, HARDEST = 0.15, 0.85
"""Knowledge at which half of the answers are right, at least and at most."""
SHORTEST, LONGEST = 0.4, 2.5
"""A concept's lessons take so many times the usual minutes, by the hours that the folder names."""


@dataclass(frozen=True)
class Material:
    """V rows, row 0 is PAD, over C concepts in an order in which prerequisites come first."""

    course: Ints  # [V] from 0, -1 on PAD
    place: Floats  # [V] in the order of its course
    gradable: NDArray[np.bool_]  # [V]
    minutes: Floats  # [V] typical
    slots: Ints  # [V, S] concepts, -1 = none; the first is what the item is about
    difficulty: Floats  # [V] knowledge at which half is right, guesses apart
    slope: Floats  # [V] of the item response
    parents: Ints  # [C, P] true direct prerequisites, -1 = none
    declared: tuple[frozenset[int], ...]  # [C] prerequisites that the platform knows

    @property
    def rows(self) -> int:
        return len(self.course)

    @property
    def concepts(self) -> int:
        return len(self.parents)

    @cached_property
    def about(self) -> Ints:
        """[V] the concept that an item is about, -1 on PAD."""
        return self.slots[:, 0]

    @cached_property
    def topic(self) -> Ints:
        """[V] what taste is about: the course."""
        return np.maximum(self.course, 0)

    @cached_property
    def outline(self) -> Outline:
        """The catalogue as the platform's standing reads it; what it isn't told isn't in it."""
        rows, places = np.nonzero(self.slots >= 0)
        taught = self.slots[rows, places]
        needed = [
            (row, concept) for row in range(1, self.rows) for concept in sorted(self._needs(row))
        ]
        pairs = np.array(needed, dtype=np.int64).reshape(-1, 2)
        return Outline(
            item_ids=np.arange(self.rows, dtype=np.int64),
            course_ids=np.where(self.course < 0, 0, self.course + 1),
            order=self.place,
            gradable=self.gradable,
            reading=np.zeros(self.rows, dtype=bool),
            published=np.arange(self.rows) > 0,
            seconds=60 * self.minutes,
            concept_ids=tuple(range(1, self.concepts + 1)),
            teaches=(rows.astype(np.int64), taught),
            needs=(pairs[:, 0].copy(), pairs[:, 1].copy()),
            prerequisites={c: told for c, told in enumerate(self.declared) if told},
        )

    @cached_property
    def catalogue(self) -> Catalogue:
        """The same rows for the core; without text."""
        return Catalogue(
            keys=tuple(f"item-{row}" for row in range(1, self.rows)),
            text=None,
            concepts=tuple(tuple(int(c) for c in slots if c >= 0) for slots in self.slots),
            concept_keys=tuple(f"concept-{c}" for c in range(self.concepts)),
            gradable=self.gradable,
            encoder="",
            kinds=("", *(EXERCISE if each else LESSON for each in self.gradable[1:])),
        )

    def _needs(self, row: int) -> set[int]:
        own = {int(c) for c in self.slots[row] if c >= 0}
        return set().union(*(self.declared[c] for c in own)) - own


def build_material(world: World) -> Material:
    """The same material for the same world file, whatever the seed of a run.

    Raises BadDataError where the folder of a graph cannot be used.
    """
    if isinstance(world.graph, FolderGraph):
        parents, length = read_graph(world.graph)
        seed = 0
    else:
        parents, length = draw_graph(world.graph)
        seed = world.graph.seed
    return _fill(world, parents, length, np.random.default_rng([seed, 1]))


def draw_graph(graph: GeneratedGraph) -> tuple[list[list[int]], Floats]:
    """Direct prerequisites of each concept, all of smaller number, and the relative length of its lessons."""
    rng = np.random.default_rng([graph.seed, 0])
    parents: list[list[int]] = []
    for concept in range(graph.concepts):
        near = np.arange(max(0, concept - graph.reach), concept)
        count = 0 if concept < graph.roots else max(1, int(rng.poisson(graph.parents)))
        parents.append(sorted(rng.choice(near, min(count, len(near)), replace=False).tolist()))
    return parents, np.ones(graph.concepts)


def read_graph(graph: FolderGraph) -> tuple[list[list[int]], Floats]:
    """The same from the items file of a folder, with columns `item`, `prerequisites` and perhaps `concept` and `hours`.

    A concept is what its rows have in common; without that column each item is one. Concepts are renumbered so that
    prerequisites come first. Raises BadDataError.
    """
    if graph.folder is None:
        raise BadDataError("graph.folder: the world names no folder")
    folder = Path(graph.folder)
    path = find_table(folder, "items")
    if path is None:
        raise BadDataError(f"graph.folder: {folder} has no items.csv or items.csv.gz")
    before: dict[str, set[str]] = {}
    hours: dict[str, float] = {}
    node_of: dict[str, str] = {}
    for line, row in read_rows(path, ("item", "prerequisites")):
        node = (split_names(row.get("concept", "")) or (row["item"],))[0]
        node_of[row["item"]] = node_of[node] = node
        before.setdefault(node, set()).update(split_names(row["prerequisites"]))
        try:
            told = float(row.get("hours") or "nan")
        except ValueError:
            raise BadDataError(
                f"{path}: line {line}: column hours: {row['hours']} is no number"
            ) from None
        hours[node] = max(told, hours.get(node, told))
    edges = {
        node: {node_of[name] for name in names if name in node_of} - {node}
        for node, names in before.items()
    }
    try:
        order = list(TopologicalSorter({n: sorted(edges[n]) for n in sorted(edges)}).static_order())
    except CycleError as error:
        raise BadDataError(
            f"{path}: prerequisites in a circle: {' → '.join(error.args[1])}"
        ) from None
    if len(order) < 2:
        raise BadDataError(f"{path}: fewer than two concepts")
    number_of = {node: number for number, node in enumerate(order)}
    taken = np.array([hours[node] for node in order])
    usual = float(np.nanmedian(taken)) if np.isfinite(taken).any() else 1.0
    length = np.where(np.isfinite(taken), taken / max(usual, 1e-9), 1.0)
    parents = [sorted(number_of[name] for name in edges[node]) for node in order]
    return parents, np.clip(length, SHORTEST, LONGEST)


def _fill(
    world: World, parents: list[list[int]], length: Floats, rng: np.random.Generator
) -> Material:
    """Courses, lessons and exercises for a graph."""
    given = world.catalogue
    concepts = len(parents)
    course = np.arange(concepts) * min(given.courses, concepts) // concepts
    # The author's order: nearly that of the prerequisites.
    place = np.arange(concepts) + given.disorder * rng.standard_normal(concepts)
    rows: list[tuple[int, ...]] = []
    numbers: list[tuple[float, float, float, float]] = []
    for concept in np.lexsort((place, course)).tolist():
        for _ in range(given.lessons):
            rows.append((course[concept], 0, concept, -1))
            numbers.append((given.lesson_minutes * length[concept], 0.0, 1.0, place[concept]))
        hard = 0.5 + given.difficulty_spread * np.sort(rng.standard_normal(given.exercises))
        spread = given.discrimination_spread * rng.standard_normal(given.exercises)
        joint = rng.random(given.exercises) < given.joint
        pick = rng.random(given.exercises)
        for each in range(given.exercises):
            own = parents[concept]
            also = own[int(pick[each] * len(own))] if joint[each] and own else -1
            rows.append((course[concept], 1, concept, also))
            numbers.append(
                (
                    given.exercise_minutes,
                    float(np.clip(hard[each], EASIEST, HARDEST)),
                    given.discrimination * float(np.exp(spread[each])),
                    place[concept],
                )
            )
    table = np.array([(-1, 0, -1, -1), *rows], dtype=np.int64)
    figures = np.array([(0.0, 0.0, 1.0, 0.0), *numbers])
    return Material(
        course=table[:, 0],
        place=_places(table[:, 0]),
        gradable=table[:, 1] == 1,
        minutes=figures[:, 0],
        slots=table[:, 2:],
        difficulty=figures[:, 1],
        slope=figures[:, 2],
        parents=_pad(parents),
        declared=_declare(world, parents, rng),
    )


def _places(course: Ints) -> Floats:
    """[V] which one of its course each row is; rows stand in the order of their courses."""
    first = np.searchsorted(course, course, side="left")
    return (np.arange(len(course)) - first).astype(np.float64)


def _pad(parents: list[list[int]]) -> Ints:
    table = np.full((len(parents), max(1, *map(len, parents))), -1, dtype=np.int64)
    for concept, own in enumerate(parents):
        table[concept, : len(own)] = own
    return table


def _declare(
    world: World, parents: list[list[int]], rng: np.random.Generator
) -> tuple[frozenset[int], ...]:
    """What the author wrote down: some edges are missing, some are made up; never a circle."""
    given = world.catalogue
    told = [{p for p in own if rng.random() >= given.missing_edges} for own in parents]
    invented = round(given.false_edges * sum(map(len, parents)))
    for _ in range(invented):
        concept = int(rng.integers(1, len(parents)))
        told[concept].add(int(rng.integers(max(0, concept - 12), concept)))
    return tuple(frozenset(own) for own in told)
