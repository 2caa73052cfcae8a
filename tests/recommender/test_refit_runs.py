"""A training run decides on re-weighting by the opinions before its moment, and says so in the manifest."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from training_samples import make_class, train_version

from learners.models import User
from learners.services.events import NewEvent, record_events
from recommender.models import Feedback
from recommender.pipeline.artefacts import load_version
from recommender.selectors.opinions import read_opinions

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_home")]


def rate(person: Any, item: Any, score: float, *, ago: timedelta = timedelta(0)) -> None:
    event = NewEvent(
        uid=uuid.uuid4(),
        verb="rated",
        item_id=item.pk,
        occurred_at=datetime.now(UTC) - ago,
        score=score,
    )
    record_events(actor=person, events=[event])


def test_opinions_are_the_last_words_in_force(algebra: Any, alice: Any) -> None:
    first, second = list(algebra.items.values())[:2]
    rate(alice, first, 0.2, ago=timedelta(minutes=2))
    rate(alice, first, 0.9)
    said = [
        Feedback.objects.create(learner=alice, item=second, signal=signal)
        for signal in ("helpful", "not_helpful", "too_hard", "helpful")
    ]
    said[-1].withdrawn_at = datetime.now(UTC)
    said[-1].save()
    found = {(each.item_id, each.value) for each in read_opinions(until=datetime.now(UTC))}
    assert found == {(first.pk, 0.9), (second.pk, 0.0)}
    assert read_opinions(until=datetime.now(UTC) - timedelta(hours=1)) == []


def test_a_run_keeps_the_settings_with_few_opinions_and_learns_tastes(
    algebra: Any, olga: Any
) -> None:
    make_class(algebra)
    first, second = list(algebra.items.values())[:2]
    for number, person in enumerate(User.objects.exclude(pk=olga.pk)[:12]):
        for item in (first, second):
            rate(person, item, float(number % 2))
    version = train_version()
    told = version.manifest["chosen"]["reweighting"]
    assert told == {"opinions": 24, "learners": 12, "rule": "too few opinions: kept"}
    loaded = load_version(version, device="cpu")
    taste = loaded.parts.taste
    assert taste is not None
    row = loaded.names.items.index(str(first.pk)) + 1
    assert taste[0][row][taste[1][row] > 0].tolist() == [
        loaded.names.items.index(str(second.pk)) + 1
    ]
