"""A tiny world: 30 items in 6 topics, learners who walk through topics, and a version trained on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from recommender.core.catalogue import Catalogue
from recommender.core.config import ModelConfig, TrainConfig
from recommender.core.events import ANSWERED, COMPLETED, RIGHT, WRONG, EventLog
from recommender.core.training import TrainResult, train

ITEMS, TOPICS, WIDTH = 30, 6, 8


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def make_catalogue(items: int = ITEMS, *, encoder: str = "tiny") -> Catalogue:
    rng = np.random.default_rng(7)
    topic = np.arange(items) % TOPICS
    text = np.zeros((items + 1, WIDTH), dtype=np.float32)
    text[1:] = np.eye(WIDTH)[topic] + rng.normal(0, 0.1, (items, WIDTH))
    text[1:] /= np.linalg.norm(text[1:], axis=1, keepdims=True)
    gradable = np.arange(items + 1) % 2 == 1
    return Catalogue(
        keys=tuple(f"item-{n}" for n in range(1, items + 1)),
        text=text,
        concepts=((), *((int(t),) for t in topic)),
        concept_keys=tuple(f"topic-{n}" for n in range(TOPICS)),
        gradable=gradable,
        encoder=encoder,
    )


def make_log(learners: int = 40, *, seed: int = 0, length: int = 14) -> EventLog:
    """Items of one topic follow each other; odd items are answered, more often right than wrong."""
    rng = np.random.default_rng(seed)
    offsets, item, right = [0], [], []
    for _ in range(learners):
        topics = rng.permutation(TOPICS)
        walk = [t + TOPICS * step + 1 for t in topics for step in range(ITEMS // TOPICS)]
        count = int(rng.integers(2, length + 1))
        item += walk[:count]
        right += (rng.random(count) < 0.7).tolist()
        offsets.append(len(item))
    rows = np.array(item)
    answered = rows % 2 == 1
    time = 1.7e9 + np.cumsum(rng.integers(10, 5000, len(rows)))
    return EventLog.from_columns(
        np.array(offsets),
        item=rows,
        behaviour=np.where(answered, ANSWERED, COMPLETED),
        outcome=np.where(answered, np.where(right, RIGHT, WRONG), 0),
        attention=rng.integers(0, 300, len(rows)),
        time=time,
        received=time + 1,
    )


@pytest.fixture
def catalogue() -> Catalogue:
    return make_catalogue()


@pytest.fixture
def log() -> EventLog:
    return make_log()


def tiny_config(**changes: object) -> TrainConfig:
    settings: dict[str, object] = {
        "minutes": 1.0,
        "epochs": 6,
        "success_epochs": 3,
        "tokens": 64,
        "model": ModelConfig(width=16, heads=2, blocks=2, length=16, hidden=16),
    }
    return TrainConfig(**{**settings, **changes})  # type: ignore[arg-type]


@pytest.fixture
def run_training() -> Callable[..., TrainResult]:
    """`run_training(log, catalogue, out, ...)` with quiet callbacks."""

    def run(log: EventLog, catalogue: Catalogue, out: Path, **changes: object) -> TrainResult:
        options: dict[str, object] = {
            "config": tiny_config(),
            "checkpoint": None,
            "start_from": None,
            "on_progress": lambda _progress: None,
            "should_stop": lambda: False,
            "device": "cpu",
        }
        return train(log, catalogue, out=out, **{**options, **changes})  # type: ignore[arg-type]

    return run


@pytest.fixture(scope="session")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One trained version, shared by the tests that only read it."""
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("versions") / "first"
    train(
        make_log(),
        make_catalogue(),
        config=tiny_config(),
        out=out,
        checkpoint=None,
        start_from=None,
        on_progress=lambda _progress: None,
        should_stop=lambda: False,
        device="cpu",
    )
    return out


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 learners who walk through 5 chains of 8 items, and answer the harder chains worse."""
    folder = tmp_path_factory.mktemp("walks")
    rng = np.random.default_rng(0)
    lines = ["learner,item,order,timestamp,correct,concept,part,fold"]
    for who in range(60):
        chain = rng.permutation(5)
        walk = [(c, s) for c in chain for s in range(8)][: int(rng.integers(6, 30))]
        for order, (c, s) in enumerate(walk, start=1):
            part = {len(walk): "test", len(walk) - 1: "valid"}.get(order, "train")
            right = int(rng.random() < 0.9 - 0.15 * c)
            lines.append(
                f"u{who},i{c}-{s},{order},{1000 * order},{right},c{c},{part},{who % 5 + 1}"
            )
    (folder / "interactions.csv").write_text("\n".join(lines) + "\n")
    items = ["item,text", *(f"i{c}-{s},step {s} of course {c}" for c in range(5) for s in range(8))]
    (folder / "items.csv").write_text("\n".join(items) + "\n")
    return folder


@pytest.fixture(autouse=True)
def text_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts that one test has encoded serve the others, and nothing outside the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
