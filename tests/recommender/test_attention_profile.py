"""What a learner's feedback makes of her attention: a fold of her ledger, reversible, and nothing to those without."""

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import practice_course as practice
import pytest
from attention_ledger import expect_fold, newest_slate, stored_weights
from connections import all_at_once
from django.utils import timezone

from learners.models import LearnerState
from recommender.attention import features_of
from recommender.core.reweighting import event_features
from recommender.models import AttentionProfile, Feedback, Slate
from recommender.pipeline.active import get_active
from recommender.pipeline.attention import Rules, acting_profiles, fold_profiles
from recommender.pipeline.catalogue import load_catalogue
from recommender.pipeline.refresh import read_snapshot
from recommender.pipeline.slates import make_slates
from recommender.selectors.attention_view import describe_attention
from recommender.services.attention import reset_attention, update_attention
from recommender.services.feedback import record_feedback, withdraw_feedback

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("without_exploration")]


@pytest.fixture
def say(alice: Any, studied: Slate) -> Callable[..., Feedback]:
    def send(signal: str, place: int = 14, uid: uuid.UUID | None = None) -> Feedback:
        return record_feedback(
            learner_id=alice.pk,
            slate_id=studied.pk,
            item_slug=f"practice-{place}",
            signal=signal,
            uid=uid,
        )

    return send


def listed(person: Any) -> list[tuple[int, float]]:
    """Her list: items and scores, to the figures that a clock going on may change."""
    return [(entry["item"], round(entry["score"], 3)) for entry in newest_slate(person).entries]


def lead_of_lessons(person: Any) -> float:
    """By how much lessons score above exercises, on average."""
    scores: dict[bool, list[float]] = {True: [], False: []}
    for item, score in listed(person):
        scores[practice.is_lesson(item - practice.FIRST)].append(score)
    return float(np.mean(scores[True]) - np.mean(scores[False]))


def test_feedback_moves_the_profile_and_the_list(
    alice: Any, say: Callable[..., Any], refresh: Callable[[], Any]
) -> None:
    before = listed(alice)
    feedback = say("not_helpful")
    refresh()
    expect_fold(alice)
    weights = stored_weights(alice)
    assert weights["kind:exercise"] < 0
    assert weights[f"item:{practice.FIRST + 14}"] < 0
    moved = AttentionProfile.objects.get().state["moved"]["kind:exercise"]
    assert [entry for entry, _delta in moved] == [feedback.pk]
    assert listed(alice) != before


def test_what_did_not_help_goes_down(
    alice: Any, say: Callable[..., Any], refresh: Callable[[], Any]
) -> None:
    before = dict(listed(alice))
    # Of one topic and one format: what is said of one of them counts for all in these.
    exercises = [item for item in before if not practice.is_lesson(item - practice.FIRST)]
    first, other = exercises[1], exercises[2]  # what is due for another reason stands above
    say("not_helpful", first - practice.FIRST)
    refresh()
    after = dict(listed(alice))
    assert after[first] - after[other] < before[first] - before[other] - 0.02
    assert list(after).index(first) > list(before).index(first)


def test_what_is_frozen_are_the_features_that_the_core_would_name(
    alice: Any, say: Callable[..., Any], studied: Slate
) -> None:
    feedback = say("helpful")
    loaded = load_catalogue()
    row_of = loaded.outline.row_of
    assert tuple(feedback.features) == event_features(loaded.catalogue, row_of[feedback.item_id])
    assert feedback.contributions
    for part in feedback.contributions:
        item = int(part["features"][0].removeprefix("item:"))
        codes = [event_features(loaded.catalogue, row_of[item], code) for code in range(1, 7)]
        assert tuple(part["features"]) in codes
    many = features_of(item=1, kind="quiz", concepts=range(20, 0, -1))
    assert [name for name in many if name.startswith("concept:")] == [
        f"concept:{number}" for number in range(1, 9)
    ]


def test_taking_it_back_brings_the_list_back(
    alice: Any, say: Callable[..., Any], studied: Slate, refresh: Callable[[], Any]
) -> None:
    before = listed(alice)
    kept, taken = say("helpful", 14), say("known", 15)
    refresh()
    assert practice.FIRST + 15 not in dict(listed(alice))
    dirty = LearnerState.objects.get(learner=alice).dirty_seq
    for _twice in range(2):
        withdraw_feedback(learner_id=alice.pk, slate_id=studied.pk, uid=taken.uid)
    assert LearnerState.objects.get(learner=alice).dirty_seq == dirty + 1
    refresh()
    expect_fold(alice)
    assert stored_weights(alice)
    withdraw_feedback(learner_id=alice.pk, slate_id=studied.pk, uid=kept.uid)
    refresh()
    assert stored_weights(alice) == {}
    assert listed(alice) == before
    say("known", 15, uid=taken.uid)  # a client that tries once more doesn't undo the undoing
    refresh()
    assert listed(alice) == before


def test_reset_is_as_if_nothing_had_been_said(
    alice: Any, say: Callable[..., Any], refresh: Callable[[], Any]
) -> None:
    before = listed(alice)
    for place, signal in ((14, "not_helpful"), (15, "known"), (16, "not_now"), (17, "too_hard")):
        say(signal, place)
    update_attention(learner_id=alice.pk, limits={"kind:lesson": (4.0, 4.0)}, paused=True)
    refresh()
    assert listed(alice) != before
    reset_attention(learner_id=alice.pk)
    refresh()
    assert listed(alice) == before
    profile = AttentionProfile.objects.get()
    assert (profile.limits, profile.paused, profile.state["log_weight"]) == ({}, False, {})
    assert profile.reset_at is not None
    say("helpful")
    refresh()
    expect_fold(alice)
    assert stored_weights(alice)


def test_a_pause_keeps_the_profile_and_lets_it_rest(
    alice: Any, say: Callable[..., Any], refresh: Callable[[], Any]
) -> None:
    before = listed(alice)
    say("not_helpful")
    update_attention(learner_id=alice.pk, paused=True)
    refresh()
    assert stored_weights(alice)
    assert listed(alice) == before
    update_attention(learner_id=alice.pk, paused=False)
    refresh()
    assert listed(alice) != before


def test_her_own_limits_hold(
    alice: Any, say: Callable[..., Any], refresh: Callable[[], Any]
) -> None:
    for _time in range(3):
        say("not_helpful")
    update_attention(
        learner_id=alice.pk, limits={"kind:exercise": (0.9, 1.0), "kind:lesson": (4.0, 4.0)}
    )
    refresh()
    weights = {name: float(np.exp(value)) for name, value in stored_weights(alice).items()}
    assert weights["kind:exercise"] == pytest.approx(0.9)
    assert weights["kind:lesson"] == pytest.approx(4.0)
    lifted = lead_of_lessons(alice)
    update_attention(learner_id=alice.pk, limits={"kind:lesson": None})
    refresh()
    assert "kind:lesson" not in stored_weights(alice)
    assert lead_of_lessons(alice) < lifted - 0.02


def test_a_stored_fold_fades_like_a_fresh_one(
    alice: Any, say: Callable[..., Any], refresh: Callable[[], Any]
) -> None:
    say("helpful")
    refresh()
    rules = Rules.of(get_active())
    later = timezone.now() + timedelta(days=100)
    fresh, kept = (
        fold_profiles(read_snapshot([alice.pk], rules=name)[2], rules=rules, now=later)[alice.pk]
        for name in ("other rules", rules.name)
    )
    assert fresh.moved and not kept.moved  # the one was folded, the other one read
    assert kept.log_weight == pytest.approx(dict(fresh.log_weight), abs=1e-6)
    assert abs(kept.log_weight["kind:exercise"]) < abs(stored_weights(alice)["kind:exercise"])


@pytest.fixture
def three(
    alice: Any, person: Callable[..., Any], studied: Slate, practised: Callable[..., Any]
) -> list[Any]:
    """Alice, and two others who study the same and say nothing."""
    from learners.models import Group
    from learners.services.groups import add_learner

    others = [person("carol"), person("dora")]
    for number, other in enumerate(others):
        add_learner(group=Group.objects.get(), learner=other)
        for hours, place in ((3, 6 + number), (2, 7 + number)):
            practised(other, place, right=True, ago=timedelta(hours=hours))
    return [alice, *others]


def made(people: list[Any], *, on: bool) -> Iterator[tuple[Any, ...]]:
    """Slates of one batch with the step on or off: everything that is stored but the key."""
    model = get_active()
    rules = Rules.of(model)
    now = timezone.now().replace(microsecond=0, second=0)
    seqs, reads, attention = read_snapshot([one.pk for one in people], rules=rules.name)
    profiles = acting_profiles(attention, fold_profiles(attention, rules=rules, now=now))
    slates = make_slates(
        list(reads.values()), seqs=seqs, model=model, now=now, profiles=profiles if on else {}
    )
    for slate in sorted(slates, key=lambda slate: slate.learner_id):
        yield slate.learner_id, slate.entries, bytes(slate.history), bytes(slate.contributions)


def test_others_in_the_batch_get_the_very_same_bits(
    alice: Any, say: Callable[..., Any], three: list[Any]
) -> None:
    say("not_helpful")
    on, off = list(made(three, on=True)), list(made(three, on=False))
    assert on[1:] == off[1:]
    assert on[0] != off[0]


def test_an_empty_profile_changes_no_bit(
    alice: Any, say: Callable[..., Any], studied: Slate, three: list[Any]
) -> None:
    feedback = say("not_helpful")
    withdraw_feedback(learner_id=alice.pk, slate_id=studied.pk, uid=feedback.uid)
    assert list(made(three, on=True)) == list(made(three, on=False))


@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_end_in_the_fold_of_the_ledger(
    alice: Any, studied: Slate, refresh: Callable[[], Any]
) -> None:
    signals = ["helpful", "not_helpful", "too_easy", "too_hard", "not_now"]
    uids = [uuid.uuid4() for _number in range(50)]

    def send(numbers: range) -> None:
        for number in numbers:
            record_feedback(
                learner_id=alice.pk,
                slate_id=studied.pk,
                item_slug=f"practice-{14 + number % 8}",
                signal=signals[number % 5],
                uid=uids[number],
            )

    def work() -> None:
        for _time in range(10):
            refresh()

    # Everything is sent twice, by five connections, while three workers refresh.
    parts = [range(start, start + 20) for start in (0, 10, 20, 30)] + [range(40, 50)]
    all_at_once([*((lambda part=part: send(part)) for part in parts), work, work, work])
    send(range(10))
    refresh()
    assert Feedback.objects.count() == 50
    state = LearnerState.objects.get(learner=alice)
    assert state.clean_seq == state.dirty_seq
    profile = AttentionProfile.objects.get()
    assert profile.revision == profile.folded_revision == 50
    expect_fold(alice)


def test_the_last_word_on_an_item_counts_once(
    alice: Any, say: Callable[..., Feedback], refresh: Callable[[], Any]
) -> None:
    def weights() -> dict[str, float]:
        refresh()
        expect_fold(alice)
        return {name: round(value, 4) for name, value in stored_weights(alice).items()}

    say("not_helpful")
    once = weights()
    again = say("not_helpful")
    assert weights() == once
    listed_now = describe_attention(learner_id=alice.pk, now=timezone.now()).feedback
    assert [said.id for said in listed_now] == [again.uid]
    contrary = say("helpful")
    assert weights() == {name: -value for name, value in once.items()}
    other = say("not_now")  # in another respect: both count
    assert weights() != once
    for said in (other, contrary, again):
        withdraw_feedback(learner_id=alice.pk, uid=said.uid)
    assert weights() == once
    assert Feedback.objects.count() == 4


def test_one_opinion_says_less_of_a_format_than_of_the_item(
    alice: Any, say: Callable[..., Feedback], refresh: Callable[[], Any]
) -> None:
    say("not_helpful")
    refresh()
    found = stored_weights(alice)
    assert found["kind:exercise"] == pytest.approx(0.2 * found[f"item:{practice.FIRST + 14}"])
    assert np.exp(found["kind:exercise"]) > 0.85
