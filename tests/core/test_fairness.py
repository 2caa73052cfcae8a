"""Quality, mastery error and variety by parts of the learners: exact on small tables, and silent on few learners."""

from itertools import combinations, compress, permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recommender.core.events import ANSWERED, COMPLETED, EventLog
from recommender.core.fairness import describe, mastery_gaps, tabulate, variety
from recommender.core.falling_behind import compare_parts, list_behind
from recommender.core.learner_parts import (
    LEAST,
    Dimension,
    Part,
    find_pace,
    show,
    split_by_pace,
)
from recommender.core.studies.__main__ import main


def part(name: str, *members: int) -> Part:
    return Part(name, name, np.array(members, dtype=np.int64))


def halves(first: int, second: int) -> Dimension:
    return Dimension(
        "group", "", [part("a", *range(first)), part("b", *range(first, first + second))]
    )


def table(learners: int, *, ranks: list[float]) -> object:
    """Each learner has one case of these ranks by turns, one list of ten, and four answers on one concept."""
    who = np.arange(learners)
    answers = np.repeat(who, 4)
    return tabulate(
        who,
        np.resize(np.array(ranks, dtype=np.float64), learners),
        who[:, None] * 10 + np.arange(1, 11),
        np.full(learners, 0.7),
        answers,
        np.full(len(answers), 0.9),
        np.tile([1.0, 1.0, 0.0, 0.0], learners),
        np.ones((len(answers), 1), dtype=np.int64),
    )


def test_each_part_is_told_apart_with_its_interval() -> None:
    who = np.arange(40)
    rank = np.where(who < 20, 0.0, np.inf)
    found = describe(
        tabulate(
            who,
            rank,
            np.tile(np.arange(1, 11), (40, 1)),
            np.where(who < 20, 0.8, 0.6),
            *(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0)),
            np.zeros((0, 1), dtype=np.int64),
        ),
        [halves(20, 20)],
    )
    first, second = found["dimensions"][0]["parts"]
    assert first["ndcg@10"] == {"value": 1, "low": 1, "high": 1}
    assert second["ndcg@10"] == {"value": 0, "low": 0, "high": 0}
    assert first["promised"]["value"] == pytest.approx(0.8)
    assert found["all"]["hr@10"]["value"] == 0.5
    assert found["all"]["hr@10"]["low"] < 0.5 < found["all"]["hr@10"]["high"]
    # Everybody has the same list: ten learners meet ten items at a hundred places.
    assert first["variety"]["value"] == pytest.approx(0.1)
    assert "mastery_error" not in first
    assert first["learners"] == 20


def test_a_learner_counts_once_however_much_she_did() -> None:
    cases = np.array([0] * 90 + list(range(1, 11)))
    found = tabulate(
        cases,
        np.where(cases == 0, 0.0, np.inf),
        np.arange(100)[:, None] + np.arange(1, 11),
        np.full(100, np.nan),
        *(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0)),
        np.zeros((0, 1), dtype=np.int64),
    )
    assert found.ndcg.mean() == pytest.approx(1 / 11)
    # Of several cases the list after the last one is hers.
    assert found.lists[0].tolist() == list(range(90, 100))


def test_who_is_overestimated_is_told_by_the_sign() -> None:
    found = describe(table(20, ranks=[0]), [halves(20, 0)])  # type: ignore[arg-type]
    (only,) = found["dimensions"][0]["parts"]
    assert only["overestimated"]["value"] == pytest.approx(0.9 - 0.5)
    # (0.9 - 0.5)² less what chance does to the mean of four answers, 0.25 / 3
    assert only["mastery_error"]["value"] == pytest.approx(np.sqrt(0.16 - 0.25 / 3))


def test_the_mastery_error_of_true_probabilities_is_about_zero_however_few_the_answers() -> None:
    rng = np.random.default_rng(3)
    for answers in (2, 5, 20):
        truth = rng.uniform(0.1, 0.9, 4000)
        chance = np.repeat(truth, answers)
        right = (rng.random(len(chance)) < chance).astype(np.float64)
        learner = np.repeat(np.arange(4000), answers)
        slots = np.ones((len(chance), 1), dtype=np.int64)
        _who, total, count = mastery_gaps(learner, chance, right, slots)
        assert abs(total.sum() / count.sum()) < 0.004
        # A tenth too high everywhere shows as a tenth.
        _who, total, count = mastery_gaps(learner, chance + 0.1, right, slots)
        assert total.sum() / count.sum() == pytest.approx(0.01, abs=0.004)


def test_an_exercise_counts_for_each_of_its_concepts() -> None:
    learner = np.array([3, 3, 3])
    slots = np.array([[1, 2], [1, 0], [2, 4]])
    who, total, count = mastery_gaps(learner, np.ones(3), np.array([1.0, 1.0, 1.0]), slots)
    assert (who.tolist(), total.tolist(), count.tolist()) == ([3], [0.0], [2.0])


def test_variety_is_the_mean_over_all_choices_of_lists() -> None:
    rng = np.random.default_rng(0)
    lists = np.stack([rng.choice(np.arange(1, 13), 4, replace=False) for _ in range(7)])
    wanted = np.mean([len(np.unique(lists[list(some)])) for some in combinations(range(7), 3)])
    found = variety(lists, among=3)
    assert found["value"] == pytest.approx(wanted / 12)
    without = [
        np.mean(
            [
                len(np.unique(rest[list(some)])) / 12
                for rest in [np.delete(lists, out, axis=0)]
                for some in combinations(range(6), 3)
            ]
        )
        for out in range(7)
    ]
    spread = np.sqrt(6 / 7 * np.square(np.array(without) - np.mean(without)).sum())
    assert found["high"] - found["value"] == pytest.approx(1.959964 * spread)
    with pytest.raises(ValueError, match="more than 7"):
        variety(lists, among=7)


def test_an_empty_place_is_no_item() -> None:
    lists = np.zeros((12, 2), dtype=np.int64)
    lists[:, 0] = np.arange(1, 13)
    assert variety(lists)["value"] == pytest.approx(0.5)


def test_of_few_learners_nothing_is_told() -> None:
    found = describe(table(LEAST + 5, ranks=[0]), [halves(LEAST - 1, 6)])  # type: ignore[arg-type]
    (dimension,) = found["dimensions"]
    assert (dimension["parts"], dimension["hidden"]) == ([], 2)
    assert found["all"]["learners"] == LEAST + 5
    nothing = describe(table(LEAST - 1, ranks=[0]), [halves(LEAST - 1, 0)])  # type: ignore[arg-type]
    assert nothing["all"] == {"learners": LEAST - 1}


def told(*sizes: int) -> list[bool]:
    """Of parts that have nobody in common, and are everybody."""
    everybody = np.arange(sum(sizes))
    (shown,) = show([np.split(everybody, np.cumsum(sizes)[:-1])], everybody)
    return shown


def test_nothing_can_be_told_by_subtraction() -> None:
    assert told(30, 12, 3) == [True, False, False]
    assert told(30, 12, 6, 5) == [True, True, False, False]
    assert told(30, 12) == [True, True]
    assert told(30, 0) == [True, False]
    assert told(3) == [False]
    assert told(30, 3) == [False, False]


def test_nor_where_learners_are_in_several_parts() -> None:
    everybody = np.arange(36)
    large, few = everybody[:30], everybody[30:]
    # The few are counted once, though they are in two parts.
    assert show([[large, few, few]], everybody) == [[False, False, False]]
    # A class, and the same one with three guests.
    assert show([[everybody[:13], everybody[:16]]], everybody) == [[False, True]]
    assert show([[everybody[:16]], [everybody[:13]]], everybody) == [[True], [False]]
    # What the larger one is not told for, it does not take from the smaller one.
    assert show([[everybody[:20], everybody[:29]]], everybody) == [[True, False]]
    # The very same learners tell nothing more.
    assert show([[everybody[:13], everybody[:13]]], everybody) == [[True, True]]


parts_of = st.sets(st.integers(0, 39), max_size=40)


@given(
    st.integers(1, 40),
    st.lists(st.lists(parts_of, min_size=1, max_size=6), max_size=3),
    st.integers(2, 12),
)
@example(36, [[set(range(30)), set(range(30, 36)), set(range(30, 36))]], LEAST)
@example(36, [[set(range(13)), set(range(16))]], LEAST)
def test_no_two_figures_differ_by_few_learners(
    learners: int, drawn: list[list[set[int]]], least: int
) -> None:
    everybody = set(range(learners))
    dimensions = [[part & everybody for part in dimension] for dimension in drawn]
    rows = [
        [np.array(sorted(part), dtype=np.int64) for part in dimension] for dimension in dimensions
    ]
    shown = show(rows, np.arange(learners), least)
    kept = [list(compress(*both)) for both in zip(dimensions, shown, strict=True)]
    figures = [everybody, *(part for dimension in kept for part in dimension)]
    assert all(len(part) >= least for part in figures[1:])
    for larger, smaller in permutations(figures, 2):
        if smaller < larger:
            assert len(larger - smaller) >= least
    for dimension in kept:
        rest = everybody.difference(*dimension)
        assert not rest or len(rest) >= least or not dimension


def log_of(*histories: list[tuple[int, float]]) -> EventLog:
    """Learners who complete items (row, seconds)."""
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in histories])])
    rows = [row for one in histories for row in one]
    return EventLog.from_columns(
        offsets.astype(np.int64),
        item=np.array([item for item, _ in rows]),
        attention=np.array([seconds for _, seconds in rows]),
        behaviour=np.array([COMPLETED if n % 2 else ANSWERED for n in range(len(rows))]),
    )


def test_pace_is_told_from_the_norm_of_what_was_studied() -> None:
    """The second takes twice as long as the others on each item, and the third has studied the long ones only."""
    short, long = range(1, 6), range(6, 11)
    usual = [(item, 10.0) for item in short] + [(item, 100.0) for item in long]
    log = log_of(
        *[usual] * 4,
        [(item, 2 * seconds) for item, seconds in usual],
        [(item, 100.0) for item in long],
        [(1, 500.0)],
    )
    pace = find_pace(log)
    assert pace[:4] == pytest.approx([0.0] * 4)
    assert pace[4] == pytest.approx(np.log(2))
    assert pace[5] == pytest.approx(0.0)
    assert np.isnan(pace[6])
    # Only the events that are asked for count: none of the fifth learner's.
    known = log.learner_of_event() != 4
    assert np.isnan(find_pace(log, known)[4])


def test_thirds_by_pace_and_those_without_one() -> None:
    pace = np.concatenate([np.arange(9.0), [np.nan, 99.0]])
    found = split_by_pace(pace, np.arange(10))
    assert [(each.name, each.members.tolist()) for each in found.parts] == [
        ("fast", [0, 1, 2]),
        ("middle", [3, 4, 5]),
        ("slow", [6, 7, 8]),
        ("", [9]),
    ]
    nobody = split_by_pace(np.full(3, np.nan), np.arange(3))
    assert [len(each.members) for each in nobody.parts] == [0, 0, 0, 3]


def test_a_part_that_is_much_worse_falls_behind_though_the_whole_is_better() -> None:
    rng = np.random.default_rng(1)
    theirs = rng.uniform(0.2, 0.5, 400)
    ours = theirs + rng.normal(0.05, 0.02, 400)
    ours[300:] = theirs[300:] - rng.normal(0.05, 0.02, 100)
    found = compare_parts(np.arange(400), ours, theirs, [halves(300, 100)], margin=0.02)
    first, second = found["dimensions"][0]["parts"]
    assert first["low"] > 0 and not first["behind"]
    assert second["value"] == pytest.approx(second["ours"] - second["theirs"])
    assert second["high"] < -0.02 and second["behind"]
    assert [each["name"] for each in list_behind(found)] == ["b"]
    assert found["worst"]["name"] == "b"
    # The same within a margin of a tenth is no falling behind.
    assert not list_behind(
        compare_parts(np.arange(400), ours, theirs, [halves(300, 100)], margin=0.1)
    )


def test_what_chance_does_to_the_worst_of_many_classes_is_no_falling_behind() -> None:
    """Forty classes of 25 and no margin: one of them seems behind in one of twenty cases at most."""
    classes = Dimension("group", "", [part(str(n), *range(25 * n, 25 * n + 25)) for n in range(40)])
    who, refused, alone = np.arange(1000), 0, 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        gain = rng.choice([-0.4, -0.1, 0.0, 0.0, 0.1, 0.4], 1000)
        found = compare_parts(who, 0.5 + gain, np.full(1000, 0.5), [classes], margin=0.0)
        refused += bool(list_behind(found))
        means = gain.reshape(40, 25).mean(1)
        error = gain.reshape(40, 25).std(1, ddof=1) / 5
        alone += bool((means + 1.96 * error < 0).any())
    assert refused <= 0.05 * 200
    assert alone > 0.5 * 200  # what intervals of single parts would have refused


def test_without_a_part_that_is_large_enough_nothing_is_compared() -> None:
    found = compare_parts(np.arange(8), np.zeros(8), np.ones(8), [halves(4, 4)], margin=0.02)
    assert found["worst"] is None
    assert list_behind(found) == []
    assert found["dimensions"][0]["hidden"] == 2


def test_the_study_tells_whom_predictions_misjudge(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    lines = ["learner,item,order,correct,concept,fold"]
    for who in range(200):
        ability = rng.normal()
        for order, item in enumerate(rng.integers(0, 30, rng.integers(12, 30))):
            right = int(rng.random() < 1 / (1 + np.exp(1 - item / 8 - ability)))
            lines.append(f"u{who},i{item},{order},{right},c{item % 4},{who % 5 + 1}")
    (tmp_path / "interactions.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    asked = ["fairness", str(tmp_path), "--minutes", "0.1", "--epochs", "2", "--seed", "0"]
    assert main(asked) == 0
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if ":" in line]
    told = {row[0].strip("| "): float(row[2].split()[0]) for row in rows if "---" not in row[0]}
    assert set(told) == {
        *("first answers: weak", "first answers: middle", "first answers: strong"),
        *("answers: few", "answers: middle", "answers: many"),
    }
    # Forty held-out learners: thirds are told of, and no prediction is off by half.
    assert all(abs(surplus) < 0.3 for surplus in told.values())


def test_a_study_of_learners_with_few_answers_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["learner,item,order,correct,fold"]
    lines += [f"u{who},i{n},{n},{n % 2},{who % 5 + 1}" for who in range(20) for n in range(1, 5)]
    (tmp_path / "interactions.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert main(["fairness", str(tmp_path)]) == 2
    assert "no learner of the test part has more than" in capsys.readouterr().err
