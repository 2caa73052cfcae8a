"""The tasks that workers know, and what beat sends them."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from common import queue
from django.conf import settings as django_settings
from django.core.cache import cache
from django.utils import timezone
from prometheus_client import REGISTRY

from learners.models import LearnerState
from recommender.metrics import observe_batch, observe_failure
from recommender.models import Activation, ModelVersion, Slate
from recommender.selectors.freshness import (
    count_waiting,
    find_outdated,
    list_outdated,
    measure_lag,
)
from recommender.services.slates import prune_slates
from workers import tasks
from workers.celery import app
from workers.schedule import build_schedule


def test_every_name_has_a_task_and_every_task_a_name() -> None:
    app.loader.import_default_modules()
    registered = {name for name in app.tasks if not name.startswith("celery.")}
    named = {
        value
        for name, value in vars(queue).items()
        if name.isupper() and isinstance(value, str) and value.startswith("attune.")
    }
    assert registered == named == set(queue.QUEUE_OF)


def test_every_task_has_a_queue_that_workers_read() -> None:
    assert set(queue.QUEUE_OF.values()) <= {queue.DEFAULT, queue.REFRESH, queue.GPU}


def test_what_beat_sends() -> None:
    schedule = build_schedule()
    assert {entry["task"] for entry in schedule.values()} == {
        queue.SWEEP_LEARNERS,
        queue.SWEEP_TRAINING_RUNS,
        queue.JUDGE_REPAIRS,
        queue.MEASURE_HEALTH,
        queue.FIT_MEMORY,
        queue.PRUNE,
    }
    for entry in schedule.values():
        assert entry["options"]["queue"] == queue.QUEUE_OF[entry["task"]]
    assert schedule[queue.SWEEP_LEARNERS]["schedule"] == django_settings.SWEEP_SECONDS
    assert app.conf.beat_schedule == schedule


def test_pruning_waits_for_a_day_since_the_last_and_not_since_beat_started(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pruned = []

    def note(**_given: Any) -> None:
        if not pruned:
            pruned.append("failed")
            raise ValueError("half way")
        pruned.append("done")

    monkeypatch.setattr("recommender.services.slates.prune_slates", note)
    cache.delete(tasks.PRUNED)
    try:
        with pytest.raises(ValueError, match="half way"):
            tasks.prune()
        tasks.prune()  # what failed counts for nothing
        tasks.prune()  # asked again ten minutes later, or by a beat that was started anew
        assert pruned == ["failed", "done"]
        assert build_schedule()[queue.PRUNE]["schedule"] < tasks.DAY
        cache.delete(tasks.PRUNED)  # as a day later
        tasks.prune()
        assert pruned == ["failed", "done", "done"]
    finally:
        cache.delete(tasks.PRUNED)


def test_a_lost_message_costs_a_sweep_at_most(alice: Any, group: Any) -> None:
    waiting = count_waiting(limit=1000)
    assert waiting == LearnerState.objects.count() > 0
    lag, seconds = measure_lag()
    assert lag == waiting
    assert 0 <= seconds < 60
    LearnerState.objects.update(
        claimed_until=timezone.now() + timedelta(minutes=1), claimed_by="somebody"
    )
    assert count_waiting(limit=1000) == 0


@pytest.fixture
def version(db: None) -> ModelVersion:
    return ModelVersion.objects.create(
        artefact="v", sha256="0", manifest={}, metrics={}, data_until=timezone.now(), is_active=True
    )


def test_after_an_activation_the_recently_active_are_outdated(
    alice: Any, charlie: Any, group: Any, did: Callable[..., Any], refresh: Any, request: Any
) -> None:
    for person in (alice, charlie):
        did(person, "viewed", "letters-lesson")
    refresh()
    now = timezone.now()
    LearnerState.objects.filter(learner=charlie).update(active_at=now - timedelta(days=15))
    version = request.getfixturevalue("version")
    assert list_outdated(version_id=version.pk, now=now, limit=10) == [alice.pk]
    assert find_outdated(now=now)
    assert count_waiting(limit=10) == 0
    Slate.objects.filter(learner=alice).update(model_version=version)
    assert not find_outdated(now=now)


def test_that_nobody_is_outdated_is_remembered_until_the_next_activation(
    alice: Any, group: Any, did: Callable[..., Any], refresh: Any, version: ModelVersion
) -> None:
    did(alice, "viewed", "letters-lesson")
    Slate.objects.create(
        learner=alice, model_version=version, computed_at=timezone.now(), seq=0, entries=[]
    )
    now = timezone.now()
    assert not find_outdated(now=now)
    Slate.objects.update(model_version=None)
    assert not find_outdated(now=now + timedelta(seconds=59))
    assert find_outdated(now=now + timedelta(seconds=61))
    Slate.objects.update(model_version=version)
    assert not find_outdated(now=now)
    Slate.objects.update(model_version=None)
    Activation.objects.create(version=version, reason="operator")
    assert find_outdated(now=now)


def test_the_others_are_marked_when_they_read(
    charlie: Any, version: ModelVersion, next_items: Any, refresh: Any, group: Any
) -> None:
    ModelVersion.objects.update(is_active=False)
    next_items(charlie)
    refresh()
    ModelVersion.objects.update(is_active=True)
    before = LearnerState.objects.get(learner=charlie).dirty_seq
    for _time in range(2):
        next_items(charlie)
        assert LearnerState.objects.get(learner=charlie).dirty_seq == before + 1


def test_a_version_that_cannot_be_loaded_makes_nobody_stale(
    alice: Any,
    version: ModelVersion,
    api: Any,
    refresh: Any,
    group: Any,
    own_home: None,
    tmp_path: Path,
) -> None:
    ModelVersion.objects.update(problem="damaged")
    # Nothing at all in the storage would be trouble of this machine, not damage.
    (tmp_path / "artefacts" / "another").mkdir(parents=True)
    api(alice).get("/api/v1/recommendations/")
    refresh()
    assert api(alice).get("/api/v1/recommendations/").json()["stale"] is False
    assert not find_outdated(now=timezone.now())


def test_old_slates_are_pruned_but_never_the_newest(alice: Any, group: Any, refresh: Any) -> None:
    refresh()
    newest = Slate.objects.get(learner=alice)
    now = timezone.now()
    for days in (30, 91, 400):
        Slate.objects.create(
            learner=alice,
            source="syllabus",
            computed_at=now - timedelta(days=days),
            seq=0,
            entries=[],
            kept=True,
        )
    assert prune_slates(now=now, days=90, batch=1) == 2
    Slate.objects.filter(pk=newest.pk).update(computed_at=now - timedelta(days=500))
    Slate.objects.exclude(pk=newest.pk).delete()
    assert prune_slates(now=now, days=90) == 0


def test_the_freshness_of_slates_is_a_metric(alice: Any, group: Any) -> None:
    assert REGISTRY.get_sample_value("attune_stale_learners") == LearnerState.objects.count() > 0
    assert (REGISTRY.get_sample_value("attune_stale_seconds") or 0) > 0


def test_what_workers_did_is_read_in_any_process(
    alice: Any, group: Any, refresh: Any, client: Any
) -> None:
    cache.clear()
    stored = len(refresh().stored)
    observe_batch(learners=3, seconds=0.3)
    observe_batch(learners=1, seconds=700)
    observe_failure()

    def read(name: str, **labels: str) -> float | None:
        return REGISTRY.get_sample_value(f"attune_refresh_{name}", labels)

    assert read("batches_total") == 3
    assert read("learners_total") == stored + 4
    assert read("failed_learners_total") == 1
    assert read("batch_seconds_count") == 3
    assert read("batch_seconds_bucket", le="60.0") == 2
    assert (read("batch_seconds_sum") or 0) >= 700.3
    body = client.get("/metrics").content.decode()
    assert "attune_refresh_batches_total 3.0" in body
    assert "attune_stale_learners" in body


def test_metrics_of_a_server_that_is_away_are_left_out(
    settings: Any, alice: Any, group: Any, refresh: Any
) -> None:
    """And a refresh goes on without being counted."""
    settings.CACHES = {
        "default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    }
    assert refresh().stored
    assert REGISTRY.get_sample_value("attune_refresh_batches_total") is None
    assert REGISTRY.get_sample_value("attune_stale_learners") == 0
