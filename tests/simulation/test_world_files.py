"""A world is a file: what is wrong with it is told in one line that names file and parameter."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recommender.core.errors import BadDataError
from recommender.simulation.material import build_material
from recommender.simulation.world import SHIPPED, World, list_shipped, load_world
from tests.simulation.conftest import write_world

DOCS = Path(__file__).resolve().parents[2] / "docs" / "simulator.md"


def test_every_shipped_world_is_read_and_says_what_it_is() -> None:
    for path in list_shipped():
        world = load_world(path)
        assert world.name == path.stem
        assert len(world.description) > 60


def test_the_same_file_makes_the_same_material(world: World) -> None:
    one, other = build_material(world), build_material(world)
    np.testing.assert_array_equal(one.difficulty, other.difficulty)
    np.testing.assert_array_equal(one.slots, other.slots)
    assert one.declared == other.declared


def test_what_the_platform_is_told_may_differ_from_the_truth(
    small: dict[str, Any], tmp_path: Path
) -> None:
    small["graph"] |= {"concepts": 40, "parents": 2.0}
    exact = build_material(load_world(write_world(tmp_path, small)))
    true = [{int(p) for p in row if p >= 0} for row in exact.parents]
    assert list(exact.declared) == true
    small["catalogue"] |= {"missing_edges": 0.5, "false_edges": 0.5}
    told = build_material(load_world(write_world(tmp_path, small))).declared
    edges = {(c, p) for c, own in enumerate(true) for p in own}
    declared = {(c, p) for c, own in enumerate(told) for p in own}
    assert edges - declared and declared - edges
    # Whatever the author wrote, nothing builds on itself.
    assert all(before < concept for concept, before in declared)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"response": {"slip": 1.5}}, "response.slip"),
        ({"learning": {"lesson": "much"}}, "learning.lesson"),
        ({"learning": {"zone": {"target": 0.5}}}, "learning.zone.width"),
        ({"memory": {"trace": {"model": "telepathy"}}}, "memory.trace"),
        ({"graph": {"concepts": 1}}, "graph.concepts"),
        ({"graph": {"folder": 3}}, "graph."),
        ({"taste": {"flavour": 1}}, "taste.flavour"),
        ({"name": "No name!"}, "name"),
        ({"attention": {"fatigue": float("nan")}}, "attention.fatigue"),
    ],
)
def test_a_wrong_parameter_is_named(
    small: dict[str, Any], tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    for part, values in change.items():
        if isinstance(values, dict):
            small[part].update(values)
        else:
            small[part] = values
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(small), encoding="utf-8")
    with pytest.raises(BadDataError) as caught:
        load_world(path)
    assert str(path) in str(caught.value)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00", "[" * 100_000])
def test_what_is_no_world_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadDataError, match=re.escape(str(path))):
        load_world(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadDataError, match=r"none\.json: cannot be read"):
        load_world(tmp_path / "none.json")


def test_a_graph_comes_from_a_data_folder(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text(
        "item,prerequisites,hours\nc,a|b,2\nb,a,\na,,1\nd,unheard,1\n", encoding="utf-8"
    )
    world = load_world(SHIPPED / "deep-map.json", graph=tmp_path)
    material = build_material(world)
    assert material.concepts == 4
    before = [{int(p) for p in row if p >= 0} for row in material.parents]
    assert sorted(map(len, before)) == [0, 0, 1, 2]
    assert all(p < concept for concept, own in enumerate(before) for p in own)
    # Twice the hours, twice the minutes of a lesson.
    lessons = material.minutes[~material.gradable][1:]
    assert lessons.max() == pytest.approx(2 * lessons.min())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("item,prerequisites\na,b\nb,a\n", "in a circle: "),
        ("item\na\n", "column prerequisites is missing"),
        ("item,prerequisites,hours\na,,long\nb,,1\n", "line 2: column hours"),
        ("item,prerequisites\na,\n", "fewer than two concepts"),
    ],
)
def test_a_broken_graph_is_told(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "items.csv").write_text(text, encoding="utf-8")
    with pytest.raises(BadDataError, match=re.escape(told)):
        build_material(load_world(SHIPPED / "deep-map.json", graph=tmp_path))


@pytest.mark.shared
def test_a_real_map_makes_a_world(shared_data: Path) -> None:
    world = load_world(SHIPPED / "deep-map.json", graph=shared_data / "metacademy")
    material = build_material(world)
    assert material.concepts == 392
    assert int((material.parents >= 0).sum()) == 964
    outline = material.outline
    assert len(outline.concept_ids) == 392
    assert outline.gradable.sum() == 3 * 392


def test_every_parameter_is_documented() -> None:
    written = set(re.findall(r"`([a-z_0-9]+)`", DOCS.read_text(encoding="utf-8")))

    def names(part: dict[str, Any]) -> set[str]:
        below = [names(value) for value in part.values() if isinstance(value, dict)]
        return set(part).union(*below)

    used = set().union(
        *(names(json.loads(path.read_text(encoding="utf-8"))) for path in list_shipped())
    )
    assert used - written == set()
