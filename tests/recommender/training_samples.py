"""A small class with a history, and small versions trained on it, for the tests of runs and versions."""

import random
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from learners.models import Event, User
from recommender.models import ModelVersion
from recommender.services.training import request_training


def make_class(
    algebra: Any, *, learners: int = 12, seed: int = 0, name: str = "pupil"
) -> list[User]:
    """Learners who go through the course mostly in its order, with right and wrong answers, ending an hour ago."""
    draw = random.Random(seed)
    people = User.objects.bulk_create(
        [User(username=f"{name}{number}", password="!") for number in range(learners)]
    )
    start = timezone.now() - timedelta(days=30)
    events = []
    for person in people:
        items = list(algebra.items.values())[: draw.randint(4, 9)]
        if draw.random() < 0.3:
            draw.shuffle(items)
        for place, item in enumerate(items):
            at = start + timedelta(hours=6 * place)
            verb = "answered" if item.is_gradable else "completed"
            right = draw.random() < 0.7 if item.is_gradable else None
            events.append(
                Event(
                    actor=person,
                    uid=uuid.uuid4(),
                    verb=verb,
                    item=item,
                    occurred_at=at,
                    received_at=at,
                    success=right,
                    graded=item.is_gradable,
                    duration=30.0,
                )
            )
    Event.objects.bulk_create(events)
    return people


def train_version(**options: Any) -> ModelVersion:
    """Request a run and carry it out here; returns the candidate."""
    from recommender.pipeline.training import run_next_training

    run = request_training(by=None, options={"minutes": 0.1, **options})
    done = run_next_training()
    assert done is not None and done.pk == run.pk
    assert done.version is not None, done.error
    return done.version


def stored_file(version: ModelVersion, name: str) -> Path:
    """A file of a version in the artefact storage."""
    from recommender.pipeline.artefacts import artefact_storage

    return Path(artefact_storage().path(f"{version.artefact}/{name}"))
