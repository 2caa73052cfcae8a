"""EASE and recency against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse

from recommender.core import linear


def test_ease_on_two_items_is_the_ridge_regression_of_each_on_the_other() -> None:
    # Three learners have both items, one only the first: G = [[4, 3], [3, 3]], ridge 1.
    matrix = linear.interactions(
        np.array([0, 0, 1, 1, 2, 2, 3]), np.array([1, 2, 1, 2, 1, 2, 1]), 4, 3
    )
    weights = linear.ease(linear.gram(matrix), 1.0)
    # Item 2 from item 1: 3 / (4 + 1); item 1 from item 2: 3 / (3 + 1).
    torch.testing.assert_close(weights[1:, 1:], torch.tensor([[0.0, 0.6], [0.75, 0.0]]))


def test_recency_counts_distinct_items_and_keeps_the_last_meeting() -> None:
    item = torch.tensor([[5, 7, 5, 0, 9], [2, 3, 0, 0, 0]])
    mask = torch.tensor([[True] * 5, [True, True, False, False, False]])
    weight = linear.recency(item, mask, 0.5)
    expected = torch.tensor([[0, 0.25, 0.5, 0, 1], [0.5, 1, 0, 0, 0]])
    torch.testing.assert_close(weight, expected)


def test_scores_and_entries_agree_with_the_dense_product() -> None:
    torch.manual_seed(0)
    dense = torch.randn(12, 12)
    dense[0] = 0
    dense[:, 0] = 0
    dense.fill_diagonal_(0)
    index, value = linear.largest(dense, 12)
    item = torch.tensor([[3, 4, 0], [7, 1, 2]])
    weight = torch.tensor([[0.5, 1.0, 0.0], [0.25, 0.5, 1.0]])
    wanted = torch.tensor([[1, 5], [3, 11]])
    found = linear.score(item, weight, index, value)
    torch.testing.assert_close(found, torch.einsum("bl,blv->bv", weight, dense[item]))
    rising, order = index.sort(dim=1)
    entries = linear.entries(item, wanted, rising, value.gather(1, order))
    torch.testing.assert_close(entries, dense[item][torch.arange(2)[:, None], :, wanted])


def test_item_knn_in_blocks_is_the_cosine() -> None:
    rng = np.random.default_rng(0)
    learner, item = rng.integers(0, 30, 200), rng.integers(1, 9, 200)
    matrix = linear.interactions(learner, item, 30, 9)
    index, value = linear.cosine(matrix, 9, block=4)
    dense = matrix.toarray()
    norm = np.linalg.norm(dense, axis=0)
    cosine = dense.T @ dense / np.maximum(np.outer(norm, norm), 1e-9)
    np.fill_diagonal(cosine, 0)
    back = torch.zeros(9, 9).scatter_(1, index.long(), value)
    np.testing.assert_allclose(back.numpy(), cosine, atol=1e-6)


def test_penalties_are_tried_as_time_and_memory_allow() -> None:
    assert linear.strengths_for(1000, 60) == linear.STRENGTHS
    assert len(linear.strengths_for(8000, 300)) == 3
    assert len(linear.strengths_for(8000, 25)) == 1
    assert linear.strengths_for(8000, 1) == ()
    assert linear.strengths_for(8000, -5) == ()  # the time is over
    assert linear.strengths_for(20_001, 1e9) == ()


def test_neighbours_are_those_of_the_candidate() -> None:
    rng = np.random.default_rng(1)
    matrix = linear.interactions(rng.integers(0, 40, 300), rng.integers(1, 12, 300), 40, 12)
    near = linear.ItemWeights(matrix, 60.0).neighbours(2).toarray()
    assert ((near > 0).sum(0)[1:] == 2).all()
    full = linear.ItemWeights(matrix, 60.0).neighbours(12).toarray()
    for candidate in range(1, 12):
        largest = np.sort(full[:, candidate])[-2:]
        np.testing.assert_allclose(np.sort(near[:, candidate])[-2:], largest)


def test_ease_is_computed_once_for_all_who_ask() -> None:
    rng = np.random.default_rng(1)
    matrix = linear.interactions(rng.integers(0, 40, 300), rng.integers(1, 12, 300), 40, 12)
    weights = linear.ItemWeights(matrix, 60.0, room=12 * 12 * 4 * 2)
    first = weights.dense(50.0)
    assert weights.dense(50.0) is first
    weights.dense(100.0)  # no room for more
    assert weights.dense(50.0) is not first
    torch.testing.assert_close(weights.dense(50.0), first)
    index, value = weights.kept(50.0)
    back = torch.zeros(12, 12).scatter_(1, index.long(), value)
    torch.testing.assert_close(back, first)


def test_only_the_longest_histories_are_shortened() -> None:
    matrix = linear.interactions(np.repeat([0, 1], [20, 3]), np.r_[1:21, 1:4], 2, 30)
    counts = np.diff(linear.shorten(matrix, 100.0).indptr)
    assert counts[1] == 3
    assert 3 < counts[0] <= 10
    assert linear.shorten(matrix, 1e6) is matrix


def test_fused_rows_are_the_weighted_sum() -> None:
    torch.manual_seed(0)
    one, other = torch.randn(2, 6, 6)
    index, value = linear.fuse(linear.largest(one, 6), linear.largest(other, 6), 0.5)
    back = torch.zeros(6, 6).scatter_(1, index.long(), value)
    torch.testing.assert_close(back, one + 0.5 * other)


def test_shares_of_a_markov_chain_by_hand() -> None:
    # Alice: 1 2 2 3 0 1, Bob: 2 3. PAD and repetitions are passed over, Bob's 2 doesn't follow Alice's 1.
    learner = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    item = np.array([1, 2, 2, 3, 0, 1, 2, 3])
    found = linear.from_rows(*linear.markov(learner, item, 4)).toarray()
    expected = np.zeros((4, 4))
    expected[1, 2] = 1 / (1 + linear.DOUBT)
    expected[2, 3] = 2 / (2 + linear.DOUBT)
    expected[3, 1] = 1 / (1 + linear.DOUBT)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_largest_entries_of_sparse_rows_are_kept() -> None:
    rng = np.random.default_rng(0)
    dense = (rng.normal(size=(30, 30)) * (rng.random((30, 30)) < 0.4)).astype(np.float32)
    dense[:, 0] = 0
    kept = linear.from_rows(*linear.to_rows(sparse.csr_matrix(dense), 5)).toarray()
    least = np.sort(np.abs(dense), axis=1)[:, -5][:, None]
    np.testing.assert_array_equal(kept, np.where(np.abs(dense) >= least, dense, 0))
