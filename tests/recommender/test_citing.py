"""Which events are named as reasons: those that weighed most, and among nearly equal ones not always the same."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from learners.selectors import HistoryRow
from recommender.pipeline.citing import LEAST_SHARE, NEARLY, choose_events, cite_events

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def history(*items: int) -> list[HistoryRow]:
    plain = dict.fromkeys(HistoryRow._fields)
    return [
        HistoryRow(
            **{**plain, "event_id": 100 + place, "item_id": item, "verb": "completed"}
            | {"graded": False, "occurred_at": NOW}
        )
        for place, item in enumerate(items)
    ]


def choose(rows: list[HistoryRow], shares: list[list[float]]) -> list[list[tuple[int, float]]]:
    weights = np.array(shares, dtype=np.float32)
    events = np.tile(np.arange(weights.shape[1], dtype=np.int32), (len(weights), 1))
    return choose_events(rows, events, weights)


def positions(chosen: list[list[tuple[int, float]]]) -> list[list[int]]:
    return [[position for position, _share in cited] for cited in chosen]


def test_the_two_items_that_weighed_most_each_by_its_heaviest_event() -> None:
    # Item 7 has two events, of which the second weighs more.
    chosen = choose(history(7, 8, 7, 9), [[0.2, 0.25, 0.3, 0.25 / 2]])
    assert positions(chosen) == [[2, 1]]
    assert [share for _position, share in chosen[0]] == pytest.approx([0.5 / 0.875, 0.25 / 0.875])


def test_what_spoke_against_it_or_hardly_for_it_is_no_reason() -> None:
    assert positions(choose(history(1, 2, 3), [[0.95, -3.0, 0.05]])) == [[0]]
    assert positions(choose(history(1, 2), [[0.0, -1.0]])) == [[]]


def test_among_nearly_equal_ones_cards_name_different_events() -> None:
    # Four items weigh nearly the same for every entry, the first a little more.
    chosen = positions(choose(history(1, 2, 3, 4), [[0.28, 0.25, 0.24, 0.23]] * 4))
    assert [set(cited) for cited in chosen] == [{0, 1}, {2, 3}, {0, 1}, {2, 3}]


def test_what_weighs_clearly_less_never_takes_its_place() -> None:
    assert positions(choose(history(1, 2, 3), [[0.6, 0.25, 0.15]] * 5)) == [[0, 1]] * 5


def test_reasons_stay_true_for_whatever_weights() -> None:
    rng = np.random.default_rng(0)
    rows = history(*rng.integers(1, 30, 60).tolist())
    shares = rng.gamma(0.5, 1.0, (80, 32)).astype(np.float32)
    events = np.stack([rng.permutation(60)[:32] for _entry in shares]).astype(np.int32)
    chosen = choose_events(rows, events, shares)
    items = np.array([row.item_id for row in rows])
    for entry, cited in enumerate(chosen):
        by_item = np.bincount(items[events[entry]], shares[entry]) / shares[entry].sum()
        for position, share in cited:
            item = items[position]
            assert share == pytest.approx(by_item[item])
            assert share >= LEAST_SHARE
            heaviest = max(
                np.flatnonzero(items[events[entry]] == item), key=shares[entry].__getitem__
            )
            assert position == events[entry, heaviest]
        if cited:
            assert cited[0][1] >= NEARLY * by_item.max() - 1e-6
    # Fewer cards share one reason than if each had named its heaviest.
    heaviest = [int(np.bincount(items[e], s).argmax()) for e, s in zip(events, shares, strict=True)]
    firsts = [items[cited[0][0]] for cited in chosen if cited]
    assert np.bincount(firsts).max() < np.bincount(heaviest).max()


def test_a_reason_tells_the_event_by_its_senders_id() -> None:
    rows: Any = history(1, 2)
    (cited,) = cite_events(rows, choose(rows, [[0.7, 0.3]]), {100: "uid-100"})
    assert [reason["params"] for reason in cited] == [
        {
            **{"event": "uid-100", "verb": "completed", "right": None, "item": 1},
            **{"at": NOW.isoformat(), "share": 0.7},
        },
        {
            **{"event": None, "verb": "completed", "right": None, "item": 2},
            **{"at": NOW.isoformat(), "share": 0.3},
        },
    ]


def test_nothing_to_cite() -> None:
    empty = np.zeros((3, 0), dtype=np.int32)
    assert choose_events([], empty, empty.astype(np.float32)) == [[], [], []]
