"""The number of threads is measured, and leaves nothing behind."""

from __future__ import annotations

import pytest
import torch

from recommender.core import threads


@pytest.mark.parametrize(("alone", "together", "chosen"), [(1.0, 0.5, 4), (1.0, 0.9, 1)])
def test_more_threads_must_pay(
    monkeypatch: pytest.MonkeyPatch, alone: float, together: float, chosen: int
) -> None:
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(threads, "_seconds", lambda count: alone if count == 1 else together)
    assert threads.choose_threads() == chosen


def test_the_measurement_changes_no_later_draw_and_no_setting() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    assert threads.choose_threads() >= 1
    assert torch.get_num_threads() == 1
    assert torch.equal(torch.rand(3), expected)
