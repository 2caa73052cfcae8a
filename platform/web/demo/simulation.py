"""How an invented learner studies: a small model of knowledge, and habits of choosing what comes next.

Everything is drawn from one seeded generator a learner, so that the same seed gives the same history.

Knowledge. Each concept has a mastery m in [0, 1]. At the start m is 0.05 to 0.3, more for abler learners. An item on
concepts C has readiness r = the mean mastery of their direct prerequisites outside C (1 where there are none).
  - A lesson, reading or video raises m by rate · (0.25 + 0.75 r) · (1 − m) for each of C.
  - An answer is right with probability guess + (1 − guess − slip) · σ(9 (x − 0.55 d) + ability), x = the mean of m
    over C weighted half by readiness, d = the author's difficulty, guess 0.22 where options are given and 0.03 where
    the answer is typed, slip 0.03. Of a quiz each question is drawn by itself.
  - Practice raises m by 0.4 of a lesson's rate, by 0.6 after a wrong answer, whose worked explanation is read.
  - Between sessions m falls towards 0.6 of its highest value, by 1% a day.

Habits. The next item is, with probabilities of the learner's own: the next one of the course in its order; after a
wrong answer, a lesson on the concept or on a prerequisite, or the same exercise once more; an item of another
course that is liked better; now and then something further ahead. Some sessions begin with an exercise that was
answered right a week ago or more, to see whether it still is. Items whose readiness is low are sometimes abandoned.
Sessions come a few times a week, with three to nine items; attention is log-normal around the item's typical minutes.
"""

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

GUESS_CHOICE, GUESS_TYPED, SLIP = 0.22, 0.03, 0.03
REVIEW_AFTER = timedelta(days=7)
BETWEEN_SESSIONS = timedelta(hours=1)


@dataclass(frozen=True)
class StudyItem:
    """What the simulation knows of an item."""

    id: int
    course: int
    position: int
    kind: str
    minutes: float
    difficulty: float
    concepts: tuple[int, ...]
    guesses: tuple[float, ...] = ()
    """The chance to guess each question right; empty for what isn't answered."""


@dataclass(frozen=True)
class Act:
    """One thing that a simulated learner did."""

    verb: str
    item: int
    at: datetime
    seconds: float | None = None
    score: float | None = None
    hints: int = 0


@dataclass
class World:
    """The material: items by course in their order, and what each concept builds on."""

    items: list[StudyItem]
    prerequisites: Mapping[int, set[int]]
    courses: dict[int, list[StudyItem]] = field(init=False)
    teaching: dict[int, list[StudyItem]] = field(init=False)

    def __post_init__(self) -> None:
        self.courses, self.teaching = {}, {}
        for item in sorted(self.items, key=lambda item: (item.course, item.position)):
            self.courses.setdefault(item.course, []).append(item)
            if not item.guesses:
                for concept in item.concepts:
                    self.teaching.setdefault(concept, []).append(item)

    def before(self, item: StudyItem) -> set[int]:
        """The direct prerequisites of what an item teaches, without that itself."""
        needed: set[int] = set()
        for concept in item.concepts:
            needed |= self.prerequisites.get(concept, set())
        return needed - set(item.concepts)


class SimulatedLearner:
    """One invented learner; `study` yields her sessions, oldest first."""

    def __init__(self, world: World, *, seed: str, ability: float | None = None) -> None:
        self.world = world
        # A string seeds by its hash of SHA-512, the same on every machine.
        self.random = random.Random(seed)
        draw = self.random
        self.ability = draw.gauss(0.0, 0.9) if ability is None else ability
        self.rate = min(max(draw.gauss(0.6 + 0.1 * self.ability, 0.1), 0.2), 0.9)
        self.start = min(max(0.14 + 0.06 * self.ability, 0.05), 0.3)
        self.sequential = draw.uniform(0.55, 0.9)
        self.repairs = draw.uniform(0.1, 0.8)
        self.reviews = draw.uniform(0.1, 0.5)
        self.days_between = draw.uniform(1.2, 4.0)
        self.liking = {course: draw.gammavariate(1.5, 1.0) + 0.1 for course in world.courses}
        self.mastery: dict[int, float] = {}
        self.highest: dict[int, float] = {}
        self.done: set[int] = set()
        self.queue: list[StudyItem] = []
        self.right: dict[int, tuple[StudyItem, datetime]] = {}
        self.course = self._like_course()

    def study(self, *, since: datetime, until: datetime, share: float) -> Iterator[list[Act]]:
        """Yield one list of acts a session between the two times, until `share` of all items is done."""
        draw = self.random
        target = share * len(self.world.items)
        day = ended = since + timedelta(days=draw.uniform(0, 4))
        while day < until and len(self.done) < target:
            begin = day.replace(hour=0, minute=0) + timedelta(hours=draw.triangular(7, 23, 17))
            # A second session on one day comes after the first, or its answers would come before what they rest on.
            acts = self._session(max(begin, ended + BETWEEN_SESSIONS), until, target)
            if acts:
                ended = acts[-1].at
                yield acts
            days = draw.expovariate(1 / self.days_between) + 0.6
            self._forget(days)
            day += timedelta(days=days)

    def knows(self, concept: int) -> float:
        return self.mastery.get(concept, self.start)

    def readiness(self, item: StudyItem) -> float:
        before = self.world.before(item)
        return sum(map(self.knows, before)) / len(before) if before else 1.0

    def chance(self, item: StudyItem, guess: float) -> float:
        """P(right) of one question."""
        known = sum(map(self.knows, item.concepts)) / max(len(item.concepts), 1)
        strength = known * (0.5 + 0.5 * self.readiness(item))
        logit = 9 * (strength - 0.55 * item.difficulty) + self.ability
        return guess + (1 - guess - SLIP) / (1 + math.exp(-logit))

    def _session(self, begin: datetime, until: datetime, target: float) -> list[Act]:
        draw, now, acts = self.random, begin, list[Act]()
        if draw.random() < 0.25:
            self.course, self.queue = self._like_course(), []
        due = [item for item, at in self.right.values() if now - at >= REVIEW_AFTER]
        if due and draw.random() < self.reviews:
            self.queue.insert(0, draw.choice(due))
        for _place in range(draw.randint(3, 9)):
            item = self._choose()
            if item is None or now >= until or len(self.done) >= target:
                break
            for act in self._take(item, now):
                if act.at < until:
                    acts.append(act)
                now = max(now, act.at)
            now += timedelta(seconds=draw.uniform(5, 60))
        return acts

    def _take(self, item: StudyItem, now: datetime) -> Iterator[Act]:
        draw = self.random
        seconds = round(item.minutes * 60 * draw.lognormvariate(-0.1, 0.35), 1)
        yield Act("viewed", item.id, now)
        ready = self.readiness(item)
        if draw.random() < 0.12 * (1 - ready):
            partly = round(seconds * draw.uniform(0.1, 0.4), 1)
            yield Act("abandoned", item.id, now + timedelta(seconds=partly), partly)
            return
        then = now + timedelta(seconds=seconds)
        if not item.guesses:
            self._learn(item, 1.0)
            self.done.add(item.id)
            yield Act("completed", item.id, then, seconds)
            return
        right = sum(draw.random() < self.chance(item, guess) for guess in item.guesses)
        score = right / len(item.guesses)
        hints = draw.choice((0, 0, 1)) if score < 1 else 0
        yield Act("progressed", item.id, then - timedelta(seconds=1), seconds)
        yield Act("answered", item.id, then, score=score, hints=hints)
        self._learn(item, 0.4 if score == 1 else 0.6)
        if score == 1:
            self.done.add(item.id)
            self.right[item.id] = (item, then)
        else:
            self._plan_repair(item)

    def _plan_repair(self, item: StudyItem) -> None:
        draw = self.random
        if draw.random() < self.repairs:
            weakest = min(
                (*item.concepts, *sorted(self.world.before(item))), key=self.knows, default=None
            )
            self.queue += [*self.world.teaching.get(weakest or 0, [])[:1], item]
        elif draw.random() < 0.35:
            self.queue.append(item)

    def _choose(self) -> StudyItem | None:
        draw = self.random
        if self.queue:
            return self.queue.pop(0)
        if draw.random() < 0.08:
            self.course = self._like_course()
        ahead = [each for each in self.world.courses[self.course] if each.id not in self.done]
        if not ahead:
            left = [each for each in self.world.items if each.id not in self.done]
            if not left:
                return None
            self.course = left[0].course
            ahead = [each for each in self.world.courses[self.course] if each.id not in self.done]
        if draw.random() < self.sequential:
            return ahead[0]
        return ahead[min(int(draw.expovariate(0.5)), len(ahead) - 1)]

    def _like_course(self) -> int:
        courses = list(self.liking)
        return self.random.choices(courses, [self.liking[course] for course in courses])[0]

    def _learn(self, item: StudyItem, strength: float) -> None:
        gain = strength * self.rate * (0.25 + 0.75 * self.readiness(item))
        for concept in item.concepts:
            known = self.knows(concept)
            self.mastery[concept] = known + gain * (1 - known)
            self.highest[concept] = max(self.highest.get(concept, 0.0), self.mastery[concept])

    def _forget(self, days: float) -> None:
        for concept, known in self.mastery.items():
            floor = 0.6 * self.highest[concept]
            self.mastery[concept] = max(known * 0.99**days, min(floor, known))
