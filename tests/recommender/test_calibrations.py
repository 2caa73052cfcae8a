"""Attention that is off is noticed and repaired in the refresh, and a repair that does not help is withdrawn."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import practice_course as practice
import pytest
import watching
from common.privacy import registered_personal_data
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client import REGISTRY
from watching import LEARNERS, made

from learners.models import Event, LearnerState, User
from recommender.core.repair_trial import is_repaired
from recommender.models import AttentionReading, ModelVersion, RepairTrial, TrialOutcome
from recommender.selectors.calibrations import RepairInForce, find_repair, read_statistics
from recommender.services.calibrations import WINDOW, judge_trials, prune_calibrations
from workers import tasks

pytestmark = pytest.mark.django_db

_TRIALS = 'FROM "recommender_repairtrial"'


@pytest.fixture
def version(
    without_exploration: None, training_ground: SimpleNamespace, calibrated: Path
) -> ModelVersion:
    """The calibrated version, active; twenty learners wait for slates of it."""
    return watching.activate_watched(calibrated, training_ground.course)


@pytest.fixture
def alarm(version: ModelVersion) -> Callable[..., None]:
    """Move the threshold of the version in memory: `alarm(share=0.5)` leaves half of the learners above it."""
    return watching.set_alarm


def in_force(version: ModelVersion, repair: str = "average", **fields: Any) -> RepairInForce:
    return RepairInForce(version.pk, repair, **{"proven": True, **fields})


def test_the_healthy_get_the_very_same_bits(
    version: ModelVersion, alarm: Callable[..., None]
) -> None:
    alarm(share=0.4)
    _none, plain = made(repair=None, watched=False)
    calibrator, watched = made(repair=in_force(version))
    rows = {row.learner_id: row for row in calibrator.read(now=timezone.now()).rows}
    repaired = {learner for learner, row in rows.items() if row.repaired}
    assert 0 < len(repaired) < len(plain) == LEARNERS
    assert repaired == {learner for learner, row in rows.items() if row.anomalous}
    assert {learner for learner in plain if plain[learner] != watched[learner]} <= repaired
    assert plain != watched


def test_to_be_watched_changes_nobodys_list(
    version: ModelVersion, alarm: Callable[..., None]
) -> None:
    alarm(share=1.0)
    calibrator, watched = made(repair=None)
    assert watched == made(repair=None, watched=False)[1]
    rows = calibrator.read(now=timezone.now()).rows
    assert all(row.anomalous and not row.repaired for row in rows)


def test_a_refresh_stores_what_it_saw_and_a_fifth_stays_unrepaired(
    version: ModelVersion, alarm: Callable[..., None], refresh: Callable[..., Any]
) -> None:
    alarm(share=1.0)
    refresh()
    rows = list(AttentionReading.objects.all())
    assert len(rows) > LEARNERS / 2
    for row in rows:
        assert row.version_id == version.pk
        assert row.repaired == is_repaired(f"{version.pk}:average", str(row.learner_id))
        found = read_statistics(row)
        assert {"flatness_0", "burst"} <= set(found)
        assert np.isfinite(list(found.values())).all()
    trial = RepairTrial.objects.get()
    assert (trial.version_id, trial.repair, trial.state) == (version.pk, "average", "trying")
    arms = dict(trial.outcomes.values_list("learner", "repaired"))
    assert arms == {row.learner_id: row.repaired for row in rows}

    first = dict(trial.outcomes.values_list("learner", "found_at"))
    LearnerState.objects.update(dirty_seq=5)
    refresh()
    assert dict(trial.outcomes.values_list("learner", "found_at")) == first
    assert AttentionReading.objects.count() == len(rows)
    assert min(AttentionReading.objects.values_list("computed_at", flat=True)) > max(first.values())


def test_healthy_learners_are_in_no_trial(
    version: ModelVersion, alarm: Callable[..., None], refresh: Callable[..., Any]
) -> None:
    alarm(share=0.0)
    refresh()
    assert AttentionReading.objects.exists()
    assert not AttentionReading.objects.filter(anomalous=True).exists()
    assert not RepairTrial.objects.exists()


def test_only_the_anomalous_wait_for_what_is_done_about_them(
    version: ModelVersion, alarm: Callable[..., None], refresh: Callable[..., Any]
) -> None:
    def asked(share: float) -> int:
        alarm(share=share)
        LearnerState.objects.update(dirty_seq=F("dirty_seq") + 1)
        with CaptureQueriesContext(connection) as queries:
            assert len(refresh().stored) >= LEARNERS
        assert AttentionReading.objects.filter(anomalous=True).exists() == (share > 0)
        return sum(_TRIALS in query["sql"] for query in queries)

    assert asked(0.0) == 0
    assert asked(0.5) == 2  # the first one opens the trial
    assert asked(0.5) == 1


def test_a_version_without_a_reference_is_not_watched(
    activate: Callable[[], Any], training_ground: SimpleNamespace, refresh: Callable[..., Any]
) -> None:
    activate()
    practice.store_learners(3, training_ground.course)
    people = User.objects.filter(synthetic=True)
    LearnerState.objects.bulk_create(LearnerState(learner=one, dirty_seq=1) for one in people)
    assert len(refresh().stored) > 2
    assert not AttentionReading.objects.exists()


def test_once_a_repair_is_proven_everybody_gets_it(
    version: ModelVersion, alarm: Callable[..., None], refresh: Callable[..., Any]
) -> None:
    alarm(share=1.0)
    RepairTrial.objects.create(version=version, repair="average", state="stays")
    refresh()
    assert AttentionReading.objects.exists()
    assert all(AttentionReading.objects.values_list("repaired", flat=True))
    assert not TrialOutcome.objects.exists()


@pytest.fixture
def enter(version: ModelVersion) -> Callable[..., TrialOutcome]:
    """Put a learner into the trial of the average: `enter(learner, repaired=True, ago=timedelta(days=1))`."""

    def put(learner: Any, *, repaired: bool, ago: timedelta, **fields: Any) -> TrialOutcome:
        trial, _made = RepairTrial.objects.get_or_create(version=version, repair="average")
        return TrialOutcome.objects.create(
            trial=trial, learner=learner, repaired=repaired, found_at=timezone.now() - ago, **fields
        )

    return put


def did(learner: Any, verb: str, *, ago: timedelta, **fields: Any) -> None:
    moment = timezone.now() - ago
    Event.objects.create(
        actor=learner, verb=verb, item_id=practice.FIRST + 1, occurred_at=moment,
        received_at=moment, **fields,
    )  # fmt: skip


def test_what_counts_is_the_first_attempt_after_the_anomaly(
    person: Callable[..., Any], enter: Callable[..., TrialOutcome]
) -> None:
    day, hour = timedelta(days=1), timedelta(hours=1)
    graded = {"graded": True}
    names = ("right", "wrong", "completed", "abandoned", "viewed", "before", "idle", "believed")
    who = {name: person(name) for name in names}
    rows = {name: enter(one, repaired=True, ago=day) for name, one in who.items()}
    TrialOutcome.objects.filter(pk=rows["idle"].pk).update(
        found_at=timezone.now() - WINDOW - timedelta(minutes=1)
    )
    did(who["right"], "answered", ago=2 * hour, success=True, **graded)
    did(who["right"], "answered", ago=hour, success=False, **graded)
    did(who["wrong"], "answered", ago=2 * hour, success=False, **graded)
    did(who["wrong"], "completed", ago=hour)
    did(who["completed"], "completed", ago=hour)
    did(who["abandoned"], "abandoned", ago=hour)
    did(who["viewed"], "viewed", ago=hour)
    did(who["before"], "completed", ago=2 * day)
    did(who["believed"], "answered", ago=hour, success=True)  # not graded by this server
    judge_trials(now=timezone.now())
    told = {name: TrialOutcome.objects.get(pk=row.pk).outcome for name, row in rows.items()}
    assert told == {
        "right": 1.0, "wrong": 0.0, "completed": 1.0, "abandoned": 0.0,
        "viewed": None, "before": None, "idle": 0.0, "believed": None,
    }  # fmt: skip
    trial = RepairTrial.objects.get()
    assert (trial.state, trial.repaired, trial.unrepaired) == ("trying", 5, 0)
    did(who["right"], "answered", ago=timedelta(0), success=False, **graded)
    judge_trials(now=timezone.now())
    assert TrialOutcome.objects.get(pk=rows["right"].pk).outcome == 1.0


def _crowd(version: ModelVersion, *, repaired: float, unrepaired: float) -> None:
    """A trial of 300 learners whose outcomes are known."""
    trial, _made = RepairTrial.objects.get_or_create(version=version, repair="average")
    people = User.objects.bulk_create(User(username=f"crowd{number}") for number in range(300))
    now = timezone.now()
    TrialOutcome.objects.bulk_create(
        TrialOutcome(
            trial=trial, learner=one, repaired=number % 5 > 0, found_at=now, settled_at=now,
            outcome=repaired if number % 5 else unrepaired,
        )
        for number, one in enumerate(people)
    )  # fmt: skip


def test_a_repair_that_harms_is_withdrawn_and_the_next_one_tried(
    version: ModelVersion, alarm: Callable[..., None], refresh: Callable[..., Any]
) -> None:
    _crowd(version, repaired=0.0, unrepaired=1.0)
    before = find_repair(version_id=version.pk)
    assert before is not None and (before.repair, before.proven) == ("average", False)
    tasks.judge_repairs()
    trial = RepairTrial.objects.get()
    assert trial.state == "harms"
    assert trial.high is not None and trial.high < 0
    assert trial.effect == -1.0
    after = find_repair(version_id=version.pk)
    assert after is not None and after.repair == "temperature"
    RepairTrial.objects.create(version=version, repair="temperature", state="useless")
    assert find_repair(version_id=version.pk) is None
    alarm(share=1.0)
    refresh()
    rows = AttentionReading.objects.all()
    assert rows and not any(row.repaired for row in rows)
    assert all(row.anomalous for row in rows)


def test_a_repair_that_helps_stays_and_a_decision_is_final(version: ModelVersion) -> None:
    _crowd(version, repaired=1.0, unrepaired=0.0)
    assert judge_trials(now=timezone.now()) == 0
    found = find_repair(version_id=version.pk)
    assert found is not None and found.proven
    TrialOutcome.objects.update(outcome=0.0)
    assert judge_trials(now=timezone.now()) == 0
    assert RepairTrial.objects.get().state == "stays"


def test_another_version_begins_anew(version: ModelVersion, make_version: Any) -> None:
    RepairTrial.objects.create(version=version, repair="average", state="harms")
    other = find_repair(version_id=make_version(9).pk)
    assert other is not None and other.repair == "average"


def test_export_and_erase(
    version: ModelVersion, alarm: Callable[..., None], refresh: Callable[..., Any]
) -> None:
    alarm(share=1.0)
    refresh()
    one, other = AttentionReading.objects.values_list("learner", flat=True)[:2]
    (entry,) = (each for each in registered_personal_data() if each.app == "recommender")
    sections = {name: list(rows) for name, rows in entry.export(one)}
    json.dumps(sections)
    (reading,) = sections["attention_readings"]
    assert reading["anomalous"] is True
    assert "recent_1" in reading["statistics"]
    (trial,) = sections["repair_trials"]
    assert trial["repaired"] == reading["repaired"]
    assert trial["outcome"] is None
    entry.erase(one)
    assert not AttentionReading.objects.filter(learner=one).exists()
    assert not TrialOutcome.objects.filter(learner=one).exists()
    assert AttentionReading.objects.filter(learner=other).exists()


def test_old_readings_and_outcomes_of_decided_trials_are_pruned(
    version: ModelVersion, alice: Any, bob: Any, enter: Callable[..., TrialOutcome]
) -> None:
    now = timezone.now()

    def read(learner: Any, at: datetime) -> None:
        AttentionReading.objects.create(
            learner=learner, version=version, computed_at=at, statistics=b"", score=0.0,
            anomalous=False, repaired=False,
        )  # fmt: skip

    read(alice, now - timedelta(days=91))
    read(bob, now - timedelta(days=89))
    enter(alice, repaired=True, ago=timedelta(days=200), outcome=1.0)
    assert prune_calibrations(now=now, days=90) == 1
    assert AttentionReading.objects.get().learner_id == bob.pk
    RepairTrial.objects.update(state="stays", decided_at=now - timedelta(days=91))
    assert prune_calibrations(now=now, days=90) == 1
    assert not TrialOutcome.objects.exists()


def test_what_was_found_is_a_metric_of_the_active_version(
    version: ModelVersion, alarm: Callable[..., None], refresh: Callable[..., Any], activate: Any
) -> None:
    alarm(share=1.0)
    refresh()
    RepairTrial.objects.update(state="useless")
    RepairTrial.objects.create(version=version, repair="temperature")
    rows = AttentionReading.objects.all()

    def read(state: str) -> float | None:
        return REGISTRY.get_sample_value("attune_attention_learners", {"state": state})

    assert read("read") == read("anomalous") == len(rows)
    assert read("repaired") == sum(row.repaired for row in rows)
    for repair, withdrawn in (("average", 1.0), ("temperature", 0.0)):
        labels = {"repair": repair}
        assert REGISTRY.get_sample_value("attune_repair_withdrawn", labels) == withdrawn
    activate()
    assert read("read") == 0


def test_operators_see_which_repairs_are_in_force_and_what_they_do(
    version: ModelVersion, olga: Any, alice: Any, client: Any
) -> None:
    _crowd(version, repaired=0.0, unrepaired=1.0)
    judge_trials(now=timezone.now())
    address = "/admin/recommender/repairtrial/"
    client.force_login(olga, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(address).content.decode()
    assert "weighted average" in page
    assert "harms, withdrawn" in page
    assert "-1.000 [-1.000, " in page
    assert client.get(f"{address}{RepairTrial.objects.get().pk}/change/").status_code == 200
    assert client.get(f"{address}add/").status_code == 403
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(address).status_code == 302
