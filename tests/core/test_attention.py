"""The attention model: the future does not move the past, padding and company change nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from recommender.core.config import ModelConfig, TrainConfig
from recommender.core.evaluation import cases_at
from recommender.core.events import EventLog
from recommender.core.features import make_batch
from recommender.core.losses import full_softmax, sampled_softmax
from recommender.core.model import ItemTable, NextItemModel
from recommender.core.next_item import NextItemTask, pack, windows

ROWS = 31


def model(blocks: int = 2) -> NextItemModel:
    torch.manual_seed(3)
    built = NextItemModel(
        ROWS, 0, ModelConfig(width=16, heads=2, blocks=blocks, length=16, hidden=16, dropout=0.0)
    )
    built.items.count(torch.full((ROWS,), 9), 5)
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return built.eval()


@torch.no_grad()
def states(built: NextItemModel, log: EventLog, who: list[int], ends: list[int]) -> torch.Tensor:
    batch = make_batch(log, np.array(who), np.array(ends), 16)
    return built(batch, built.items(None))


def test_changing_the_future_does_not_move_the_past(log: EventLog) -> None:
    built = model()
    before = states(built, log, [0], [99])
    changed = replace(log, item=np.where(np.arange(len(log)) == 1, 29, log.item).astype(np.int32))
    after = states(built, changed, [0], [99])
    assert torch.equal(before[:, :2], after[:, :2])
    assert not torch.allclose(before[:, 2:], after[:, 2:])


def test_padding_and_the_rest_of_the_batch_change_nothing(log: EventLog) -> None:
    built = model()
    alone = [states(built, log, [who], [99])[0] for who in range(6)]
    together = states(built, log, list(range(6)), [99] * 6)
    for one, row in zip(alone, together, strict=True):
        torch.testing.assert_close(row[: len(one)], one, rtol=1e-5, atol=1e-6)


def test_the_order_of_a_batch_changes_nothing(log: EventLog) -> None:
    built = model()
    forth = states(built, log, [0, 1, 2, 3], [99] * 4)
    back = states(built, log, [3, 2, 1, 0], [99] * 4)
    torch.testing.assert_close(forth, back.flip(0), rtol=1e-5, atol=1e-6)


def test_one_batch_can_be_overfitted(log: EventLog) -> None:
    torch.manual_seed(0)
    config = ModelConfig(
        width=32, heads=2, blocks=1, length=16, hidden=32, dropout=0.0, id_dropout=0.0
    )
    built = NextItemModel(ROWS, 0, config)
    built.items.count(torch.full((ROWS,), 9), 5)
    few = log.of(np.arange(4))
    task = NextItemTask(
        built,
        few,
        None,
        TrainConfig(),
        valid_log=few,
        valid=cases_at(few, np.zeros(0, dtype=np.int64)),
        device=torch.device("cpu"),
    )
    (batch,) = task.batches(torch.Generator().manual_seed(0))
    optimiser = torch.optim.Adam(built.parameters(), lr=0.02)
    for _ in range(150):
        optimiser.zero_grad()
        loss = task.loss(batch)
        loss.backward()
        optimiser.step()
    # The first item of a history follows from nothing: only its frequency can be learned.
    assert float(loss.detach()) < 0.5


def test_explained_parts_add_up_to_the_state(log: EventLog) -> None:
    built = model()
    batch = make_batch(log, np.arange(5), None, 16)
    with torch.no_grad():
        told = built.explain(batch, built.items(None))
        exact = built.last_states(batch, built.items(None))
    torch.testing.assert_close(told.state, exact, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(told.prior + told.event.sum(1), exact, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(told.alpha.sum(-1), torch.ones(5, 2))
    assert (told.event[~batch.mask] == 0).all()


def test_every_event_is_a_target_once_with_a_quarter_of_a_window_before_it() -> None:
    counts = np.array([3, 0, 41, 16])
    for shift in range(9):
        cut = windows(counts, 16, shift)
        seen = np.concatenate(
            [
                np.stack([np.full(b - a, w), np.arange(a, b)], 1)
                for w, a, b in zip(cut.learner, cut.scored, cut.stop, strict=True)
            ]
        )
        assert len(np.unique(seen, axis=0)) == len(seen) == counts.sum()
        assert (cut.stop - cut.start <= 16).all()
        assert (cut.scored - cut.start >= np.minimum(cut.scored, 4)).all()


def test_packing_uses_every_window_once_and_keeps_to_the_budget() -> None:
    sizes = np.random.default_rng(0).integers(1, 50, 300)
    batches = pack(sizes, 200, torch.Generator().manual_seed(1))
    assert sorted(np.concatenate(batches).tolist()) == list(range(300))
    assert max(sizes[b].sum() for b in batches) <= 250
    padding = sum(len(b) * sizes[b].max() for b in batches) / sizes.sum()
    assert padding < 1.15


def test_sampled_softmax_estimates_the_full_one() -> None:
    torch.manual_seed(0)
    states_, vectors = torch.randn(50, 8), torch.randn(40, 8)
    targets = torch.randint(40, (50,))
    frequency = torch.rand(40) + 0.1  # far from uniform
    frequency /= frequency.sum()
    negatives = torch.multinomial(frequency, 60_000, replacement=True)
    estimate = sampled_softmax(states_, vectors, targets, negatives, frequency.log())
    full = full_softmax(states_, vectors, targets)
    torch.testing.assert_close(estimate, full, rtol=0.005, atol=0.005)


def test_the_tiled_softmax_is_the_plain_one() -> None:
    torch.manual_seed(0)
    states_ = torch.randn(37, 8, requires_grad=True)
    vectors = torch.randn(23, 8, requires_grad=True)
    targets = torch.randint(23, (37,))
    plain = torch.nn.functional.cross_entropy(states_ @ vectors.T, targets)
    tiled = full_softmax(states_, vectors, targets, tile=10)
    torch.testing.assert_close(tiled, plain)
    for one, other in zip(
        torch.autograd.grad(3 * plain, (states_, vectors)),
        torch.autograd.grad(3 * tiled, (states_, vectors)),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_text_learns_the_vectors_of_warm_items() -> None:
    torch.manual_seed(0)
    config = ModelConfig(width=8, heads=2, text_beside_id=False)
    table = ItemTable(300, 5, config)
    text = torch.nn.functional.normalize(torch.randn(300, 5), dim=1)
    truth = torch.randn(5, 8)
    events = torch.full((300,), 9)
    events[200:] = 0  # untouched
    table.count(events, 5)
    with torch.no_grad():
        table.id.copy_(text @ truth + 0.01 * torch.randn(300, 8))
    assert table(text)[200:].abs().max() == 0
    table.learn_text(text)
    table.eval()
    torch.testing.assert_close(table(text)[200:], (text @ truth)[200:], atol=0.05, rtol=0.05)
    torch.testing.assert_close(table(text)[1:200], table.id[1:200])
