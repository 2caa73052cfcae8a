"""Metrics equal numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from recommender.core import metrics
from recommender.core.metrics import PooledBootstrap


def test_rank_counts_what_is_higher_and_half_of_the_ties() -> None:
    scores = torch.tensor([[-torch.inf, 3.0, 2.0, 2.0, 2.0, 1.0], [-torch.inf, 1, 2, 3, 4, 5]])
    assert metrics.ranks(scores, torch.tensor([3, 5])).tolist() == [2.0, 0.0]


def test_a_target_that_is_no_candidate_is_a_miss() -> None:
    scores = torch.tensor([[-torch.inf, 1.0]])
    rank = metrics.ranks(scores, torch.tensor([0])).numpy()
    assert metrics.ndcg(rank).tolist() == [0.0]
    assert metrics.hit(rank).tolist() == [0.0]


def test_ndcg_and_hit_at_ten() -> None:
    rank = np.array([0.0, 1.0, 2.5, 9.0, 10.0])
    expected = [1, 1 / math.log2(3), 1 / math.log2(4.5), 1 / math.log2(11), 0]
    np.testing.assert_allclose(metrics.ndcg(rank), expected)
    assert metrics.hit(rank).tolist() == [1, 1, 1, 1, 0]


def test_auc_by_pairs() -> None:
    probability = np.array([0.1, 0.4, 0.4, 0.8])
    truth = np.array([0.0, 0.0, 1.0, 1.0])
    # Pairs (right, wrong): .4>.1, .4=.4 (half), .8>.1, .8>.4.
    assert metrics.auc(probability, truth) == pytest.approx(3.5 / 4)
    assert math.isnan(metrics.auc(probability, np.ones(4)))


def test_calibration_error_and_log_loss_by_hand() -> None:
    probability = np.repeat([0.2, 0.8], 15)
    truth = np.concatenate([np.zeros(15), np.ones(15)])
    assert metrics.ece(probability, truth, bins=2) == pytest.approx(0.2)
    assert metrics.log_loss(np.array([0.5, 0.25]), np.array([1.0, 0.0])) == pytest.approx(
        (math.log(2) - math.log(0.75)) / 2
    )


def test_weighted_resamples_equal_copied_rows() -> None:
    rng = np.random.default_rng(0)
    learner = np.repeat(np.arange(12), 7)
    probability = rng.random(84).round(1)
    truth = (rng.random(84) < probability).astype(float)
    bootstrap = PooledBootstrap(learner, seed=1, repeats=20)
    samples = bootstrap.samples(probability, truth)
    for number, weights in enumerate(bootstrap._weights):
        rows = np.repeat(np.arange(84), weights)
        copied = metrics.success_metrics(probability[rows], truth[rows])
        assert samples["auc"][number] == pytest.approx(copied["auc"])
        assert samples["log_loss"][number] == pytest.approx(copied["log_loss"])
        assert samples["accuracy"][number] == pytest.approx(copied["accuracy"])


def test_the_interval_holds_the_mean_and_narrows_with_more_learners() -> None:
    values = np.random.default_rng(0).random(1000)
    wide, narrow = metrics.mean_interval(values[:50]), metrics.mean_interval(values)
    assert narrow["low"] < narrow["value"] < narrow["high"]
    assert narrow["high"] - narrow["low"] < wide["high"] - wide["low"]


def test_reliability_by_hand() -> None:
    probability, truth = np.array([0.9, 0.1, 0.8, 0.2]), np.array([1.0, 0.0, 0.0, 0.0])
    low, high = metrics.reliability(probability, truth, bins=2)
    assert low == {"predicted": pytest.approx(0.15), "observed": 0.0, "answers": 2}
    assert high == {"predicted": pytest.approx(0.85), "observed": 0.5, "answers": 2}
    gaps = [b["answers"] * abs(b["predicted"] - b["observed"]) for b in (low, high)]
    assert sum(gaps) / 4 == pytest.approx(metrics.ece(probability, truth, bins=2))
