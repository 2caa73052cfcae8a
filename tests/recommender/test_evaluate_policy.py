"""From explored slots that were really seen to what other rankers would have been worth in them."""

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import practice_course as practice
import pytest
from django.core.management import CommandError, call_command
from django.db.models import F
from django.utils import timezone

from learners.models import Event, User
from learners.services.groups import add_learner
from recommender.models import Feedback, Impression, ModelVersion, Slate
from recommender.pipeline.active import get_active
from recommender.pipeline.catalogue import load_catalogue
from recommender.pipeline.rerankers import Version
from recommender.selectors.explored_slots import (
    COMPLETED,
    HELPFUL,
    RIGHT,
    LoggedSlot,
    read_rewards,
    read_slots,
)
from recommender.services.terms import switch_terms
from recommender.terms import Term

pytestmark = pytest.mark.django_db(transaction=True)

PUPILS, ROUNDS = 12, 4
AGO = timedelta(days=10)
EASY = practice.FIRST + practice.TOTAL // 2
"""What comes of a slot: items of the first half of the course are completed, others are not."""


@pytest.fixture
def explored(
    settings: Any,
    training_ground: SimpleNamespace,
    practised: Callable[..., Any],
    activate: Callable[[], Any],
    refresh: Callable[[], Any],
) -> list[Slate]:
    """Twelve pupils with four explored slates each, ten days ago, seen down to the slot; rewards as `EASY` says."""
    settings.EXPLORATION_RATE = 1.0
    version = activate()
    group = training_ground.course.groups.get()
    pupils = [User.objects.create(username=f"pupil{n}") for n in range(PUPILS)]
    for pupil in pupils:
        add_learner(group=group, learner=pupil)
    for number in range(ROUNDS):
        for pupil in pupils:
            practised(pupil, number + 1, right=bool((pupil.pk + number) % 3))
        refresh()
        for slate in Slate.objects.filter(kept=False, exploration__isnull=False):
            _see(slate)
    Slate.objects.update(computed_at=F("computed_at") - AGO)
    Impression.objects.update(shown_at=F("shown_at") - AGO)
    Event.objects.update(occurred_at=F("occurred_at") - AGO, received_at=F("received_at") - AGO)
    ModelVersion.objects.filter(pk=version.pk).update(data_until=timezone.now() - 2 * AGO)
    slates = list(Slate.objects.filter(kept=True).order_by("learner_id", "computed_at"))
    for slate in slates:
        if slate.exploration["item"] < EASY:
            _complete(slate)
    return slates


def _see(slate: Slate) -> None:
    """Show the slate down to its explored slot."""
    Slate.objects.filter(pk=slate.pk).update(kept=True)
    for position, entry in enumerate(slate.entries[: slate.exploration["slot"]], start=1):
        Impression.objects.create(
            slate=slate,
            learner_id=slate.learner_id,
            item_id=entry["item"],
            position=position,
            explored=entry["item"] == slate.exploration["item"],
            shown_at=timezone.now(),
        )


def _complete(slate: Slate, *, after: timedelta = timedelta(hours=1), **fields: Any) -> None:
    at = Impression.objects.filter(slate=slate).latest("position").shown_at + after
    Event.objects.create(
        actor_id=slate.learner_id,
        uid=uuid.uuid4(),
        item_id=slate.exploration["item"],
        occurred_at=at,
        received_at=at,
        **{"verb": "completed", **fields},
    )


def _evaluate(tmp_path: Path, *policies: str, **options: Any) -> dict[str, Any]:
    out = tmp_path / "report.json"
    call_command("evaluate_policy", *policies, json=out, **options)
    return dict(json.loads(out.read_text(encoding="utf-8")))


def test_policies_are_judged_by_what_the_lottery_showed(
    explored: list[Slate], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = _evaluate(tmp_path, top=3)

    assert report["slots"]["judged"] == len(explored) == PUPILS * ROUNDS
    assert report["slots"]["learners"] == PUPILS
    assert set(report["policies"]) == {"active", "syllabus", "popularity", "served", "random"}
    rewards = np.array([float(slate.exploration["item"] < EASY) for slate in explored])
    assert 0.1 < rewards.mean() < 0.9
    assert report["slots"]["reward"] == pytest.approx(rewards.mean())
    # The lottery is worth what came of it, and no more slots than there are can speak for anybody.
    assert report["policies"]["random"]["value"]["ips"]["value"] == pytest.approx(rewards.mean())
    for name, found in report["policies"].items():
        assert 0 <= found["ess"] <= len(explored) + 1e-6
        for estimator, value in found["value"].items():
            assert value["low"] <= value["value"] <= value["high"], (name, estimator)
        assert (found["diff_to_served"] is None) is (name == "served")
    # By hand: the three first of the course among what could have been drawn.
    weights = []
    for slate in explored:
        among = sorted(slate.exploration["among"])
        assert not any(entry["again"] for entry in slate.entries if entry["item"] in among)
        weights.append(len(among) / 3 * (slate.exploration["item"] in among[:3]))
    syllabus = report["policies"]["syllabus"]
    assert syllabus["matched"] == np.count_nonzero(weights)
    assert syllabus["value"]["ips"]["value"] == pytest.approx(np.mean(weights * rewards))
    said = capsys.readouterr()
    assert "48 explored slots of 12 learners" in said.out
    assert "minus served" in said.out
    assert "syllabus: overlap is too thin" in said.err


def test_the_version_that_served_orders_as_it_did(explored: list[Slate]) -> None:
    """Put back to its moment, a version gives the utilities that it gave then, diversity and what is off since apart.

    Her own weights within the attention are left out, so those who had any get nearly the same.
    """
    slots, _others = read_slots(
        learner_ids={slate.learner_id for slate in explored},
        since=timezone.now() - 3 * AGO,
        until=timezone.now(),
    )
    model, loaded = get_active(), load_catalogue()
    assert model is not None
    bound = model.recommender.bind(loaded.catalogue)
    entries = [{entry["item"]: entry for entry in slot.slate.entries} for slot in slots]
    for slot, told in zip(slots, entries, strict=True):  # as if one were a review that is due
        lifted = told[slot.among[0]]
        lifted["score"] += 0.5
        lifted["terms"]["memory"] = lifted["terms"].get("memory", 0.0) + 0.5
    for off in ((), (Term.AFFINITY,), (Term.PRACTICE,), (Term.MEMORY,)):
        reranker, alike = Version(bound, loaded.outline, without=off), 0
        for slot, told, scores in zip(slots, entries, reranker.score(slots, entries), strict=True):
            weighed = any("reweighting" in entry["terms"] for entry in told.values())
            alike += not weighed
            stored = [
                told[item]["score"]
                - sum(told[item]["terms"].get(name, 0.0) for name in ("diversity", *off))
                for item in slot.among
            ]
            atol = 0.02 if weighed else 1e-4
            np.testing.assert_allclose(scores, stored, atol=atol, err_msg=str(off))
        assert alike >= PUPILS


def test_what_is_switched_off_counts_for_no_version(explored: list[Slate], tmp_path: Path) -> None:
    whole = _evaluate(tmp_path, top=1)["policies"]
    switch_terms(off=[Term.AFFINITY, Term.PRACTICE], by=None)
    less = _evaluate(tmp_path, top=1)["policies"]
    assert less["active"]["value"] != whole["active"]["value"]
    assert less["served"] == whole["served"]


def test_what_a_version_was_trained_on_does_not_judge_it(
    explored: list[Slate], tmp_path: Path
) -> None:
    version = ModelVersion.objects.get()
    version.data_until = timezone.now() - timedelta(days=1)
    version.save()
    with pytest.raises(CommandError, match="no explored slot to judge by"):
        _evaluate(tmp_path, str(version.pk))
    report = _evaluate(tmp_path, "random", "syllabus")
    assert report["slots"]["judged"] == len(explored)
    assert set(report["policies"]) == {"syllabus", "served", "random"}


def test_slots_that_nobody_saw_or_whose_window_is_open_are_counted_apart(
    explored: list[Slate], tmp_path: Path
) -> None:
    unseen, fresh, old = explored[0], explored[1], explored[2]
    Impression.objects.filter(slate=unseen, position__gt=1).delete()
    Impression.objects.filter(slate=fresh).update(shown_at=timezone.now())
    logged = dict(old.exploration)
    del logged["among"]
    Slate.objects.filter(pk=old.pk).update(exploration=logged)
    slots = _evaluate(tmp_path, "syllabus")["slots"]
    assert (slots["unseen"], slots["open"], slots["unlogged"]) == (1, 1, 1)
    assert slots["judged"] == len(explored) - 3


def test_a_slot_counts_as_seen_where_only_something_below_it_was(explored: list[Slate]) -> None:
    """Whether the drawn item itself was shown may hang on which one it is."""
    slate = explored[0]
    drawn = slate.exploration
    Impression.objects.filter(slate=slate).delete()
    below = slate.entries[drawn["slot"] + 1]["item"]
    Impression.objects.create(
        slate=slate,
        learner_id=slate.learner_id,
        item_id=below,
        position=drawn["slot"] + 2,
        shown_at=timezone.now() - AGO,
    )
    slots, left_out = read_slots(
        learner_ids=[slate.learner_id], since=timezone.now() - 3 * AGO, until=timezone.now()
    )
    assert slate.pk in {slot.slate.pk for slot in slots}
    assert not left_out


@pytest.fixture
def slot(explored: list[Slate]) -> LoggedSlot:
    """A slot of which nothing has come."""
    slate = next(slate for slate in explored if slate.exploration["item"] >= EASY)
    drawn = slate.exploration
    return LoggedSlot(
        slate=slate,
        position=drawn["slot"],
        item=drawn["item"],
        among=tuple(drawn["among"]),
        target=drawn["target"],
        seen_at=Impression.objects.filter(slate=slate).latest("position").shown_at,
    )


def _rewards(slot: LoggedSlot) -> dict[str, float]:
    week = timedelta(days=7)
    return {
        name: read_rewards([slot], reward=name, window=week)[0]
        for name in (COMPLETED, RIGHT, HELPFUL)
    }


def test_a_right_answer_is_worth_something_and_one_with_hints_less(slot: LoggedSlot) -> None:
    nothing = dict.fromkeys((COMPLETED, RIGHT, HELPFUL), 0.0)
    assert _rewards(slot) == nothing
    _complete(slot.slate, verb="answered", success=True, graded=False)  # what a client claims
    assert _rewards(slot) == nothing
    _complete(
        slot.slate,
        verb="answered",
        success=True,
        graded=True,
        context={"hints": 2},
        after=timedelta(hours=2),
    )
    assert _rewards(slot) == nothing | {COMPLETED: 1.0}
    _complete(slot.slate, verb="answered", success=True, graded=True, after=timedelta(minutes=30))
    assert _rewards(slot) == nothing | {COMPLETED: 1.0, RIGHT: 1.0}


def test_what_came_before_it_was_seen_or_too_late_is_worth_nothing(slot: LoggedSlot) -> None:
    _complete(slot.slate, after=-timedelta(minutes=1))
    _complete(slot.slate, after=timedelta(days=7, minutes=1))
    assert _rewards(slot)[COMPLETED] == 0


def test_the_last_word_on_whether_it_helped_counts(slot: LoggedSlot) -> None:
    def say(signal: str, hours: int) -> Feedback:
        told = Feedback.objects.create(
            learner_id=slot.learner, item_id=slot.item, uid=uuid.uuid4(), signal=signal
        )
        at = slot.seen_at + timedelta(hours=hours)
        Feedback.objects.filter(pk=told.pk).update(received_at=at)
        return told

    say("helpful", 1)
    assert _rewards(slot)[HELPFUL] == 1
    taken_back = say("not_helpful", 2)
    assert _rewards(slot)[HELPFUL] == 0
    Feedback.objects.filter(pk=taken_back.pk).update(withdrawn_at=timezone.now())
    assert _rewards(slot)[HELPFUL] == 1


def test_queries_do_not_grow_with_the_slots(
    explored: list[Slate], tmp_path: Path, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(25):
        _evaluate(tmp_path)


def test_who_is_erased_is_in_no_log(explored: list[Slate], tmp_path: Path) -> None:
    User.objects.filter(pk=explored[0].learner_id).delete()
    assert _evaluate(tmp_path, "syllabus")["slots"]["learners"] == PUPILS - 1


def test_what_is_no_policy_and_an_empty_log_are_told(db: None) -> None:
    with pytest.raises(CommandError, match="best: not a policy; there are the number of a version"):
        call_command("evaluate_policy", "best")
    with pytest.raises(CommandError, match="active: no version is active"):
        call_command("evaluate_policy")
    with pytest.raises(CommandError, match="no explored slot to judge by"):
        call_command("evaluate_policy", "syllabus")
    with pytest.raises(CommandError, match="must be above 0"):
        call_command("evaluate_policy", "syllabus", "--days", "0")
