"""Learners study by one policy's lists until their time is over: the loop of the simulation.

All learners of a batch take one step (a list, a choice, an item) at a time; the arithmetic is on arrays over learners.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recommender.simulation.chance import Stream, gumbel, normal, uniform
from recommender.simulation.learners import Minds, Traits, draw_traits
from recommender.simulation.material import Material
from recommender.simulation.record import Record
from recommender.simulation.world import World

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SHOWN = 5
"""A list that a learner looks at has so many items."""
FRUSTRATING = 0.4
"""An attempt with a true P(correct) below this frustrates."""
BORING = 0.95
"""So does nothing new: an item on a concept of which she knows more than this bores."""
RETENTION_DAYS = 30.0
MINUTES_SPREAD = 0.25
"""Spread of the minutes that an item takes the same learner, of their logarithm."""
SHORTEST_SESSION = 5.0


@dataclass
class Room:
    """What stands before a policy. Only an oracle may look into `minds`."""

    world: World
    material: Material
    seed: int
    traits: Traits
    minds: Minds
    record: Record
    plan: Plan
    day: Floats  # [n] days since the beginning


class Policy(Protocol):
    """Ranks for many learners at once; the live ranker stands behind this, too."""

    def rank(self, room: Room, who: Ints, step: int) -> Ints:
        """Lists [m, K] of catalogue rows for learners `who` [m], best first; 0 = no more."""


@dataclass(frozen=True)
class Plan:
    """When and how long n learners study, whatever they are offered."""

    minutes: float  # allotted in all
    ends: Floats  # [n, S] minutes studied when each session ends, rising to `minutes`
    gaps: Floats  # [n, S] days from each session to the next

    @property
    def last_day(self) -> Floats:
        """[n] the day on which the allotted time is over."""
        before_last = self.ends < self.minutes
        return np.asarray(np.where(before_last, self.gaps, 0.0).sum(1) + self.minutes / 1440)


def draw_plan(world: World, *, seed: int, ids: Ints, minutes: float) -> Plan:
    """Sessions until the allotted minutes are over."""
    given = world.attention
    count = int(np.ceil(minutes / given.session_minutes)) + 2
    while True:
        each = np.arange(count)
        spread = given.session_spread * normal(seed, Stream.SESSION, ids[:, None], 0, each)
        length = given.session_minutes * np.exp(spread - given.session_spread**2 / 2)
        ends = np.cumsum(np.maximum(length, SHORTEST_SESSION), axis=1)
        if ends[:, -1].min() >= minutes:
            break
        count *= 2
    spread = given.days_spread * normal(seed, Stream.GAP, ids[:, None], 0, each)
    gaps = given.days_between * np.exp(spread - given.days_spread**2 / 2)
    return Plan(minutes, np.minimum(ends, minutes), gaps)


@dataclass(frozen=True)
class Outcome:
    """What became of n learners."""

    gained: Floats  # [n] concepts known and recalled when the time was over, beyond those of the beginning
    gained_30d: Floats  # [n] the same 30 days later
    attempts: Ints  # [n] exercises answered
    frustrating: Ints  # [n] of them with a low true P(correct)
    shown: Ints  # [n, V] times on a list
    taken: Ints  # [n, V] times finished
    left_after: Floats  # [n] minutes of study after which she left for good; the allotted ones for who stayed


def study(
    world: World,
    material: Material,
    policy: Policy,
    *,
    seed: int,
    ids: Ints,
    minutes: float,
    on_share: Callable[[float], None] = lambda share: None,
) -> tuple[Outcome, Record]:
    """Let learners `ids` [n] study for their allotted minutes; `on_share` is told how much of the time is over."""
    traits = draw_traits(world, material, seed=seed, ids=ids)
    plan = draw_plan(world, seed=seed, ids=ids, minutes=minutes)
    room = Room(
        world=world,
        material=material,
        seed=seed,
        traits=traits,
        minds=Minds(world, material, traits),
        record=Record(material, len(ids)),
        plan=plan,
        day=np.zeros(len(ids)),
    )
    run = _Run(room)
    step = 0
    while run.active.any():
        who = np.flatnonzero(run.active)
        lists = policy.rank(room, who, step)[:, :SHOWN]
        run.take(who, lists, step)
        step += 1
        on_share(float(run.used.mean() / minutes))
    return run.outcome(), room.record


class _Run:
    """The state of one batch that only the loop needs."""

    def __init__(self, room: Room) -> None:
        self.room = room
        n = len(room.traits.ids)
        self.used = np.zeros(n)
        self.session = np.zeros(n, dtype=np.int64)
        self.since = np.zeros(n)  # minutes used when the session began
        self.active = np.ones(n, dtype=bool)
        self.stopped = np.full(n, room.plan.minutes)
        self.attempts, self.frustrating = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
        self.shown = np.zeros((n, room.material.rows), dtype=np.int64)
        self.mood = np.zeros((n, 5))
        """Of this session: items, boring ones, liking, attempts, frustrating ones."""

    def take(self, who: Ints, lists: Ints, step: int) -> None:
        """Each learner of `who` [m] chooses from her list [m, K] and works on what she chose."""
        room, material = self.room, self.room.material
        ids, traits = room.traits.ids[who], room.traits
        for column in lists.T:
            self.shown[who, column] += 1
        item = self._choose(who, lists, step)
        known = room.minds.known()
        success = room.minds.chance(known[who], item[:, None], who=who)[:, 0]
        graded = material.gradable[item]
        right = ~graded | (uniform(room.seed, Stream.ANSWER, ids, step) < success)
        noise = MINUTES_SPREAD * normal(room.seed, Stream.MINUTES, ids, step)
        minutes = material.minutes[item] * traits.speed[who] * np.exp(noise)
        finished = self.used[who] + minutes <= room.plan.minutes
        alert = np.exp(-room.world.attention.fatigue * (self.used[who] - self.since[who]) / 60)
        minutes = np.where(finished, minutes, room.plan.minutes - self.used[who])
        bored = known[who, material.about[item]] > BORING
        liking = traits.liking[who, self._taste_of(item)]
        self._pass(who, minutes / 1440)
        self.used[who] += minutes
        done = who[finished]
        room.minds.study(
            done,
            item[finished],
            right=right[finished],
            success=success[finished],
            alert=alert[finished],
            known=known,
        )
        room.record.add(
            done,
            item[finished],
            right=right[finished],
            minutes=minutes[finished],
            day=room.day[done],
        )
        low = graded & finished & (success < FRUSTRATING)
        self.attempts[who] += graded & finished
        self.frustrating[who] += low
        self.mood[who] += np.stack(
            [finished, finished & bored, finished * liking, graded & finished, low], axis=1
        )
        self._end_sessions(who)

    def outcome(self) -> Outcome:
        """What they know when everybody's time is over, and 30 days later."""
        room = self.room
        left = room.plan.last_day - room.day
        base = room.traits.base.sum(1)
        return Outcome(
            gained=room.minds.known_after(np.maximum(left, 0)).sum(1) - base,
            gained_30d=room.minds.known_after(np.maximum(left, 0) + RETENTION_DAYS).sum(1) - base,
            attempts=self.attempts,
            frustrating=self.frustrating,
            shown=self.shown[:, 1:],
            taken=room.record.taken[:, 1:],
            left_after=self.stopped,
        )

    def _choose(self, who: Ints, lists: Ints, step: int) -> Ints:
        """Items [m]: mostly the first, the more so the less taste counts (a multinomial logit, McFadden, 1974).

        Where a list is empty she goes over anything by herself.
        """
        room, given = self.room, self.room.world.taste
        ids = room.traits.ids[who]
        liking = room.traits.liking[who[:, None], self._taste_of(lists)]
        utility = given.strength * liking - given.first * np.arange(lists.shape[1])
        utility = utility + gumbel(room.seed, Stream.CHOICE, ids[:, None], step, lists)
        utility[lists == 0] = -np.inf
        chosen = lists[np.arange(len(who)), utility.argmax(1)]
        drawn = uniform(room.seed, Stream.CHOICE, ids, step, -1)
        anything = 1 + (drawn * (room.material.rows - 1)).astype(np.int64)
        return np.where(chosen > 0, chosen, anything)

    def _taste_of(self, items: Ints) -> Ints:
        """Columns of `liking`."""
        material = self.room.material
        topics = self.room.traits.liking.shape[1] // 2
        return np.asarray(material.topic[items] + topics * material.gradable[items])

    def _pass(self, who: Ints, days: Floats) -> None:
        all_days = np.zeros(len(self.used))
        all_days[who] = days
        self.room.day += all_days
        self.room.minds.pass_time(all_days)

    def _end_sessions(self, who: Ints) -> None:
        """Whoever has used up a session comes back some days later, or never."""
        room, plan = self.room, self.room.plan
        over = self.used[who] >= plan.minutes - 1e-9
        self.active[who[over]] = False
        rest = who[~over]
        now = (plan.ends[rest] <= self.used[rest, None]).sum(1)
        crossed = now > self.session[rest]
        ended, now = rest[crossed], now[crossed]
        if not len(ended):
            return
        given = room.world.drop_out
        items, bored, liking, attempts, low = self.mood[ended].T
        push = given.frustration * low / np.maximum(attempts, 1)
        push = push + (given.boredom * bored - given.liking * liking) / np.maximum(items, 1)
        hazard = 1 - np.exp(-given.base * np.exp(push))
        draw = uniform(room.seed, Stream.LEAVING, room.traits.ids[ended], self.session[ended])
        leaves = draw < hazard
        self.active[ended[leaves]] = False
        self.stopped[ended[leaves]] = self.used[ended[leaves]]
        comes, now = ended[~leaves], now[~leaves]
        between = (np.arange(plan.gaps.shape[1]) >= self.session[comes, None]) & (
            np.arange(plan.gaps.shape[1]) < now[:, None]
        )
        self._pass(comes, np.where(between, plan.gaps[comes], 0.0).sum(1))
        self.session[comes] = now
        self.since[comes] = self.used[comes]
        self.mood[comes] = 0
