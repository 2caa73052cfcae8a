"""Policies are compared on the same learners with the same luck."""

from dataclasses import fields

import numpy as np
import pytest

from recommender.simulation.chance import Stream, gumbel, normal, uniform
from recommender.simulation.classroom import Outcome, Room, draw_plan, study
from recommender.simulation.material import Material
from recommender.simulation.policies import Mastery, Oracle, Popularity, Random, Syllabus
from recommender.simulation.world import World
from tests.simulation.conftest import learners

MINUTES = 90.0


def run(world: World, material: Material, policy, *, count: int = 40, seed: int = 3) -> Outcome:
    return study(world, material, policy, seed=seed, ids=learners(count), minutes=MINUTES)[0]


def same(one: Outcome, other: Outcome, rows=slice(None)) -> bool:
    return all(
        np.array_equal(getattr(one, field.name)[rows], getattr(other, field.name)[rows])
        for field in fields(Outcome)
    )


def test_numbers_belong_to_learner_and_step_and_to_nothing_else() -> None:
    ids = learners(1000)
    drawn = uniform(7, Stream.ANSWER, ids, 5)
    np.testing.assert_array_equal(drawn[::-1], uniform(7, Stream.ANSWER, ids[::-1], 5))
    np.testing.assert_array_equal(drawn[17:18], uniform(7, Stream.ANSWER, 17, 5)[None])
    for other in (
        uniform(8, Stream.ANSWER, ids, 5),
        uniform(7, Stream.CHOICE, ids, 5),
        uniform(7, Stream.ANSWER, ids, 6),
        uniform(7, Stream.ANSWER, ids, 5, 1),
    ):
        assert abs(np.corrcoef(drawn, other)[0, 1]) < 0.12


def test_numbers_have_the_distributions_that_they_are_named_for() -> None:
    ids = learners(20_000)
    even = uniform(1, Stream.RATE, ids)
    assert even.min() > 0 and even.max() < 1
    assert np.histogram(even, 10, (0, 1))[0] == pytest.approx(np.full(10, 2000), abs=200)
    bell = normal(1, Stream.RATE, ids)
    assert (bell.mean(), bell.std()) == pytest.approx((0, 1), abs=0.03)
    late = gumbel(1, Stream.RATE, ids)
    assert late.mean() == pytest.approx(0.5772, abs=0.03)


def test_policies_that_show_the_same_get_the_same(world: World, material: Material) -> None:
    class Again:
        """The syllabus in other words, and with a habit of drawing numbers."""

        def rank(self, room: Room, who, step: int):
            uniform(room.seed, Stream.ANSWER, who, step)
            return Syllabus().rank(room, who[::-1], step)[::-1]

    assert same(run(world, material, Syllabus()), run(world, material, Again()))


def test_learners_are_the_same_in_any_batch(world: World, material: Material) -> None:
    whole = run(world, material, Mastery())
    part, _ = study(world, material, Mastery(), seed=3, ids=learners(40)[10:20], minutes=MINUTES)
    for field in fields(Outcome):
        ours, theirs = getattr(part, field.name), getattr(whole, field.name)[10:20]
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_another_seed_is_other_learners(world: World, material: Material) -> None:
    assert same(run(world, material, Random()), run(world, material, Random()))
    assert not same(run(world, material, Random()), run(world, material, Random(), seed=4))


def test_sessions_do_not_depend_on_what_is_shown(world: World) -> None:
    plan = draw_plan(world, seed=1, ids=learners(50), minutes=200.0)
    assert (np.diff(plan.ends, axis=1) >= 0).all()
    assert (plan.ends[:, -1] == 200.0).all()
    longer = draw_plan(world, seed=1, ids=learners(50), minutes=400.0)
    np.testing.assert_allclose(longer.ends[:, 0], plan.ends[:, 0])
    assert (longer.last_day > plan.last_day).all()


def test_who_sees_the_truth_teaches_more_than_chance(world: World, material: Material) -> None:
    best, worst = run(world, material, Oracle()), run(world, material, Random())
    gain = best.gained_30d - worst.gained_30d
    assert gain.mean() > 3 * gain.std() / np.sqrt(len(gain))


def test_time_is_kept(world: World, material: Material) -> None:
    """Nobody studies for longer than allotted, and who leaves early learns nothing more."""
    short, _ = study(world, material, Random(), seed=3, ids=learners(40), minutes=30.0)
    long = run(world, material, Random())
    assert (short.taken.sum(1) <= long.taken.sum(1)).all()
    assert (long.left_after <= MINUTES).all()
    assert (long.left_after < MINUTES).any()
    early = long.left_after < 30
    np.testing.assert_array_equal(short.taken[early], long.taken[early])


def test_an_empty_list_leaves_her_to_herself(world: World, material: Material) -> None:
    class Nothing:
        def rank(self, room: Room, who, step: int):
            return np.zeros((len(who), 5), dtype=np.int64)

    found = run(world, material, Nothing())
    assert found.shown.sum() == 0
    assert (found.taken.sum(1) > 0).all()


def test_popular_is_what_the_counts_say(world: World, material: Material) -> None:
    counts = np.zeros(material.rows, dtype=np.int64)
    counts[5] = 10
    found = run(world, material, Popularity(counts), count=100)
    assert found.shown[:, 4].sum() > 0
    first, _ = study(world, material, Popularity(counts), seed=3, ids=learners(100), minutes=4.0)
    assert (first.shown[:, 4] > 0).all()
