"""A world so small that everything in it takes a moment."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recommender.simulation.material import Material, build_material
from recommender.simulation.world import SHIPPED, World, load_world


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def small() -> dict[str, Any]:
    """The content of a world file."""
    content = json.loads((SHIPPED / "restless.json").read_text(encoding="utf-8"))
    content["name"] = "small"
    content["graph"] |= {"concepts": 8, "roots": 2, "reach": 4, "parents": 1.5}
    content["catalogue"] |= {"courses": 2, "exercises": 2}
    content["warm_up"] |= {"learners": 40, "minutes": 60.0}
    return content


@pytest.fixture
def world_file(tmp_path: Path, small: dict[str, Any]) -> Path:
    return write_world(tmp_path, small)


@pytest.fixture
def world(world_file: Path) -> World:
    return load_world(world_file)


@pytest.fixture
def material(world: World) -> Material:
    return build_material(world)


def write_world(folder: Path, content: dict[str, Any]) -> Path:
    path = folder / f"{content.get('name', 'world')}.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def learners(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.int64)
