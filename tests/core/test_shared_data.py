"""A quick look at real data, where they are beside the project: the core beats the simple baselines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from recommender.core.baselines import NextItemBaselines
from recommender.core.config import TrainConfig
from recommender.core.evaluation import cases_at, rank_cases
from recommender.core.features import select_events
from recommender.core.metrics import ndcg
from recommender.core.readers import TEST, TRAIN, VALID, read_folder
from recommender.core.scoring import scorer
from recommender.core.serving import Recommender
from recommender.core.split import Split
from recommender.core.training import train

pytestmark = pytest.mark.shared


def test_ratings_of_300_learners(shared_data: Path, tmp_path: Path) -> None:
    data = read_folder(shared_data / "ml100k")
    assert data.part is not None
    kept = data.log.learner_of_event() < 300
    log, part = select_events(data.log, kept), data.part[kept]
    learn = select_events(log, part == TRAIN)
    met = np.bincount(learn.item, minlength=len(data.items) + 1) > 0
    candidates = torch.from_numpy(met)
    valid, test = (cases_at(log, np.flatnonzero(part == p)) for p in (VALID, TEST))
    split = Split(
        train=learn,
        valid_log=log,
        valid=valid,
        answers=select_events(log, np.zeros(len(log), dtype=bool)),
        success_train=np.zeros(0, dtype=np.int64),
        success_valid=np.zeros(0, dtype=np.int64),
    )
    result = train(
        log,
        data.catalogue(),
        config=TrainConfig(minutes=1, epochs=8),
        out=tmp_path / "version",
        checkpoint=None,
        start_from=None,
        on_progress=lambda _progress: None,
        should_stop=lambda: False,
        device="cpu",
        split=split,
    )
    bound = Recommender.load(result.artefact, device="cpu").bind(data.catalogue())
    ours = ndcg(rank_cases(scorer(bound, log), log, test, candidates)).mean()
    simple = NextItemBaselines(log, part == TRAIN, len(data.items) + 1, ("",), valid, candidates)
    for baseline in simple.fit(lambda _step: None, lambda: 60.0):
        if baseline.name in ("popularity", "item_knn", "markov"):
            theirs = ndcg(rank_cases(baseline.score, log, test, candidates)).mean()
            assert ours > theirs, baseline.name
        if baseline.name == "item_knn":
            break
