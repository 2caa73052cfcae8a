"""What a run tells of the parts of its learners: classes, pace and declared attributes, and nothing of few."""

import json
import random
import re
import uuid
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from learners.models import Event, Group, LearnerAttribute, Membership, User
from learners.services.accounts import erase_person
from recommender.core.learner_parts import LEAST
from tests.recommender.training_samples import train_version

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_home")]

MANY = 150
"""A fifth of them are held out: enough for two parts, and not for three."""


def study(algebra: Any, *, learners: int) -> list[User]:
    """Learners who go through the course in its order; every other one takes three times as long."""
    draw = random.Random(7)
    people = User.objects.bulk_create(
        [User(username=f"pupil{number}", password="!") for number in range(learners)]
    )
    start = timezone.now() - timedelta(days=30)
    events = []
    for number, person in enumerate(people):
        for place, item in enumerate(list(algebra.items.values())[: draw.randint(6, 9)]):
            at = start + timedelta(hours=6 * place)
            right = draw.random() < 0.7 if item.is_gradable else None
            events.append(
                Event(
                    actor=person,
                    uid=uuid.uuid4(),
                    verb="answered" if item.is_gradable else "completed",
                    item=item,
                    occurred_at=at,
                    received_at=at,
                    success=right,
                    graded=item.is_gradable,
                    duration=draw.uniform(20, 40) * (3 if number % 2 else 1),
                )
            )
    Event.objects.bulk_create(events)
    return people


def put_in_class(name: str, people: Sequence[User]) -> Group:
    group = Group.objects.create(name=name)
    Membership.objects.bulk_create([Membership(group=group, learner=one) for one in people])
    return group


def declare(people: Sequence[User], value: str) -> None:
    LearnerAttribute.objects.bulk_create(
        [LearnerAttribute(learner=one, name="first language", value=value) for one in people]
    )


def test_a_run_tells_how_its_version_serves_each_part(algebra: Any) -> None:
    people = study(algebra, learners=MANY)
    large = put_in_class("7b", people[:75])
    for first in range(75, MANY, 15):
        put_in_class(f"small {first}", people[first : first + 15])
    declare(people[:75], "Finnish")
    declare(people[75:], "Welsh")
    version = train_version()

    found = version.fairness
    assert found["least"] == LEAST
    assert found["all"]["learners"] >= MANY // 5
    # The same cases as the version's metrics, one a learner.
    assert found["all"]["ndcg@10"]["value"] == pytest.approx(version.metrics["ndcg@10"], abs=1e-3)
    assert 0 <= found["all"]["mastery_error"]["value"] < 0.6
    # Nine items in all, most of them done.
    assert 0 < found["all"]["variety"]["value"] <= 0.9
    told = {(one["kind"], one["name"]): one for one in found["dimensions"]}
    assert set(told) == {("group", ""), ("pace", ""), ("attribute", "first language")}
    groups = told["group", ""]["parts"]
    # A fifth of fifteen is too few.
    assert [(part["key"], part["name"]) for part in groups] == [(str(large.pk), "7b")]
    assert told["group", ""]["hidden"] == 5
    languages = {part["name"]: part for part in told["attribute", "first language"]["parts"]}
    assert set(languages) == {"Finnish", "Welsh"}
    for part in languages.values():
        assert part["ndcg@10"]["low"] <= part["ndcg@10"]["value"] <= part["ndcg@10"]["high"]
    assert sum(part["learners"] for part in languages.values()) == found["all"]["learners"]


def test_of_a_small_class_nothing_is_told(algebra: Any) -> None:
    people = study(algebra, learners=20)
    put_in_class("7b", people)
    found = train_version().fairness
    assert "ndcg@10" not in found["all"]
    assert all(not one["parts"] for one in found["dimensions"])


def test_the_slow_third_takes_longer(algebra: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts by pace are those who were made slow."""
    from recommender.pipeline import fairness

    seen = []
    divide = fairness.split_by_pace

    def watch(pace: Any, members: Any) -> Any:
        found = divide(pace, members)
        seen.append({part.name: part.members.tolist() for part in found.parts})
        return found

    monkeypatch.setattr(fairness, "split_by_pace", watch)
    study(algebra, learners=60)
    train_version()
    (parts,) = seen
    # In the order of their keys, every other one takes three times as long.
    assert len(parts["slow"]) >= 4
    assert all(number % 2 == 1 for number in parts["slow"])
    assert all(number % 2 == 0 for number in parts["fast"])


def test_no_name_or_key_of_a_learner_is_kept(algebra: Any) -> None:
    people = study(algebra, learners=MANY)
    declare(people, "Finnish")
    version = train_version()
    text = json.dumps(version.fairness)
    assert "pupil" not in text
    erase_person(person=people[0])
    version.refresh_from_db()
    assert version.fairness["all"]["learners"] >= MANY // 5


def test_nothing_but_the_report_reads_what_is_declared() -> None:
    read = re.compile(r"LearnerAttribute|list_attributes_of|\.attributes\b")
    root = Path(__file__).resolve().parents[2]
    found = {
        path.relative_to(root).as_posix()
        for app in ("content", "learners", "recommender", "workers", "platform")
        for path in (root / app).rglob("*.py")
        if "migrations" not in path.parts and read.search(path.read_text(encoding="utf-8"))
    }
    assert found == {
        "learners/admin/attributes.py",
        "learners/models/__init__.py",
        "learners/models/attributes.py",
        "learners/personal_data.py",
        "learners/selectors/parts.py",
        "recommender/pipeline/fairness.py",
    }


def test_a_report_that_fails_leaves_the_version(
    algebra: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from recommender.pipeline import training

    def fail(*_given: Any, **_options: Any) -> dict[str, Any]:
        raise ValueError("no figures")

    monkeypatch.setattr(training, "report_fairness", fail)
    study(algebra, learners=20)
    version = train_version()
    assert version.fairness == {}
    assert version.metrics["ndcg@10"] >= 0
    assert "report of fairness" in caplog.text
