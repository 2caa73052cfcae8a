"""A course of fixed primary keys, and a version trained on made-up learners of it: one training serves all tests.

Exercise n of 24 is answered right by a learner of ability a with probability σ(a + 2.2 − n / 5): the first are easy and
the last are hard. Lessons come between them; learners go through the course in its order, with gaps.
"""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from content.models import Concept, Course, Item
from content.selectors import CatalogueRow
from learners.models import Enrolment, Event, User
from recommender.core.catalogue import Catalogue
from recommender.core.config import ModelConfig, TrainConfig
from recommender.core.events import ANSWERED, COMPLETED, RIGHT, WRONG, EventLog
from recommender.core.training import train
from recommender.pipeline.catalogue import build_catalogue
from recommender.selectors.outline import build_outline

FIRST = 900_001
EXERCISES, EVERY, LEARNERS = 24, 4, 120
TOTAL = EXERCISES + EXERCISES // EVERY


def is_lesson(place: int) -> bool:
    return place % (EVERY + 1) == 0


def make_course() -> SimpleNamespace:
    """Store the course; `items` in its order."""
    course = Course.objects.create(pk=FIRST, slug="practice", title="Practice")
    concept = Concept.objects.create(pk=FIRST, slug="practising", title="Practising")
    items = [
        Item.objects.create(
            pk=FIRST + place,
            course=course,
            slug=f"practice-{place}",
            title=f"Practice {place}",
            kind="lesson" if is_lesson(place) else "exercise",
            position=place,
        )
        for place in range(TOTAL)
    ]
    for item in items:
        item.concepts.add(concept)
    return SimpleNamespace(course=course, concept=concept, items=items)


def get_course() -> Course:
    return Course.objects.get(pk=FIRST)


def train_version(out: Path, *, seed: int = 0) -> Path:
    """Train on the made-up learners and write the version to `out`."""
    config = TrainConfig(
        minutes=10,  # epochs end it, on a busy machine, too
        seed=seed,
        epochs=12,
        success_epochs=12,
        model=ModelConfig(width=16, hidden=32, length=32),
    )
    return train(
        _log(seed),
        _catalogue(),
        config=config,
        out=out,
        checkpoint=None,
        start_from=None,
        on_progress=lambda _progress: None,
        should_stop=lambda: False,
        device="cpu",
    ).artefact


def _catalogue() -> Catalogue:
    rows = [
        CatalogueRow(
            **dict.fromkeys(CatalogueRow._fields)
            | {
                "id": FIRST + place,
                "kind": "lesson" if is_lesson(place) else "exercise",
                "course_id": FIRST,
                "position": place,
                "published": True,
                "concept_ids": (FIRST,),
            }
        )
        for place in range(TOTAL)
    ]
    return build_catalogue(rows, build_outline(rows, {}), "")


def store_learners(count: int, course: Course) -> None:
    """Store made-up learners of the course with their events, enrolled and synthetic."""
    log = _log(0, count)
    people = User.objects.bulk_create(
        User(username=f"learner-{number}", synthetic=True) for number in range(count)
    )
    Enrolment.objects.bulk_create(Enrolment(learner=person, course=course) for person in people)
    Event.objects.bulk_create(
        Event(
            actor=people[learner],
            verb="answered" if log.behaviour[event] == ANSWERED else "completed",
            item_id=FIRST + int(log.item[event]) - 1,
            occurred_at=(moment := datetime.fromtimestamp(float(log.time[event]), UTC)),
            received_at=moment,
            success=bool(log.outcome[event] == RIGHT) if log.outcome[event] else None,
            graded=bool(log.outcome[event]),
            duration=30,
        )
        for event, learner in enumerate(log.learner_of_event())
    )


def _log(seed: int, count: int = LEARNERS) -> EventLog:
    rng = np.random.default_rng(seed)
    learners, rows, behaviours, outcomes = [], [], [], []
    for learner in range(count):
        ability = rng.normal(0, 0.7)
        start = rng.integers(0, 6)
        exercise = 0
        for place in range(TOTAL):
            exercise += not is_lesson(place)
            if place < start or rng.random() < 0.15:
                continue
            right = rng.random() < 1 / (1 + np.exp(-(ability + 2.2 - exercise / 5)))
            learners.append(learner)
            rows.append(place + 1)
            behaviours.append(COMPLETED if is_lesson(place) else ANSWERED)
            outcomes.append(0 if is_lesson(place) else RIGHT if right else WRONG)
    lengths = np.bincount(learners, minlength=count)
    moment = 1.7e9 + 60.0 * np.arange(len(rows))
    return EventLog.from_columns(
        np.concatenate([[0], np.cumsum(lengths)]),
        item=np.array(rows),
        behaviour=np.array(behaviours),
        outcome=np.array(outcomes),
        attention=np.full(len(rows), 30.0),
        time=moment,
        received=moment,
    )
