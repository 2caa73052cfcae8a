"""Parameters of memory of a learner's own: fitted from so many reviews on, used where they are better, and hers alone."""

import json
import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from common import queue
from django.utils import timezone
from fsrs import Card, Rating, Scheduler
from fsrs.scheduler import DEFAULT_PARAMETERS
from memory_fits import keep_fit

from content.models import Item
from learners.memory import DEFAULTS
from learners.models import Event, Group, MemoryCard, MemoryFit, User
from learners.selectors import list_learners_to_fit, read_fits
from learners.services.events import NewEvent, record_events
from recommender.models import Lease
from recommender.pipeline.heartbeat import hold_lease
from recommender.pipeline.memory_fit import NEEDED, Judged
from recommender.pipeline.memory_fits import SECONDS, fit_memories, fit_memory
from workers import tasks
from workers.schedule import build_schedule

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)
EXERCISE = "letters-one"
# Whoever forgets a good deal faster than the library expects.
OWN = (*(value / 4 for value in DEFAULT_PARAMETERS[:4]), *DEFAULT_PARAMETERS[4:-1], 0.3)
EXERCISES, ROUNDS, GAP = 24, 30, 12


@pytest.fixture
def exercises(algebra: SimpleNamespace, group: Group) -> list[int]:
    """As many exercises as a fit takes."""
    return [
        Item.objects.create(
            course=algebra.course,
            slug=f"more-{number}",
            title=f"More {number}",
            kind="exercise",
            position=100 + number,
        ).pk
        for number in range(EXERCISES)
    ]


def answer(person: Any, exercises: list[int], *, rounds: int, share: float) -> None:
    """Every exercise in so many rounds of twelve days each, the last of them yesterday; right by chance."""
    chance = random.Random(rounds)
    last = datetime.now(UTC) - DAY
    events = [
        NewEvent(
            uuid.uuid4(),
            "answered",
            item,
            last - (rounds - 1 - number) * GAP * DAY,
            success=chance.random() < share,
            graded=True,
        )
        for number in range(rounds)
        for item in exercises
    ]
    for start in range(0, len(events), 1000):
        record_events(actor=person, events=events[start : start + 1000])


def use(person: Any, parameters: tuple[float, ...] = OWN, *, used: bool = True) -> bool:
    return keep_fit(person.pk, parameters, used=used)


def by_the_library(parameters: tuple[float, ...], *answers: tuple[Rating, datetime]) -> Card:
    scheduler = make(parameters)
    card = Card(card_id=1)
    for rating, at in answers:
        card, _log = scheduler.review_card(card, rating, at)
    return card


def make(parameters: tuple[float, ...]) -> Scheduler:
    return Scheduler(parameters, learning_steps=(), relearning_steps=(), enable_fuzzing=False)


def test_from_so_many_reviews_on_a_learner_has_parameters_of_her_own(
    alice: Any, exercises: list[int], refresh: Callable[[], Any]
) -> None:
    answer(alice, exercises, rounds=ROUNDS, share=0.5)
    refresh()
    tasks.fit_memory()
    fit = MemoryFit.objects.get(learner=alice)
    assert fit.used
    assert (fit.revision, fit.reviews + fit.held_out) == (1, EXERCISES * (ROUNDS - 1))
    assert fit.reviews >= 512
    assert fit.log_loss < fit.default_log_loss
    assert 0 < fit.gain_low < fit.default_log_loss - fit.log_loss < fit.gain_high
    assert tuple(fit.parameters) != DEFAULT_PARAMETERS
    refresh()
    assert set(MemoryCard.objects.values_list("fit", flat=True)) == {1}
    card = MemoryCard.objects.filter(item=exercises[0]).get()
    told = Event.objects.filter(item=exercises[0]).order_by("occurred_at")
    expected = by_the_library(
        tuple(fit.parameters),
        *((Rating.Good if each.success else Rating.Again, each.occurred_at) for each in told),
    )
    assert (card.stability, card.difficulty, card.due_at) == (
        expected.stability,
        expected.difficulty,
        expected.due,
    )
    # Asked again nothing happens, until her repeated answers have grown by a quarter; by a second message neither.
    tasks.fit_memory()
    assert not fit_memory(learner_id=alice.pk, now=timezone.now())
    fit.refresh_from_db()
    assert fit.revision == 1
    assert fit.look_again == EXERCISES * (ROUNDS - 1) * 5 / 4
    answer(alice, exercises, rounds=ROUNDS // 4, share=0.5)
    assert list_learners_to_fit(least=NEEDED, now=timezone.now()) == []
    answer(alice, exercises, rounds=1, share=0.5)
    assert list_learners_to_fit(least=NEEDED, now=timezone.now()) == [alice.pk]


def test_what_is_no_better_than_the_defaults_is_kept_but_not_used(
    alice: Any, exercises: list[int], refresh: Callable[[], Any]
) -> None:
    """Her answers come from the defaults themselves, so that there is nothing to be learned of her."""
    chance, scheduler = random.Random(3), make(DEFAULT_PARAMETERS)
    events = []
    for item in exercises:
        card, at = Card(card_id=item), datetime.now(UTC) - 400 * DAY
        for number in range(ROUNDS):
            known = scheduler.get_card_retrievability(card, at) if number else 0.7
            right = chance.random() < known
            events.append(NewEvent(uuid.uuid4(), "answered", item, at, success=right, graded=True))
            card, _log = scheduler.review_card(card, Rating.Good if right else Rating.Again, at)
            at += chance.choice((3, 6, 12, 24)) * DAY
    record_events(actor=alice, events=events)
    refresh()
    assert fit_memories(now=timezone.now()) == 1
    fit = MemoryFit.objects.get(learner=alice)
    assert not fit.used
    assert fit.log_loss > fit.default_log_loss
    assert fit.reviews >= 512
    assert read_fits([alice.pk])[alice.pk] == DEFAULTS
    refresh()
    assert set(MemoryCard.objects.values_list("fit", flat=True)) == {0}


def test_too_few_reviews_are_not_looked_at_before_there_are_more(
    alice: Any, exercises: list[int]
) -> None:
    answer(alice, exercises, rounds=ROUNDS - 4, share=0.5)
    assert list_learners_to_fit(least=NEEDED, now=timezone.now()) == []
    # Answers of the same hour repeat, but say nothing of forgetting.
    lately = datetime.now(UTC)
    again = [
        NewEvent(uuid.uuid4(), "answered", item, lately, success=True, graded=True)
        for item in exercises
        for _time in range(3)
    ]
    record_events(actor=alice, events=again)
    assert list_learners_to_fit(least=NEEDED, now=timezone.now()) == [alice.pk]
    assert fit_memories(now=timezone.now()) == 0
    fit = MemoryFit.objects.get(learner=alice)
    assert not fit.used
    assert fit.fitted_at is None
    reviews = EXERCISES * (ROUNDS - 4)
    assert fit.look_again == EXERCISES * (ROUNDS - 2) + NEEDED - reviews
    assert list_learners_to_fit(least=NEEDED, now=timezone.now()) == []


def test_who_has_been_away_is_not_fitted_again_and_again(alice: Any, exercises: list[int]) -> None:
    answer(alice, exercises, rounds=ROUNDS, share=0.5)
    assert list_learners_to_fit(least=NEEDED, now=timezone.now()) == [alice.pk]
    assert list_learners_to_fit(least=NEEDED, now=timezone.now() + 3 * DAY) == []


def test_her_own_parameters_say_what_is_due_and_how_much_is_left(
    api: Callable[..., Any],
    alice: Any,
    group: Group,
    did: Callable[..., uuid.UUID],
    refresh: Callable[[], Any],
) -> None:
    answered = did(alice, "answered", EXERCISE, right=True, ago=1.5 * DAY)
    refresh()
    assert api(alice).get("/api/v1/me/reviews/").json()["due"] == 0
    use(alice)
    refresh()
    expected = by_the_library(OWN, (Rating.Good, Event.objects.get(uid=answered).occurred_at))
    left = make(OWN).get_card_retrievability(expected, datetime.now(UTC))
    assert left < 0.9
    (review,) = api(alice).get("/api/v1/me/reviews/").json()["items"]
    assert review["retrievability"] == pytest.approx(left, abs=1e-3)
    slate = api(alice).get("/api/v1/recommendations/", {"limit": 100}).json()["items"]
    (listed,) = [entry for entry in slate if entry["item"]["slug"] == EXERCISE]
    assert listed["retrievability"] == pytest.approx(left, abs=1e-3)
    mastery = api(alice).get("/api/v1/me/progress/").json()["mastery"]
    assert [row["retrievability"] for row in mastery] == [pytest.approx(left, abs=1e-3)]


def test_an_answer_after_the_fit_goes_on_with_her_parameters(
    alice: Any, group: Group, did: Callable[..., uuid.UUID], refresh: Callable[[], Any]
) -> None:
    first = did(alice, "answered", EXERCISE, right=True, ago=6 * DAY)
    use(alice)
    refresh()
    second = did(alice, "answered", EXERCISE, right=False, ago=2 * DAY)
    refresh()
    at = [Event.objects.get(uid=uid).occurred_at for uid in (first, second)]
    expected = by_the_library(OWN, (Rating.Good, at[0]), (Rating.Again, at[1]))
    card = MemoryCard.objects.get(learner=alice)
    assert (card.stability, card.due_at, card.fit) == (expected.stability, expected.due, 1)


def test_parameters_that_are_no_better_any_more_are_taken_back(
    alice: Any,
    charlie: Any,
    group: Group,
    did: Callable[..., uuid.UUID],
    refresh: Callable[[], Any],
) -> None:
    did(alice, "answered", EXERCISE, right=True, ago=6 * DAY)
    refresh()
    before = MemoryCard.objects.values("stability", "difficulty", "due_at", "fit").get()
    use(alice)
    refresh()
    assert MemoryCard.objects.get().stability == pytest.approx(before["stability"] / 4)
    use(alice, used=False)
    refresh()
    assert MemoryCard.objects.values("stability", "difficulty", "due_at", "fit").get() == before
    assert MemoryFit.objects.get(learner=alice).revision == 2


def test_parameters_that_the_library_refuses_are_the_defaults(
    alice: Any, group: Group, did: Callable[..., uuid.UUID], refresh: Callable[[], Any]
) -> None:
    """As after a release with other parameters."""
    use(alice, OWN[:-1])
    did(alice, "answered", EXERCISE, right=True, ago=6 * DAY)
    assert refresh().stored >= {alice.pk}
    assert MemoryCard.objects.get(learner=alice).fit == 0


def test_a_learner_is_fitted_by_one_worker_at_a_time(alice: Any, exercises: list[int]) -> None:
    answer(alice, exercises, rounds=ROUNDS, share=0.5)
    with hold_lease(f"memory-{alice.pk}") as held:
        assert held is not None
        assert not fit_memory(learner_id=alice.pk, now=timezone.now())
    assert not MemoryFit.objects.exists()


def test_learners_are_fitted_by_one_worker_at_a_time_for_so_long(
    alice: Any,
    charlie: Any,
    exercises: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else one call more every few minutes would take the workers of training for hours."""
    for person in (alice, charlie):
        answer(person, exercises, rounds=ROUNDS, share=0.5)
    within, begun = [], []

    def take_long(*, learner_id: int, now: datetime) -> bool:
        begun.append(learner_id)
        within.append(fit_memories(now=now))
        return True

    monkeypatch.setattr("recommender.pipeline.memory_fits.fit_memory", take_long)
    assert fit_memories(now=timezone.now()) == 2
    assert within == [0, 0]
    assert len(begun) == 2
    assert fit_memories(now=timezone.now(), seconds=-1) == 0
    assert len(begun) == 2
    # It is free again.
    assert fit_memories(now=timezone.now()) == 2


def test_those_who_are_left_wait_for_beat(
    alice: Any, exercises: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that sent itself again would begin one more chain with each of beat's messages."""
    answer(alice, exercises, rounds=ROUNDS, share=0.5)
    sent = []
    monkeypatch.setattr(
        tasks.fit_memory, "apply_async", lambda *given, **options: sent.append(options)
    )
    monkeypatch.setattr(fit_memories, "__kwdefaults__", {"seconds": -1.0})
    tasks.fit_memory()
    assert list_learners_to_fit(least=NEEDED, now=timezone.now()) == [alice.pk]
    assert sent == []
    assert build_schedule()[queue.FIT_MEMORY]["schedule"] > 2 * SECONDS


def test_who_has_lost_the_lease_writes_nothing(
    alice: Any, exercises: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(alice, exercises, rounds=ROUNDS, share=0.5)

    def take_over(_history: Any, **_given: Any) -> Judged:
        Lease.objects.update(owner="another")
        gain = {"value": 0.1, "low": 0.05, "high": 0.15}
        return Judged(OWN, 600, 150, default_log_loss=0.6, log_loss=0.5, gain=gain)

    monkeypatch.setattr("recommender.pipeline.memory_fits.fit_and_judge", take_over)
    assert fit_memories(now=timezone.now()) == 0
    assert not MemoryFit.objects.exists()
    assert list_learners_to_fit(least=NEEDED, now=timezone.now()) == [alice.pk]


def test_one_whose_data_break_the_fit_keeps_nobody_else_from_it(
    alice: Any,
    charlie: Any,
    exercises: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for person in (alice, charlie):
        answer(person, exercises, rounds=ROUNDS, share=0.5)
    tried = []

    def break_off(*, learner_id: int, now: datetime) -> bool:
        tried.append(learner_id)
        raise RuntimeError("her data are such as nobody foresaw")

    monkeypatch.setattr("recommender.pipeline.memory_fits.fit_memory", break_off)
    assert fit_memories(now=timezone.now()) == 0
    assert sorted(tried) == sorted([alice.pk, charlie.pk])
    assert len(list_learners_to_fit(least=NEEDED, now=timezone.now())) == 2


def test_whoever_is_gone_meanwhile_gets_no_row(alice: Any) -> None:
    User.objects.filter(pk=alice.pk).delete()
    assert not use(alice)
    assert not MemoryFit.objects.exists()


def test_the_fit_is_hers_alone_to_take_along_and_to_erase(
    api: Callable[..., Any], alice: Any, charlie: Any, group: Group
) -> None:
    use(alice)

    def take(person: Any) -> Any:
        content = b"".join(api(person).get("/api/v1/me/export/").streaming_content)
        return json.loads(content)["learners"]["memory_fit"]

    (row,) = take(alice)
    assert (row["parameters"], row["reviews"], row["log_loss"]) == (list(OWN), 600, 0.5)
    assert take(charlie) == []
    api(alice).delete("/api/v1/me/", {"confirm": "alice"}, format="json")
    assert not MemoryFit.objects.exists()
