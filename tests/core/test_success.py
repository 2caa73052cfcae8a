"""P(correct) is predicted from earlier answers only, with counts that can be checked by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from recommender.core.events import ANSWERED, RIGHT, WRONG, EventLog
from recommender.core.features import make_batch
from recommender.core.serving import predict_batch
from recommender.core.success import (
    FEATURES,
    PRIOR,
    WIDE_MEMORY,
    Exercises,
    SuccessConfig,
    SuccessModel,
    concept_prior,
    difficulty,
    wide_features,
)
from recommender.core.success_training import all_wide, fit_platt, predict_answers

SLOTS = torch.tensor([[0, 0], [1, 0], [1, 2], [2, 0], [0, 0]])


def answers(right: list[int], items: list[int]) -> EventLog:
    return EventLog.from_columns(
        np.array([0, len(items)]),
        item=np.array(items),
        behaviour=np.full(len(items), ANSWERED),
        outcome=np.where(np.array(right) == 1, RIGHT, WRONG),
    )


def neutral() -> Exercises:
    return Exercises(SLOTS, torch.zeros(5), torch.zeros(5), torch.zeros(3))


def head() -> SuccessModel:
    torch.manual_seed(1)
    model = SuccessModel(SLOTS, 2, 0, SuccessConfig(width=8, heads=2, hidden=8))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model.eval()


def test_counts_by_hand() -> None:
    item = torch.tensor([[1, 3, 2, 1]])
    right = torch.tensor([[1, 0, 0, 1]])
    candidate = torch.tensor([[2, 4]])  # concepts 1 and 2; none
    visible = torch.ones(1, 2, 4, dtype=torch.bool)
    wide = wide_features(item, right, candidate, visible, neutral())
    assert wide.shape == (1, 2, FEATURES)
    total = [math.log(3), math.log(3)]
    # Concept 1: right, wrong (item 2), right; concept 2: wrong, wrong.
    concept = [math.log(3) / 2, (math.log(2) + math.log(3)) / 2]
    same = [0.0, math.log(2)]
    np.testing.assert_allclose(wide[0, 0, :6], [*total, *concept, *same], rtol=1e-6)
    np.testing.assert_allclose(wide[0, 1, :6], [*total, 0, 0, 0, 0], rtol=1e-6)
    weights = 0.7 ** np.array([3, 2, 1, 0])
    correct = np.array([1, 0, 0, 1])
    recent = ((weights * correct).sum() + 0.5) / (weights.sum() + 1)
    surprise = (weights * (correct - 0.5)).sum() / (weights.sum() + 1)
    np.testing.assert_allclose(wide[0, 0, 6:8], [recent, surprise], rtol=1e-5)


def test_rare_exercises_lean_on_their_concepts() -> None:
    item = torch.tensor([1] * 50 + [3] * 50)
    right = torch.tensor([1.0] * 45 + [0.0] * 5 + [1.0] * 10 + [0.0] * 40)
    known = difficulty(item, right, SLOTS, 2)
    chance = torch.sigmoid(known.prior)
    assert chance[1] == pytest.approx(0.88, abs=0.03)
    assert chance[3] == pytest.approx(0.22, abs=0.04)
    # Item 2 has both concepts and no answer: between them. Item 4 has neither: the mean of all.
    assert chance[3] < chance[2] < chance[1]
    assert chance[4] == pytest.approx(0.55, abs=0.01)
    torch.testing.assert_close(concept_prior(SLOTS, known.concept)[2], known.prior[2])


def test_an_answer_does_not_know_itself_or_the_future() -> None:
    items = [1, 2, 3, 1, 2, 3, 1]
    log = answers([1, 0, 1, 1, 0, 0, 1], items)
    model = head()
    who, cpu = np.array([0]), torch.device("cpu")
    before, rows = predict_answers(model, log, who, None, cpu)
    flipped = replace(log, outcome=log.outcome.copy())
    flipped.outcome[3] = WRONG
    after, _ = predict_answers(model, flipped, who, None, cpu)
    at = {int(row): n for n, row in enumerate(rows)}
    for row in range(4):
        assert before[at[row]] == after[at[row]]
    assert all(before[at[row]] != after[at[row]] for row in range(4, 7))


def test_candidates_do_not_see_each_other() -> None:
    model = head()
    item, right = torch.tensor([[1, 2, 3]]), torch.tensor([[1, 0, 1]])

    def predict(candidates: list[int]) -> torch.Tensor:
        candidate = torch.tensor([candidates])
        visible = torch.ones(1, len(candidates), 3, dtype=torch.bool)
        wide = wide_features(item, right, candidate, visible, model.known)
        with torch.no_grad():
            return model(item, right, candidate, visible, wide, None)[0]

    together = predict([3, 1, 2])
    torch.testing.assert_close(together[1], predict([1])[0], rtol=1e-5, atol=1e-6)


def test_the_prior_of_a_training_answer_comes_with_its_features() -> None:
    """The head reads the candidate's difficulty from the wide features, where it can be left out."""
    model = head()
    item, right = torch.tensor([[1, 2]]), torch.tensor([[1, 0]])
    candidate, visible = torch.tensor([[3]]), torch.ones(1, 1, 2, dtype=torch.bool)
    wide = wide_features(item, right, candidate, visible, model.known)
    assert wide[0, 0, PRIOR] == model.prior[3]
    with torch.no_grad():
        one = model(item, right, candidate, visible, wide, None)
        model.prior[3] += 5.0
        two = model(item, right, candidate, visible, wide, None)
    assert torch.equal(one, two)


def test_a_long_history_is_predicted_in_chunks_as_in_one_go() -> None:
    rng = np.random.default_rng(0)
    items = rng.integers(1, 4, 260).tolist()
    log = answers(rng.integers(0, 2, 260).tolist(), items)
    model = head()
    wide = all_wide(log, np.array([0]), model.known)
    batch = torch.tensor([items]), torch.from_numpy((log.outcome == RIGHT).astype(int))[None]
    last = torch.tensor([[items[-1]]])
    visible = (torch.arange(260) < 259)[None, None]
    expected = wide_features(*batch, last, visible, model.known)
    torch.testing.assert_close(wide[259], expected[0, 0], rtol=1e-4, atol=1e-5)


def test_platt_scaling_undoes_a_distortion() -> None:
    torch.manual_seed(0)
    truth = torch.randn(20_000)
    right = (torch.rand(20_000) < torch.sigmoid(truth)).float()
    slope, offset = fit_platt(truth * 2 + 1, right)
    assert slope == pytest.approx(0.5, abs=0.03)
    assert offset == pytest.approx(-0.5, abs=0.05)


def test_platt_scaling_of_one_class_stays_finite() -> None:
    found = fit_platt(torch.randn(5), torch.ones(5))
    assert torch.isfinite(found).all()
    assert found[0] > 0


def test_slates_and_evaluation_agree_on_long_histories() -> None:
    rng = np.random.default_rng(1)
    items = rng.integers(1, 4, 230)
    log = answers(rng.integers(0, 2, 230).tolist(), items.tolist())
    model, who = head(), np.array([0])
    logits, rows = predict_answers(model, log, who, None, torch.device("cpu"))
    expected = model.calibrated(logits)[rows == 229]
    batch = make_batch(log, who, np.array([229]), WIDE_MEMORY)
    with torch.no_grad():
        found = predict_batch(
            model, batch, torch.from_numpy(items[229:].astype(np.int64))[None], None
        )
    torch.testing.assert_close(found[0], expected, rtol=1e-5, atol=1e-5)
