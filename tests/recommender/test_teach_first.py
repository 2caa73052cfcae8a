"""What teaches a new concept stands above the exercises on it, in the demo course as a learner meets it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as project

from content.models import Concept, Course, Item
from content.services import import_content
from learners.services.events import NewEvent, record_events
from learners.services.groups import add_course
from recommender.models import Slate

URL = "/api/v1/recommendations/"
DEMO = Path(project.BASE_DIR) / "content" / "demo"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_exploration(settings: Any) -> None:
    settings.EXPLORATION_RATE = 0.0


@pytest.fixture
def data_skills(alice: Any, training_ground: SimpleNamespace) -> Course:
    """The demo course, which Alice studies too."""
    assert import_content(path=DEMO / "data-skills").complete
    course = Course.objects.get(slug="data-skills")
    (membership,) = alice.memberships.all()
    add_course(group=membership.group, course=course)
    return course


@pytest.fixture
def begun(alice: Any, data_skills: Course) -> set[int]:
    """Alice has read the first lesson and answered the first two exercises, one of them right; the concepts she knows of."""
    lesson = data_skills.items.filter(kind="lesson").order_by("position").first()
    first, second = data_skills.items.filter(kind="exercise").order_by("position")[:2]
    acts = [(lesson, "completed", None), (first, "answered", True), (second, "answered", False)]
    now = datetime.now(UTC)
    record_events(
        actor=alice,
        events=[
            NewEvent(
                uid=uuid4(),
                verb=verb,
                item_id=item.pk,
                occurred_at=now - timedelta(hours=3 - place),
                success=right,
                graded=right is not None,
            )
            for place, (item, verb, right) in enumerate(acts)
        ],
    )
    return set(Concept.objects.filter(items__in=[lesson, first]).values_list("pk", flat=True))


def test_no_exercise_on_a_new_concept_stands_above_all_its_lessons(
    alice: Any, begun: set[int], data_skills: Course, activate: Any, refresh: Any
) -> None:
    version = activate()
    refresh()
    slate = Slate.objects.filter(learner=alice).latest("computed_at")
    assert slate.model_version == version
    place = {entry["item"]: rank for rank, entry in enumerate(slate.entries)}
    compared = 0
    for concept in (
        Concept.objects.filter(items__course=data_skills).exclude(pk__in=begun).distinct()
    ):
        items = concept.items.filter(course=data_skills)
        teaching = items.exclude(kind__in=Item.GRADABLE).values_list("pk", flat=True)
        asking = items.filter(kind__in=Item.GRADABLE).values_list("pk", flat=True)
        if not teaching or not place.keys() & set(asking):
            continue
        first_lesson = min(place.get(item, 1000) for item in teaching)
        first_exercise = min(place.get(item, 1000) for item in asking)
        assert first_lesson < first_exercise, concept
        compared += 1
    assert compared > 5


def test_the_lesson_says_so_and_the_terms_show_it(
    alice: Any, begun: set[int], activate: Any, refresh: Any, api: Callable[..., Any]
) -> None:
    activate()
    refresh()
    body = api(alice).get(URL, {"limit": 100}).json()
    told = {
        item["item"]["slug"]: reason
        for item in body["items"]
        for reason in item["reasons"]
        if reason["code"] == "introduction"
    }
    assert told
    slate = Slate.objects.get(pk=body["slate"])
    slugs = dict(Item.objects.values_list("pk", "slug"))
    lifted = {
        slugs[entry["item"]] for entry in slate.entries if entry["terms"].get("teach_first", 0) > 0
    }
    lowered = {
        slugs[entry["item"]] for entry in slate.entries if entry["terms"].get("teach_first", 0) < 0
    }
    assert lifted == told.keys()
    assert set(Item.objects.filter(slug__in=lifted).values_list("kind", flat=True)) <= {
        *("lesson", "video", "reading")
    }
    assert lowered
    for slug, reason in told.items():
        (evidence,) = reason["evidence"]
        assert evidence["title"] in reason["text"]
        assert Item.objects.get(slug=slug).concepts.filter(slug=evidence["concept"]).exists()
        # The concept has exercises among what follows.
        assert Item.objects.filter(slug__in=lowered, concepts__slug=evidence["concept"]).exists()


@pytest.mark.parametrize(
    ("verb", "share", "ends"),
    [
        ("viewed", 0, False),
        ("progressed", 0.1, False),
        ("progressed", 0.6, True),
        ("completed", 0, True),
    ],
)
def test_a_lesson_ends_it_once_it_has_taught(
    verb: str,
    share: float,
    ends: bool,
    alice: Any,
    begun: set[int],
    activate: Any,
    refresh: Any,
    api: Callable[..., Any],
) -> None:
    activate()
    refresh()

    def introductions() -> dict[str, str]:
        body = api(alice).get(URL, {"limit": 100}).json()
        return {
            item["item"]["slug"]: reason["evidence"][0]["concept"]
            for item in body["items"]
            for reason in item["reasons"]
            if reason["code"] == "introduction"
        }

    slug, concept = next(iter(introductions().items()))
    item = Item.objects.get(slug=slug)
    event = NewEvent(
        uid=uuid4(),
        verb=verb,
        item_id=item.pk,
        occurred_at=datetime.now(UTC),
        duration=max(1.0, share * item.minutes * 60),
    )
    record_events(actor=alice, events=[event])
    refresh()
    assert (concept not in introductions().values()) is ends
