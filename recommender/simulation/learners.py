"""Simulated learners: what they bring with them, know, learn and forget, as arrays over n learners and C concepts.

Knowledge of a concept is what was brought along plus what was learned here, times the probability that it is recalled:
``known = base + (skill - base) * recall``. What was brought along has been known for long and does not fade.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from recommender.simulation.chance import Stream, normal
from recommender.simulation.material import Material
from recommender.simulation.memory import RIGHT, STUDIED, WRONG, make_trace
from recommender.simulation.world import World

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ABILITY_AT_START = 0.5
"""So much of a learner's ability, in logits, shows in what she knows at the beginning."""


@dataclass(frozen=True)
class Traits:
    """What does not change in n learners."""

    ids: Ints  # [n] numbers that their random numbers hang on
    ability: Floats  # [n] logits
    rate: Floats  # [n] of learning, 1 = usual
    speed: Floats  # [n] minutes taken / usual minutes
    remembers: Floats  # [n] times longer than usual
    liking: Floats  # [n, 2 · topics] of lessons, then of exercises of a topic; standard normal
    base: Floats  # [n, C] knowledge at the beginning


def draw_traits(world: World, material: Material, *, seed: int, ids: Ints) -> Traits:
    """Traits of the learners of these numbers."""

    def one(stream: Stream, spread: float) -> Floats:
        return spread * normal(seed, stream, ids)

    topics = int(material.topic.max()) + 1
    ability = one(Stream.ABILITY, world.response.ability_spread)
    return Traits(
        ids=ids,
        ability=ability,
        rate=np.exp(one(Stream.RATE, world.learning.spread)),
        speed=np.exp(one(Stream.SPEED, world.attention.speed_spread)),
        remembers=np.exp(one(Stream.FORGETTING, world.memory.spread)),
        liking=normal(seed, Stream.TASTE, ids[:, None], 0, np.arange(2 * topics)),
        base=_draw_start(world, material, ability, seed, ids),
    )


def _draw_start(world: World, material: Material, ability: Floats, seed: int, ids: Ints) -> Floats:
    """[n, C]: the less, the less is known of what comes before."""
    given = world.learning
    if given.start == 0:
        return np.zeros((len(ids), material.concepts))
    noise = given.start_spread * normal(
        seed, Stream.START, ids[:, None], 0, np.arange(material.concepts)
    )
    own = expit(logit(min(given.start, 1 - 1e-9)) + ABILITY_AT_START * ability[:, None] + noise)
    base = np.zeros_like(own)
    for concept, row in enumerate(material.parents):
        before = row[row >= 0]
        ready = (base[:, before] / given.start).clip(max=1).mean(1) if len(before) else 1.0
        base[:, concept] = own[:, concept] * ready
    return np.asarray(base)


class Minds:
    """The changing state of n learners."""

    def __init__(self, world: World, material: Material, traits: Traits) -> None:
        self.world, self.material, self.traits = world, material, traits
        self.skill = traits.base.copy()
        luck = world.response.guess / max(1 - world.response.slip, 1e-9)
        self.trace = make_trace(world.memory, traits.remembers, material.concepts, luck=luck)
        self._parent = np.maximum(material.parents, 0)
        self._has_parent = material.parents >= 0

    def pass_time(self, days: Floats) -> None:
        """Let days [n] go by."""
        self.trace.pass_time(days)

    def known(self) -> Floats:
        """[n, C] share of each concept that is known and recalled now."""
        base = self.traits.base
        return base + (self.skill - base) * self.trace.recall()

    def known_after(self, days: Floats) -> Floats:
        """The same, if days [n] go by without study."""
        base = self.traits.base
        return base + (self.skill - base) * self.trace.recall_after(days, event=None)

    def readiness(self, known: Floats) -> Floats:
        """[n, C] how far what each concept builds on is known; 1 where it builds on nothing."""
        before = known[:, self._parent]  # [n, C, P]
        if self.world.learning.readiness == "weakest":
            return np.asarray(np.where(self._has_parent, before, 1.0).min(-1))
        count = self._has_parent.sum(-1)
        total = np.where(self._has_parent, before, 0.0).sum(-1)
        return np.where(count > 0, total / np.maximum(count, 1), 1.0)

    def chance(self, known: Floats, items: Ints, *, who: Ints | None = None) -> Floats:
        """P(correct) [m, k] of items [m, k] (or [k], the same for all) given `known` [m, C] of learners `who` [m].

        A logistic curve between guess and 1 - slip (the four parameter model of item response, Barton & Lord, 1981).
        """
        material, given = self.material, self.world.response
        slots = material.slots[items]
        has = slots >= 0
        row = slice(None) if items.ndim == 1 else np.arange(len(known))[:, None, None]
        strength = known[row, np.maximum(slots, 0)]  # [m, k, S]
        if given.combine == "weakest":
            level = np.where(has, strength, 1.0).min(-1)
        else:
            level = np.where(has, strength, 0.0).sum(-1) / np.maximum(has.sum(-1), 1)
        ability = self.traits.ability if who is None else self.traits.ability[who]
        curve = expit(
            material.slope[items] * (level - material.difficulty[items]) + ability[:, None]
        )
        return np.asarray(given.guess + (1 - given.guess - given.slip) * curve)

    def study(
        self,
        who: Ints,
        item: Ints,
        *,
        right: NDArray[np.bool_],
        success: Floats,
        alert: Floats,
        known: Floats,
    ) -> None:
        """Learners `who` [m] finish items [m]: lessons, or exercises answered right or wrong at P `success` [m].

        `alert` [m] is their attention, `known` [n, C] what they know before.
        """
        material, given = self.material, self.world.learning
        lesson = ~material.gradable[item]
        ready = self.readiness(known)
        for slot in range(material.slots.shape[1]):
            concept = material.slots[item, slot]
            has = concept >= 0
            learner, about = who[has], concept[has]
            skill = self.skill[learner, about]
            effect = self.effect(lesson[has], right[has], skill, success[has])
            effect *= (
                given.without_prerequisites
                + (1 - given.without_prerequisites) * ready[learner, about]
            )
            effect *= self.traits.rate[learner] * alert[has]
            self.skill[learner, about] = skill + np.clip(effect, 0, 1) * (1 - skill)
            event = np.where(lesson, STUDIED, np.where(right, RIGHT, WRONG))[has]
            self.trace.strengthen(learner, about, event=event, part=alert[has])
        if self.world.memory.implicit > 0:
            used = right & ~lesson
            self._use_prerequisites(who[used], item[used], alert[used])

    def _use_prerequisites(self, who: Ints, item: Ints, alert: Floats) -> None:
        """A right answer needed what it builds on: that is practised in part, where it was learned here."""
        concept = self.material.about[item]
        for place in range(self._parent.shape[1]):
            before = self._parent[concept, place]
            used = self._has_parent[concept, place]
            used &= self.skill[who, before] > self.traits.base[who, before]
            self.trace.strengthen(
                who[used],
                before[used],
                event=np.full(int(used.sum()), RIGHT),
                part=self.world.memory.implicit * alert[used],
            )

    def effect(
        self, lesson: NDArray[np.bool_], right: NDArray[np.bool_], skill: Floats, success: Floats
    ) -> Floats:
        """Share of what is missing that one activity adds, before readiness, rate and attention."""
        given = self.world.learning
        practice = np.where(right, given.right, given.wrong) * self.zone(success)
        practice = practice * (given.unaided + (1 - given.unaided) * skill)
        return np.where(lesson, given.lesson, practice)

    def zone(self, success: Floats) -> Floats:
        """How much of its effect practice has at this P(correct)."""
        zone = self.world.learning.zone
        if zone is None:
            return np.ones_like(success)
        return np.clip(1 - ((success - zone.target) / zone.width) ** 2, 0, 1)
