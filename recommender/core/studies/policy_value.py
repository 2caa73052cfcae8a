"""Whether intervals of policy values cover the truth: logs whose truth is known, drawn and judged many times."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from recommender.core.logistic import sigmoid
from recommender.core.markdown import figure, table
from recommender.core.measure_common import Bar
from recommender.core.policy_value import (
    ESTIMATORS,
    ExploredSlots,
    Floats,
    Ints,
    best,
    compare,
    estimate,
    fit_outcomes,
    uniform,
)
from recommender.core.progress import OnStep, say_nothing

RUNS = 500
ITEMS = 120
TRUTH = 40_000
"""Learners from whom the truth is computed: expected rewards, not drawn ones, so that its own error is a small part of theirs."""


@dataclass(frozen=True)
class Setting:
    """A population, and the policy that is judged in it."""

    name: str
    learners: int = 300
    slots: float = 9.0  # of a learner, on average, above 1; abler ones have more
    choices: tuple[int, int] = (10, 49)  # of a slot, from and to
    level: float = -1.0  # log odds of a reward
    alike: float = 1.0  # how far a learner's own level moves them
    top: int = 10


SETTINGS = (
    Setting("draws from its ten best"),
    Setting("shows its best", top=1),
    Setting("learners very unlike", alike=2.5),
    Setting("rewards rare", level=-4.0, learners=600),
    Setting("its best, few learners", learners=80, slots=11.0, top=1),
)


@dataclass(frozen=True)
class World:
    """What makes an item worth showing: its own part, and one that depends on the situation."""

    own: Floats  # [ITEMS]
    fit: Floats  # [ITEMS]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> World:
        return cls(rng.normal(scale=0.8, size=ITEMS), rng.normal(size=ITEMS))


def draw_log(
    world: World, setting: Setting, learners: int, rng: np.random.Generator
) -> tuple[ExploredSlots, Floats, Floats]:
    """A log, the expected reward [M] of every choice, and the judged ranker's score [M], which is right in part.

    The model of the reward sees that score and the situation, not what rewards are made of.
    """
    able = rng.normal(size=learners)
    chance = 1 / (1 + setting.slots * np.exp(0.3 * able))
    count = np.minimum(rng.geometric(chance), 200)
    learner = np.repeat(np.arange(learners), count)
    situation = (rng.normal(size=len(learner)) + able[learner]) / 2
    low, high = setting.choices
    size = rng.integers(low, high + 1, len(learner))
    offsets = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    item = _draw_items(size, rng)
    slot = np.repeat(np.arange(len(learner)), size)
    gain = world.own[item] + 0.7 * situation[slot] * world.fit[item]
    expected = sigmoid(setting.level + setting.alike * able[learner[slot]] + gain)
    score = gain + rng.normal(scale=0.7, size=len(item))
    drawn = offsets[:-1] + rng.integers(0, size)
    log = ExploredSlots(
        learner=learner,
        reward=(rng.random(len(learner)) < expected[drawn]).astype(np.float64),
        offsets=offsets,
        drawn=drawn,
        probability=1.0 / size[slot],
        item=item,
        features=np.column_stack([score, situation[slot]]),
    )
    return log, expected, score


def _draw_items(size: Ints, rng: np.random.Generator) -> Ints:
    """Different items for each slot: neighbours on a ring, which starts somewhere else and is walked with another step."""
    start, step = rng.integers(0, ITEMS, len(size)), rng.integers(0, 32, len(size))
    coprime = np.array([n for n in range(1, ITEMS) if np.gcd(n, ITEMS) == 1])
    slot = np.repeat(np.arange(len(size)), size)
    place = np.arange(len(slot)) - np.repeat(np.cumsum(size) - size, size)
    return np.asarray((start[slot] + place * coprime[step % len(coprime)][slot]) % ITEMS)


@dataclass
class Tally:
    """What came of the runs of one setting and estimator."""

    truth: float
    value: list[float]
    width: list[float]
    covered: list[bool]
    apart: list[bool]  # covered, with every slot taken for a learner of its own

    @classmethod
    def empty(cls, truth: float) -> Tally:
        return cls(truth, [], [], [], [])

    def add(self, found: dict[str, float], unclustered: dict[str, float] | None = None) -> None:
        self.value.append(found["value"])
        self.width.append(found["high"] - found["low"])
        self.covered.append(found["low"] <= self.truth <= found["high"])
        if unclustered is not None:
            self.apart.append(unclustered["low"] <= self.truth <= unclustered["high"])


def measure(
    setting: Setting, *, runs: int, seed: int, on_run: OnStep = say_nothing
) -> tuple[dict[str, Tally], dict[str, Tally], float]:
    """Tallies by estimator of the policy's value, and of its difference to chance; and the mean effective size."""
    world = World.draw(np.random.default_rng(seed))
    value, chance = find_truth(world, setting, np.random.default_rng(seed + 1))
    values = {name: Tally.empty(value) for name in ESTIMATORS}
    gains = {name: Tally.empty(value - chance) for name in ESTIMATORS}
    sizes = []
    for run in range(runs):
        rng = np.random.default_rng([seed, run])
        log, _, score = draw_log(world, setting, setting.learners, rng)
        policy, expected = best(log, score, setting.top), fit_outcomes(log)
        found = estimate(log, policy, expected)
        alone = estimate(replace(log, learner=np.arange(len(log))), policy, expected)
        gained = compare(log, policy, uniform(log), expected)
        for name in ESTIMATORS:
            values[name].add(found.estimates[name], alone.estimates[name])
            gains[name].add(gained[name])
        sizes.append(found.ess)
        on_run(run + 1, runs)
    return values, gains, float(np.mean(sizes))


def find_truth(world: World, setting: Setting, rng: np.random.Generator) -> tuple[float, float]:
    """The value of the policy and of chance in the population: expected rewards of many learners' slots."""
    total, slots = np.zeros(2), 0
    for _ in range(TRUTH // 4_000):
        log, expected, score = draw_log(world, setting, 4_000, rng)
        for place, policy in enumerate((best(log, score, setting.top), uniform(log))):
            total[place] += (policy * expected).sum()
        slots += len(log)
    policy_value, chance_value = total / slots
    return float(policy_value), float(chance_value)


def run(*, runs: int = RUNS, seed: int = 0, bar: Bar) -> str:
    """A row for each setting and estimator."""
    rows = []
    for setting in SETTINGS:
        bar.stage(setting.name)
        values, gains, size = measure(setting, runs=runs, seed=seed, on_run=bar.steps)
        for name in ESTIMATORS:
            told, gained = values[name], gains[name]
            error = np.array(told.value) - told.truth
            rows.append(
                [
                    setting.name,
                    name,
                    f"{size:.0f}",
                    figure(told.truth),
                    figure(float(error.mean()), sign=True),
                    figure(float(np.sqrt((error**2).mean()))),
                    figure(float(np.mean(told.width))),
                    f"{100 * np.mean(told.covered):.1f}%",
                    f"{100 * np.mean(told.apart):.1f}%",
                    f"{100 * np.mean(gained.covered):.1f}%",
                ]
            )
    head = ["the policy", "estimator", "ESS", "truth", "bias", "RMSE", "width of the interval"]
    head += ["covers", "with slots as learners", "difference to chance: covers"]
    return table(head, rows)
