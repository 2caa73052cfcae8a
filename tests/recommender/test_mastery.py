"""Mastery: what a version predicts over a concept's exercises, and how sure the answers behind it make that."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from scipy.stats import beta

from learners.mastery import FADE, PRIOR, PRIOR_ANSWERS, Level, find_level
from learners.models import ConceptMastery, Group, MasteryDay
from learners.services.mastery import prune_mastery, store_mastery
from recommender.models import Slate

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def of(person: Any, slug: str = "letters") -> ConceptMastery:
    return ConceptMastery.objects.get(learner=person, concept__slug=slug)


def test_without_a_version_the_answers_tell(
    alice: Any, group: Group, did: Callable[..., uuid.UUID], refresh: Callable[[], Any]
) -> None:
    for hours, right in ((3, True), (2, False), (1, True)):
        did(alice, "answered", "letters-one", right=right, ago=hours * HOUR)
    refresh()
    a = PRIOR_ANSWERS * PRIOR + FADE**2 + 1
    b = PRIOR_ANSWERS * (1 - PRIOR) + FADE
    found = of(alice)
    assert found.answers == 3
    assert found.mean == pytest.approx(a / (a + b), abs=1e-4)
    assert (found.low, found.high) == pytest.approx(beta.ppf([0.1, 0.9], a, b), abs=1e-4)
    assert not ConceptMastery.objects.filter(concept__slug="equations").exists()


def test_with_a_version_it_is_what_the_exercises_promise(
    alice: Any,
    training_ground: SimpleNamespace,
    practised: Callable[..., Any],
    activate: Callable[[], Any],
    refresh: Callable[[], Any],
) -> None:
    for hours, place, right in ((3, 11, True), (2, 12, True), (1, 13, False)):
        practised(alice, place, right=right, ago=hours * HOUR)
    activate()
    refresh()
    found = of(alice, "practising")
    slate = Slate.objects.filter(learner=alice, source="model").latest("computed_at")
    promised = [entry["success"] for entry in slate.entries if entry["success"] is not None]
    # Exercises get harder along the course; those that stand for the concept are spread over all of it.
    assert min(promised) < found.mean < max(promised)
    assert found.mean == pytest.approx(sum(promised) / len(promised), abs=0.1)
    strength = PRIOR_ANSWERS + 1 + FADE + FADE**2
    a, b = strength * found.mean, strength * (1 - found.mean)
    assert (found.low, found.high) == pytest.approx(beta.ppf([0.1, 0.9], a, b), abs=1e-3)


def test_who_gets_more_right_has_mastered_more(
    alice: Any,
    person: Callable[..., Any],
    training_ground: SimpleNamespace,
    practised: Callable[..., Any],
    activate: Callable[[], Any],
    refresh: Callable[[], Any],
) -> None:
    for place in (1, 2, 3, 4, 6, 7, 8, 9):
        practised(alice, place, right=True, ago=(20 - place) * HOUR)
    activate()
    refresh()
    good = of(alice, "practising")
    for place in (1, 2, 3, 4, 6, 7, 8, 9):
        practised(alice, place, right=False, ago=(10 - place) * HOUR)
    refresh()
    bad = of(alice, "practising")
    assert bad.answers == 16
    assert bad.mean < good.mean - 0.05


def test_more_answers_make_it_surer(
    alice: Any, group: Group, did: Callable[..., uuid.UUID], refresh: Callable[[], Any]
) -> None:
    widths = []
    for count in range(1, 4):
        for number in range(4):
            did(alice, "answered", "letters-one", right=number > 0, ago=(100 - 4 * count) * HOUR)
        refresh()
        widths.append(of(alice).high - of(alice).low)
    assert widths == sorted(widths, reverse=True)


def test_a_day_has_one_row_and_what_did_not_change_is_not_written(
    alice: Any, group: Group, did: Callable[..., uuid.UUID], refresh: Callable[[], Any]
) -> None:
    did(alice, "answered", "letters-one", right=True)
    refresh()
    did(alice, "answered", "letters-one", right=False)
    refresh()
    (day,) = MasteryDay.objects.filter(learner=alice)
    assert (day.mean, day.answers) == (of(alice).mean, 2)
    before = of(alice).updated_at
    did(alice, "viewed", "letters-lesson")
    assert refresh().stored == {alice.pk}
    assert of(alice).updated_at == before
    MasteryDay.objects.update(day=day.day - DAY)
    did(alice, "answered", "letters-two", right=True)
    refresh()
    assert MasteryDay.objects.filter(learner=alice).count() == 2


def test_old_days_are_pruned(alice: Any, group: Group, algebra: SimpleNamespace) -> None:
    now = datetime.now(UTC)
    for ago in (0, 399, 402):
        MasteryDay.objects.create(
            learner=alice,
            concept=algebra.concepts["letters"],
            day=(now - ago * DAY).date(),
            mean=0.5,
            low=0.4,
            high=0.6,
            answers=1,
        )
    assert prune_mastery(now=now) == 1
    assert MasteryDay.objects.count() == 2
    store_mastery({}, now=now)
    assert MasteryDay.objects.count() == 2


@pytest.mark.parametrize(
    ("low", "high", "level"),
    [
        (0.7, 0.9, Level.MASTERED),
        (0.69, 0.9, Level.UNSURE),
        (0.2, 0.7, Level.UNSURE),
        (0.2, 0.69, Level.NOT_YET),
    ],
)
def test_only_what_is_sure_is_said(low: float, high: float, level: Level) -> None:
    assert find_level(low=low, high=high) is level


def test_it_goes_with_her(
    api: Callable[..., Any],
    alice: Any,
    group: Group,
    did: Callable[..., uuid.UUID],
    refresh: Callable[[], Any],
) -> None:
    did(alice, "answered", "letters-one", right=True)
    refresh()
    exported = b"".join(api(alice).get("/api/v1/me/export/").streaming_content).decode()
    assert '"mastery": [{' in exported
    assert '"mastery_by_day": [{' in exported
    api(alice).delete("/api/v1/me/", {"confirm": "alice"}, format="json")
    assert not ConceptMastery.objects.exists()
    assert not MasteryDay.objects.exists()
