"""What a learner does with her list moves what counts for her: kept once, bounded, hers to see, to pause and to forget."""

import json
import math
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import practice_course as practice
import pytest
from attention_ledger import expect_fold, newest_slate, stored_weights
from connections import all_at_once
from django.utils import translation

from learners.services.events import NewEvent, record_events
from recommender.models import AttentionProfile, Feedback, ItemNorm, Observation, Slate
from recommender.models.observations import MOST
from recommender.pipeline.refresh import read_snapshot
from recommender.selectors.observations import merge_observations
from recommender.services.attention import reset_attention, update_attention
from recommender.services.feedback import record_feedback
from recommender.services.observations import count_norms

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("without_exploration")]

LESSON, EXERCISE = 15, 14
"""Places of the practice course that Alice has not met."""


@pytest.fixture
def act(alice: Any, studied: Slate, refresh: Callable[[], Any]) -> Callable[..., None]:
    """Let Alice do something with her list, and a worker see it."""

    def do(verb: str, place: int, *, refreshed: bool = True, **fields: Any) -> None:
        event = NewEvent(
            uid=uuid.uuid4(),
            verb=verb,
            item_id=practice.FIRST + place,
            occurred_at=datetime.now(UTC),
            graded=fields.get("success") is not None,
            **fields,
        )
        record_events(actor=alice, events=[event])
        if refreshed:
            refresh()

    return do


def noted() -> dict[tuple[int, str], float]:
    rows = Observation.objects.values_list("item_id", "signal", "surprise")
    return {(item - practice.FIRST, signal): surprise for item, signal, surprise in rows}


def predicted(slate: Slate, place: int) -> float:
    return next(
        float(entry["success"])
        for entry in slate.entries
        if entry["item"] == practice.FIRST + place
    )


def item_weight(person: Any, place: int) -> float:
    return stored_weights(person).get(f"item:{practice.FIRST + place}", 0.0)


def test_leaving_an_item_counts_against_it_and_finishing_it_for_it(
    alice: Any, act: Callable[..., None], studied: Slate
) -> None:
    act("abandoned", LESSON)
    (row,) = Observation.objects.all()
    assert (row.signal, row.surprise) == ("abandoned", pytest.approx(0.8))
    assert row.slate_uid == studied.pk
    assert f"item:{practice.FIRST + LESSON}" in row.features
    assert row.contributions
    assert item_weight(alice, LESSON) < 0
    expect_fold(alice)
    act("completed", LESSON)  # the last word on how it ended
    assert noted() == {(LESSON, "completed"): pytest.approx(0.2)}
    assert item_weight(alice, LESSON) > 0
    expect_fold(alice)


def test_answers_are_judged_by_what_the_list_predicted(
    alice: Any, act: Callable[..., None], studied: Slate
) -> None:
    act("answered", EXERCISE, success=False)
    expected = predicted(studied, EXERCISE)
    assert noted() == {(EXERCISE, "answered_wrong_unexpected"): pytest.approx(expected, abs=1e-3)}
    weights = stored_weights(alice)
    assert weights[f"concept:{practice.FIRST}"] < 0
    assert f"item:{practice.FIRST + EXERCISE}" not in weights  # its turn is memory's affair
    later = newest_slate(alice)
    act("answered", EXERCISE, success=True)
    surprise = 1 - predicted(later, EXERCISE)
    assert noted() == {(EXERCISE, "answered_right_unexpected"): pytest.approx(surprise, abs=1e-3)}


def test_what_a_client_claims_of_an_answer_says_nothing(
    alice: Any, studied: Slate, refresh: Callable[[], Any], api: Callable[..., Any]
) -> None:
    event = {
        "id": str(uuid.uuid4()),
        "verb": "answered",
        "item": f"practice-{EXERCISE}",
        "occurred_at": datetime.now(UTC).isoformat(),
        "result": {"success": False},
    }
    assert api(alice).post("/api/v1/events/", event, format="json").status_code == 201
    refresh()
    assert noted() == {}
    assert not AttentionProfile.objects.exists()


def test_a_rating_counts_by_how_far_it_is_from_what_is_usual(
    alice: Any, act: Callable[..., None]
) -> None:
    item = practice.FIRST + LESSON
    ItemNorm.objects.create(
        item_id=item, finished=0, abandoned=0, ratings=95, rating_sum=95 * 0.9, timed=0
    )
    usual = (95 * 0.9 + 2.5) / 100
    act("rated", LESSON, score=0.76)  # good, and less than it gets from everybody
    assert noted() == {(LESSON, "rated_high"): pytest.approx(0.76 - usual)}
    assert item_weight(alice, LESSON) < 0
    act("rated", LESSON, score=1.0)
    assert noted() == {(LESSON, "rated_high"): pytest.approx(1 - usual)}
    assert item_weight(alice, LESSON) > 0
    act("rated", EXERCISE, score=0.0)
    # Her first rating was above what is usual, so a little more than the middle was to be expected.
    expected = 0.5 + (1 - usual) / 6
    assert noted()[EXERCISE, "rated_low"] == pytest.approx(-expected, abs=1e-3)
    expect_fold(alice)


def test_the_last_word_counts_also_where_it_says_nothing(
    alice: Any, act: Callable[..., None]
) -> None:
    ItemNorm.objects.create(
        item_id=practice.FIRST + LESSON, finished=999, abandoned=1, ratings=0, rating_sum=0, timed=0
    )
    act("abandoned", LESSON)
    assert item_weight(alice, LESSON) < 0
    act("completed", LESSON)  # as everybody does
    assert noted() == {(LESSON, "completed"): 0.0}
    assert item_weight(alice, LESSON) == 0
    expect_fold(alice)


def test_attention_time_counts_by_the_items_median(alice: Any, act: Callable[..., None]) -> None:
    for item, seconds in ((LESSON, 100.0), (20, 100.0), (25, 100.0)):
        ItemNorm.objects.create(
            item_id=practice.FIRST + item,
            finished=1000,
            abandoned=0,
            ratings=0,
            rating_sum=0,
            timed=50 if item != 25 else 4,
            seconds=seconds,
        )
    act("completed", LESSON, duration=399.9)
    act("completed", 20, duration=60.0)  # nothing out of the way, and everybody finishes it
    act("completed", 25, duration=1.0)  # of four times there is no median to speak of
    assert noted() == {(LESSON, "attention_long"): pytest.approx(1.0, abs=1e-3)}


def test_coming_back_to_what_is_finished(
    alice: Any, act: Callable[..., None], practised: Callable[..., Any]
) -> None:
    act("viewed", LESSON)
    assert noted() == {}
    act("viewed", 0)  # completed four hours ago
    assert noted() == {(0, "reopened"): 1.0}
    assert item_weight(alice, 0) > 0


def test_what_was_on_no_list_and_what_was_to_be_expected_say_nothing(
    alice: Any, act: Callable[..., None], studied: Slate
) -> None:
    studied.entries = [e for e in studied.entries if e["item"] != practice.FIRST + LESSON]
    studied.save()
    ItemNorm.objects.create(
        item_id=practice.FIRST + 20, finished=999, abandoned=1, ratings=0, rating_sum=0, timed=0
    )
    act("abandoned", LESSON, refreshed=False)
    act("completed", 20, refreshed=False)
    act("progressed", 25)
    assert noted() == {}
    assert not AttentionProfile.objects.exists()


def test_it_is_pure_of_what_a_worker_does_again(
    alice: Any, act: Callable[..., None], refresh: Callable[[], Any]
) -> None:
    act("abandoned", LESSON)
    before = list(Observation.objects.values())
    update_attention(learner_id=alice.pk, limits={})
    refresh()
    assert list(Observation.objects.values()) == before
    (stored,) = read_snapshot([alice.pk], rules="other rules")[2].values()
    assert stored.observed == []
    expect_fold(alice)


def test_feedback_and_behaviour_fold_together_in_their_order(
    alice: Any, act: Callable[..., None], refresh: Callable[[], Any]
) -> None:
    act("abandoned", LESSON)
    record_feedback(
        learner_id=alice.pk,
        slate_id=newest_slate(alice).pk,
        item_slug=f"practice-{LESSON}",
        signal="helpful",
    )
    refresh()
    act("rated", EXERCISE, score=1.0)
    expect_fold(alice)
    moved = AttentionProfile.objects.get().state["moved"]["kind:lesson"]
    ours = Observation.objects.get(item=practice.FIRST + LESSON)
    assert {entry for entry, _delta in moved} == {ours.name, Feedback.objects.get().pk}


def test_pause_and_reset(
    alice: Any, act: Callable[..., None], refresh: Callable[[], Any], api: Callable[..., Any]
) -> None:
    def scores() -> dict[int, float]:
        return {e["item"]: round(e["score"], 3) for e in newest_slate(alice).entries}

    update_attention(learner_id=alice.pk, paused=True)
    act("abandoned", LESSON)
    paused = scores()
    assert item_weight(alice, LESSON) < 0
    update_attention(learner_id=alice.pk, paused=False)
    refresh()
    assert scores() != paused
    reset_attention(learner_id=alice.pk)
    refresh()
    assert scores() == paused
    assert stored_weights(alice) == {}
    assert api(alice).get("/api/v1/me/attention/").json()["observations"] == []
    act("abandoned", LESSON)
    assert item_weight(alice, LESSON) < 0
    expect_fold(alice)


def test_she_sees_what_moved_it(
    alice: Any, bob: Any, act: Callable[..., None], api: Callable[..., Any]
) -> None:
    act("abandoned", LESSON)
    body = api(alice).get("/api/v1/me/attention/").json()
    (deed,) = body["observations"]
    assert deed["item"] == {"slug": f"practice-{LESSON}", "title": f"Practice {LESSON}"}
    assert (deed["signal"], deed["text"]) == ("abandoned", "you left it unfinished")
    (feature,) = (one for one in body["features"] if one["id"] == f"item:practice-{LESSON}")
    (move,) = feature["moved_by"]
    assert move["feedback"] is None
    assert move["observation"] == deed
    assert move["factor"] == pytest.approx(feature["weight"], abs=1e-3) and move["factor"] < 1
    with translation.override("en"):  # which is the language again afterwards, for the next test
        zh = api(alice).get("/api/v1/me/attention/", headers={"accept-language": "zh-hans"}).json()
    assert zh["observations"][0]["text"] == "你没有学完它"


def test_norms_are_counted_before_the_moment(
    alice: Any, studied: Slate, practised: Callable[..., Any]
) -> None:
    moment = datetime.now(UTC)
    events = [
        NewEvent(
            uid=uuid.uuid4(),
            verb=verb,
            item_id=practice.FIRST + 5,
            occurred_at=moment - timedelta(minutes=1),
            **fields,
        )
        for verb, fields in (
            ("completed", {"duration": 10.0}),
            ("completed", {"duration": 40.0}),
            ("completed", {"duration": 1000.0}),
            ("completed", {}),
            ("abandoned", {}),
            ("rated", {"score": 0.5}),
            ("rated", {"score": 1.0}),
        )
    ]
    record_events(actor=alice, events=events)
    count_norms(until=moment)
    assert not ItemNorm.objects.filter(item=practice.FIRST + 5).exists()
    for _twice in range(2):
        count_norms(until=datetime.now(UTC))
    norm = ItemNorm.objects.get(item=practice.FIRST + 5)
    assert (norm.finished, norm.abandoned, norm.ratings, norm.rating_sum) == (4, 1, 2, 1.5)
    assert (norm.timed, norm.seconds) == (3, 40.0)


def test_the_newest_hundred_are_kept(alice: Any, act: Callable[..., None]) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=9)
    Observation.objects.bulk_create(
        Observation(
            learner=alice,
            item_id=practice.FIRST + number % practice.TOTAL,
            respect=Observation.Respect.values[number // practice.TOTAL],
            signal="reopened",
            surprise=1.0,
            event=number,
            received_at=long_ago + timedelta(minutes=number),
            features=["kind:lesson"],
        )
        for number in range(4 * practice.TOTAL)
    )
    act("abandoned", LESSON)
    assert Observation.objects.count() == MOST < 4 * practice.TOTAL
    kept = Observation.objects.order_by("received_at").values_list("event", flat=True)
    assert kept[0] > 0
    assert Observation.objects.filter(signal="abandoned").exists()


def test_what_counts_does_not_hang_on_order_or_repetition() -> None:
    at = datetime.now(UTC)
    rows = [
        Observation(
            item_id=number % 7,
            respect=("finish", "rating")[number % 2],
            event=number,
            received_at=at + timedelta(seconds=number // 3),
        )
        for number in range(40)
    ]
    once = merge_observations(rows[:20], rows[20:], reset_at=None)
    assert [row.event for row in merge_observations(rows[:25], rows[10:], reset_at=None)] == [
        row.event for row in once
    ]
    assert [row.event for row in merge_observations(rows[::-1], [], reset_at=None)] == [
        row.event for row in once
    ]
    assert len(once) == 14
    assert merge_observations(rows, [], reset_at=at + timedelta(seconds=60)) == []


def test_export_and_erasure(alice: Any, charlie: Any, act: Callable[..., None]) -> None:
    from recommender.registrations import _erase, _export

    act("abandoned", LESSON)
    (row,) = dict(_export(alice.pk))["observations"]
    json.dumps(row)
    assert (row["item"], row["signal"]) == (f"practice-{LESSON}", "abandoned")
    assert _erase(charlie.pk) == 0
    _erase(alice.pk)
    assert not Observation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_doing_and_saying_at_once_end_in_one_fold(
    alice: Any, studied: Slate, refresh: Callable[[], Any]
) -> None:
    places = [place for place in range(14, 26) if practice.is_lesson(place)]

    def leave() -> None:
        for place in places * 3:
            event = NewEvent(
                uid=uuid.uuid4(),
                verb="abandoned",
                item_id=practice.FIRST + place,
                occurred_at=datetime.now(UTC),
            )
            record_events(actor=alice, events=[event])

    def say() -> None:
        for place in range(14, 26):
            record_feedback(
                learner_id=alice.pk,
                slate_id=studied.pk,
                item_slug=f"practice-{place}",
                signal="not_helpful",
            )

    def work() -> None:
        for _time in range(10):
            refresh()

    all_at_once([leave, say, work, work])
    refresh()
    rows = Observation.objects.filter(signal="abandoned")
    assert {row.item_id - practice.FIRST for row in rows} == set(places)
    assert not math.isclose(item_weight(alice, places[0]), item_weight(alice, 14))
    expect_fold(alice)
