"""Slates of a trained version: ranking, predicted success, reasons, contributions and exploration."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import practice_course as practice
import pytest

from learners.models import Event
from learners.selectors import read_history
from recommender.models import Impression, Slate
from recommender.pipeline.active import get_active
from recommender.pipeline.catalogue import load_catalogue
from recommender.pipeline.history import to_log
from recommender.storage import unpack_contributions, unpack_history

URL = "/api/v1/recommendations/"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_exploration(settings: Any) -> None:
    """What is drawn at random has tests of its own."""
    settings.EXPLORATION_RATE = 0.0


@pytest.fixture
def history(alice: Any, training_ground: SimpleNamespace, practised: Callable[..., Any]) -> None:
    """Alice has finished the first lesson and answered three exercises, two of them right."""
    practised(alice, 0, ago=timedelta(hours=4))
    for hours, place, right in ((3, 11, True), (2, 12, True), (1, 13, False)):
        practised(alice, place, right=right, ago=timedelta(hours=hours))


@pytest.fixture
def served(history: None, activate: Callable[[], Any], refresh: Callable[[], Any]) -> Any:
    """The version that served Alice's slate."""
    version = activate()
    refresh()
    return version


@pytest.fixture
def body(alice: Any, api: Callable[..., Any], served: Any) -> Callable[[], Any]:
    return lambda: api(alice).get(URL, {"limit": 100}).json()


def test_a_slate_of_the_model(body: Callable[[], Any], served: Any) -> None:
    answer = body()
    assert answer["model_version"] == served.pk
    assert answer["stale"] is False
    slugs = [item["item"]["slug"] for item in answer["items"]]
    done = {"practice-0", "practice-11", "practice-12"}
    assert set(slugs) == {f"practice-{place}" for place in range(practice.TOTAL)} - done
    scores = [item["score"] for item in answer["items"]]
    assert scores == sorted(scores, reverse=True)


def test_success_is_predicted_for_exercises_only(body: Callable[[], Any]) -> None:
    for item in body()["items"]:
        if item["item"]["kind"] == "exercise":
            assert 0 < item["predicted_success"] < 1
        else:
            assert item["predicted_success"] is None


def test_easy_exercises_promise_more_than_hard_ones(body: Callable[[], Any]) -> None:
    promised = {i["item"]["slug"]: i["predicted_success"] for i in body()["items"]}
    assert promised["practice-4"] > promised[f"practice-{practice.TOTAL - 1}"] + 0.2


def test_every_item_has_reasons_that_name_her_events(alice: Any, body: Callable[[], Any]) -> None:
    own = {str(uid) for uid in Event.objects.filter(actor=alice).values_list("uid", flat=True)}
    items = body()["items"]
    assert all(item["reasons"] for item in items)
    cited = [(i, r) for i in items for r in i["reasons"] if r["code"] == "history"]
    assert cited
    for entry, reason in cited:
        (evidence,) = reason["evidence"]
        assert evidence["event"] in own
        # An event on the item itself is told without its title, which stands above the reason.
        itself = evidence["item"] == entry["item"]["slug"]
        assert (evidence["title"] in reason["text"]) is not itself
        assert evidence["item"].startswith("practice-")
        assert evidence["at"]
    promise = next(r for i in items for r in i["reasons"] if r["code"] == "success")
    assert "%" in promise["text"]


def test_two_items_have_different_reasons(body: Callable[[], Any]) -> None:
    shares = {
        tuple((e["event"]) for r in item["reasons"] for e in r["evidence"])
        for item in body()["items"]
    }
    assert len(shares) > 1


def test_contributions_are_kept_as_the_model_gave_them(alice: Any, served: Any) -> None:
    slate = Slate.objects.get(learner=alice, source="model")
    events = unpack_history(slate.history)
    rows = read_history([alice.pk], 512)
    assert events.tolist() == [row.event_id for row in rows]
    loaded = load_catalogue()
    bound = get_active().recommender.bind(loaded.catalogue)  # type: ignore[union-attr]
    log = to_log([rows], loaded.outline.row_of)
    items = np.array([[loaded.outline.row_of[entry["item"]] for entry in slate.entries]])
    told = bound.score(log, now=slate.computed_at.timestamp()).contributions(items)
    positions, shares = unpack_contributions(slate.contributions)
    width = positions.shape[1]
    assert (positions == told.event[0, :, :width]).all()
    assert (told.event[0, :, width:] == -1).all()
    np.testing.assert_allclose(shares, told.share[0, :, :width], rtol=1e-3, atol=1e-6)


def test_scores_are_those_of_the_core(alice: Any, served: Any) -> None:
    """The affinity of a slate is what evaluation would compute on the same history."""
    slate = Slate.objects.get(learner=alice, source="model")
    loaded = load_catalogue()
    log = to_log([read_history([alice.pk], 512)], loaded.outline.row_of)
    bound = get_active().recommender.bind(loaded.catalogue)  # type: ignore[union-attr]
    affinity = bound.score(log, now=slate.computed_at.timestamp()).affinity[0]
    rows = [loaded.outline.row_of[entry["item"]] for entry in slate.entries]
    best = affinity[[row for row in range(1, practice.TOTAL + 1) if row in rows]].max()
    expected = np.clip(1 + (affinity[rows] - best) / 6, 0, 1)
    given = np.array([entry["terms"].get("affinity", 0) for entry in slate.entries])
    np.testing.assert_allclose(given, expected, atol=1e-5)


def test_feedback_freezes_the_contributions(
    alice: Any, api: Callable[..., Any], body: Callable[[], Any]
) -> None:
    answer = body()
    slug = answer["items"][0]["item"]["slug"]
    sent = {"item": slug, "signal": "helpful"}
    api(alice).post(f"{URL}{answer['slate']}/feedback/", sent, format="json")
    (frozen,) = alice.feedback.values_list("contributions", flat=True)
    own = set(Event.objects.filter(actor=alice).values_list("pk", flat=True))
    assert frozen
    assert {part["event"] for part in frozen} <= own
    assert any(part["share"] for part in frozen)


def test_too_hard_makes_the_top_easier_and_too_easy_harder(
    alice: Any, api: Callable[..., Any], body: Callable[[], Any], refresh: Callable[[], Any]
) -> None:
    def promise() -> float:
        items = [item["predicted_success"] for item in body()["items"][:5]]
        return float(np.mean([value for value in items if value is not None]))

    def say(signal: str) -> float:
        answer = body()
        for item in answer["items"][:2]:
            sent = {"item": item["item"]["slug"], "signal": signal}
            api(alice).post(f"{URL}{answer['slate']}/feedback/", sent, format="json")
        refresh()
        return promise()

    first = promise()
    easier = say("too_hard")
    assert easier > first
    say("too_easy")
    harder = say("too_easy")
    assert harder < easier


def test_a_learner_without_events_gets_the_syllabus_from_the_worker_too(
    alice: Any, training_ground: Any, activate: Any, api: Any, refresh: Any
) -> None:
    activate()
    api(alice).get(URL)
    refresh()
    answer = api(alice).get(URL).json()
    assert answer["model_version"] is None
    assert answer["stale"] is False
    assert answer["items"][0]["reasons"][0]["code"] == "syllabus_start"


def test_a_new_version_takes_over_and_goes_back(
    alice: Any, body: Callable[[], Any], served: Any, activate: Any, refresh: Callable[..., Any]
) -> None:
    from recommender.services.activation import roll_back

    newer = activate()
    before = body()
    assert before["model_version"] == served.pk
    assert before["stale"] is True
    refresh(outdated=True)
    assert body()["model_version"] == newer.pk
    assert roll_back().pk == served.pk
    refresh(outdated=True)
    assert body()["model_version"] == served.pk
    assert body()["stale"] is False


def test_activation_refreshes_the_recent_without_touching_their_rows(
    alice: Any, served: Any, activate: Any, refresh: Callable[..., Any]
) -> None:
    before = alice.state.dirty_seq
    newer = activate()
    assert refresh(outdated=True).stored == {alice.pk}
    assert not refresh(outdated=True).stored
    alice.state.refresh_from_db()
    assert alice.state.dirty_seq == before
    assert Slate.objects.filter(learner=alice).latest("computed_at").model_version == newer


@pytest.fixture
def always_explore(no_exploration: None, settings: Any) -> None:
    settings.EXPLORATION_RATE = 1.0


def test_one_explored_slot_is_logged_and_can_be_drawn_again(
    alice: Any, always_explore: None, served: Any, body: Callable[[], Any]
) -> None:
    slate = Slate.objects.get(learner=alice, source="model")
    drawn = slate.exploration
    assert drawn["slot"] > 1
    assert slate.entries[drawn["slot"] - 1]["item"] == drawn["item"]
    assert 0 < drawn["probability"] < 0.1
    # What else could have stood there: without it nobody can say later what another version would have shown.
    pool = drawn["among"]
    assert drawn["item"] in pool and slate.entries[0]["item"] not in pool
    assert set(pool) <= {entry["item"] for entry in slate.entries}
    slots = min(10, len(pool))
    assert drawn["probability"] == pytest.approx(1 / (slots * len(pool)))
    assert 0.5 < drawn["target"] < 0.9
    explored = [
        item["rank"]
        for item in body()["items"]
        if any(reason["code"] == "exploration" for reason in item["reasons"])
    ]
    assert explored == [drawn["slot"]]


def test_its_impression_has_its_probability(
    alice: Any, always_explore: None, served: Any, did: Any, training_ground: Any
) -> None:
    from learners.services.events import NewEvent, record_events

    slate = Slate.objects.get(learner=alice, source="model")
    shown = [slate.exploration["item"], slate.entries[0]["item"]]
    moment = Event.objects.latest("pk").occurred_at
    context = {"slate": str(slate.pk)}
    record_events(
        actor=alice,
        events=[
            NewEvent(uid=uuid.uuid4(), verb="shown", item_id=i, occurred_at=moment, context=context)
            for i in shown
        ],
    )
    explored, plain = (Impression.objects.get(item=item) for item in shown)
    assert explored.explored
    assert explored.propensity == slate.exploration["probability"]
    assert not plain.explored


def test_assigned_work_is_not_experimented_with(
    alice: Any, bob: Any, always_explore: None, history: None, activate: Any, refresh: Any
) -> None:
    from learners.models import Assignment, Group

    rule = Assignment.objects.create(group=Group.objects.get(), teacher=bob, rule="assign")
    rule.items.add(practice.FIRST + 10)
    activate()
    refresh()
    slate = Slate.objects.get(learner=alice, source="model")
    assert slate.exploration is None
    assert slate.entries[0]["item"] == practice.FIRST + 10


def test_a_burst_of_learners_costs_one_forward_pass(
    person: Callable[..., Any],
    training_ground: Any,
    practised: Any,
    activate: Any,
    refresh: Any,
    monkeypatch: Any,
) -> None:
    from recommender.core.serving import BoundRecommender

    everybody = [person(f"learner{number}") for number in range(12)]
    for one in everybody:
        practised(one, 1, right=True)
    activate()
    passes = []
    score = BoundRecommender.score
    monkeypatch.setattr(
        BoundRecommender,
        "score",
        lambda self, log, **options: passes.append(log.learners) or score(self, log, **options),
    )
    assert len(refresh().stored) >= 12
    assert passes == [12]


def test_an_item_of_tomorrow_is_ranked_without_a_restart(
    alice: Any,
    served: Any,
    training_ground: SimpleNamespace,
    practised: Any,
    refresh: Any,
    next_items: Any,
) -> None:
    from content.models import Item

    Item.objects.create(
        course=training_ground.course,
        slug="brand-new",
        title="Brand new",
        kind="lesson",
        position=99,
    )
    practised(alice, 4, right=True)
    refresh()
    assert "brand-new" in next_items(alice)
