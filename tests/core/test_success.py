"""P(correct) is predicted from earlier answers only, with counts that can be checked by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from recommender.core.events import ANSWERED, RIGHT, WRONG, EventLog
from recommender.core.exercises import Exercises, adjusted, concept_prior, difficulty
from recommender.core.prediction import predict_success
from recommender.core.success import SuccessConfig, SuccessModel
from recommender.core.success_training import all_wide, fit_platt, predict_answers
from recommender.core.tallies import CONCEPT, FEATURES, PRIOR, SHARED, Tally, final_wide

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


def slots() -> np.ndarray:
    return SLOTS.numpy()


def test_counts_by_hand() -> None:
    log = answers([1, 0, 0, 1], [1, 3, 2, 1])
    candidates = np.array([[2, 4]])  # concepts 1 and 2; none
    wide = final_wide(log, candidates, neutral(), slots())[0]
    assert wide.shape == (2, FEATURES)
    # Other exercises than the candidate: right, wrong, right; concept 1: right, right; concept 2: wrong.
    total = [math.log(3), math.log(2)]
    concept = [math.log(3) / 2, math.log(2) / 2]
    np.testing.assert_allclose(wide[0, :2], total, rtol=1e-6)
    np.testing.assert_allclose(wide[1, :2], [math.log(3)] * 2, rtol=1e-6)
    np.testing.assert_allclose(wide[0, CONCEPT : CONCEPT + 2], concept, rtol=1e-6)
    np.testing.assert_allclose(wide[1, CONCEPT : CONCEPT + 4], [0, 0, 0.5, 0], rtol=1e-6)
    # The candidate itself: one wrong answer, half a surprise over one answer and one pseudo-answer.
    np.testing.assert_allclose(wide[0, SHARED : SHARED + 3], [-0.25, 0, math.log(2)], rtol=1e-6)
    np.testing.assert_allclose(wide[1, SHARED : SHARED + 3], 0)
    # The candidate's own answer ages the others, but is not among them.
    weights = 0.7 ** np.array([3, 2, 0])
    correct = np.array([1, 0, 1])
    recent = ((weights * correct).sum() + 0.5) / (weights.sum() + 1)
    surprise = (weights * (correct - 0.5)).sum() / (weights.sum() + 1)
    np.testing.assert_allclose(wide[0, 2:4], [recent, surprise], rtol=1e-5)
    one, both = 0.7 ** np.array([2, 0]), np.array([0.7])
    surprises = [one.sum() / 2 / (one.sum() + 1), -both.sum() / 2 / (both.sum() + 1)]
    np.testing.assert_allclose(wide[0, CONCEPT + 3], np.mean(surprises), rtol=1e-5)


def test_a_retry_counts_for_its_exercise_only() -> None:
    with_retries = answers([0, 0, 1, 1], [1, 1, 1, 2])
    without = answers([0, 1], [1, 2])
    candidates = np.array([[1, 2, 3]])
    wide = [final_wide(log, candidates, neutral(), slots())[0] for log in (with_retries, without)]
    torch.testing.assert_close(wide[0][:, :SHARED], wide[1][:, :SHARED])
    counts = [math.log(2), math.log(3)]
    np.testing.assert_allclose(wide[0][0, SHARED + 1 : SHARED + 3], counts, rtol=1e-6)


def test_counts_are_the_same_however_they_are_made() -> None:
    """Appended one by one, over a whole history, and before each answer of a training log."""
    rng = np.random.default_rng(0)
    items, right = rng.integers(1, 5, 300), rng.integers(0, 2, 300)
    log = answers(right.tolist(), items.tolist())
    known = difficulty(torch.from_numpy(items), torch.from_numpy(right).float(), SLOTS, 2)
    running = all_wide(log, np.array([0]), known)
    candidates = torch.arange(1, 5)
    tally = Tally()
    for step in range(300):
        if step % 37 == 0:
            appended = tally.wide(candidates, known)
            history = answers(right[:step].tolist(), items[:step].tolist())
            whole = final_wide(history, candidates[None].numpy(), known, slots())[0]
            torch.testing.assert_close(appended, whole, rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(running[step], whole[items[step] - 1], rtol=1e-5, atol=1e-5)
        tally.append(int(items[step]), bool(right[step]), known)


def test_counts_of_one_learner_are_not_anothers() -> None:
    rng = np.random.default_rng(1)
    items, right = rng.integers(1, 5, 40), rng.integers(0, 2, 40)
    both = EventLog.from_columns(
        np.array([0, 0, 15, 40]),
        item=items,
        behaviour=np.full(40, ANSWERED),
        outcome=np.where(right == 1, RIGHT, WRONG),
    )
    candidates = np.tile(np.arange(1, 5), (3, 1))
    together = final_wide(both, candidates, neutral(), slots())
    for who in range(3):
        alone = final_wide(both.of(np.array([who])), candidates[:1], neutral(), slots())
        torch.testing.assert_close(together[who], alone[0])


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


def test_an_exercise_that_only_the_able_met_is_not_easy() -> None:
    rng = np.random.default_rng(0)
    able = rng.random(6000) < 0.5
    item = np.where(able, 1, 3)  # the able meet item 1, the others item 3
    item[rng.random(6000) < 0.2] = 2
    truth = {1: -0.5, 2: 0.0, 3: 0.5}  # logits for the mean learner
    ability = np.where(able, 1.5, -1.5)
    logit = np.array([truth[i] for i in item]) + ability
    right = torch.from_numpy(rng.random(6000) < 1 / (1 + np.exp(-logit))).float()
    rows = torch.from_numpy(item)
    plain = difficulty(rows, right, SLOTS, 2)
    assert plain.prior[1] > plain.prior[3]
    found = adjusted(plain, rows, right, torch.from_numpy(ability)[:, None])
    for row, logit_of in truth.items():
        assert found.prior[row] == pytest.approx(logit_of, abs=0.25)
    # Without answers of its own an exercise is what its concepts are.
    torch.testing.assert_close(concept_prior(SLOTS, found.concept)[4], found.concept[0])


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


def test_a_question_of_several_concepts_does_not_tell_its_answer_through_any_of_them() -> None:
    items = [2, 1, 3, 2, 1, 2]
    log = answers([1, 0, 1, 1, 0, 0], items)
    model, who, cpu = head(), np.array([0]), torch.device("cpu")
    before, rows = predict_answers(model, log, who, None, cpu)
    flipped = replace(log, outcome=np.where(np.arange(6) == 3, WRONG, log.outcome).astype(np.uint8))
    after, _ = predict_answers(model, flipped, who, None, cpu)
    changed = {int(row) for row, one, two in zip(rows, before, after, strict=True) if one != two}
    # Item 2 at place 3 is of concepts 1 and 2: both know it afterwards, neither before.
    assert changed == {4, 5}
    wide = all_wide(log, who, neutral()), all_wide(flipped, who, neutral())
    assert torch.equal(wide[0][:4], wide[1][:4])


def test_candidates_do_not_see_each_other() -> None:
    model, log = head(), answers([1, 0, 1], [1, 2, 3])
    together = predict_success(model, log, np.array([[3, 1, 2]]), None)[0]
    alone = predict_success(model, log, np.array([[1]]), None)[0]
    np.testing.assert_allclose(together[1], alone[0], rtol=1e-5, atol=1e-6)


def test_the_prior_of_a_training_answer_comes_with_its_features() -> None:
    """The head reads the candidate's difficulty from the wide features, where it can be left out."""
    model, log = head(), answers([1, 0], [1, 2])
    item, right = torch.tensor([[1, 2]]), torch.tensor([[1, 0]])
    candidate, visible = torch.tensor([[3]]), torch.ones(1, 1, 2, dtype=torch.bool)
    wide = final_wide(log, np.array([[3]]), model.known, slots())
    assert wide[0, 0, PRIOR] == model.prior[3]
    with torch.no_grad():
        one = model(item, right, candidate, visible, wide, None)
        model.prior[3] += 5.0
        two = model(item, right, candidate, visible, wide, None)
    assert torch.equal(one, two)


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
    count = model.count[torch.from_numpy(items)[rows]]
    expected = model.calibrated(logits, count)[rows == 229]
    earlier = log.between(np.array([0]), np.array([229]))
    found = predict_success(model, earlier, items[None, 229:], None)
    np.testing.assert_allclose(found[0], expected.numpy(), rtol=1e-5, atol=1e-5)
