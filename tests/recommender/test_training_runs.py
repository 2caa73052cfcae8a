"""A training run from its request to a candidate: progress, cancelling, takeover, failing."""

import errno
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from learners.models import Event
from learners.services.freshness import mark_dirty
from recommender.models import ModelVersion, TrainingRun
from recommender.selectors.training import find_waiting_run
from recommender.services.training import (
    MAX_TAKEOVERS,
    LostLease,
    cancel_training,
    claim_training_run,
    renew_training_lease,
    request_training,
)
from tests.recommender.connections import all_at_once
from tests.recommender.training_samples import make_class, train_version

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_home")]


def run_next() -> TrainingRun | None:
    from recommender.pipeline.training import run_next_training

    return run_next_training()


def test_a_run_ends_in_a_candidate_with_manifest_and_metrics(algebra: Any, olga: Any) -> None:
    mark_dirty(learner_ids=[person.pk for person in make_class(algebra)])
    run = request_training(by=olga, options={"minutes": 0.1, "seed": 3})
    assert run.status == "queued"

    done = run_next()

    assert done is not None and done.status == "succeeded", done and done.error
    version = done.version
    assert version is not None and not version.is_active
    assert version.manifest["seed"] == 3
    assert version.manifest["items"] == len(algebra.items)
    assert 0 <= version.metrics["ndcg@10"] <= 1
    assert version.data_until == done.data_until
    # What drift will be measured from: made by the path of refresh, of the learners as they are.
    measures = version.reference["measures"]
    assert {"activity", "gap", "length"} <= set(measures)
    assert sum(measures["length"]["counts"]) == measures["length"]["learners"] > 0
    assert [row["epoch"] for row in done.history if row["phase"] == "attention"][:2] == [1, 2]
    assert all(row["loss"] > 0 for row in done.history)
    assert done.lease_owner == "" and done.finished_at is not None


def test_work_folders_and_checkpoints_are_gone_afterwards(algebra: Any, tmp_path: Path) -> None:
    make_class(algebra)
    train_version()
    assert not list((tmp_path / "training").iterdir())
    assert not (tmp_path / "artefacts" / "runs" / "1").exists()
    assert not list((tmp_path / "artefacts").glob("runs/*/*"))


def test_what_a_killed_worker_left_is_removed_by_the_next_run(algebra: Any, tmp_path: Path) -> None:
    left = tmp_path / "training" / "77-0" / "log"
    left.mkdir(parents=True)
    (left / "item.npy").write_bytes(b"events of learners")
    make_class(algebra)
    train_version()
    assert not list((tmp_path / "training").iterdir())


def test_the_next_version_starts_from_the_active_one(algebra: Any) -> None:
    from recommender.services.activation import activate_version

    make_class(algebra)
    first = train_version()
    activate_version(version=first)
    assert train_version().parent == first


def test_events_received_after_the_start_are_not_in_it(algebra: Any, alice: Any) -> None:
    make_class(algebra, learners=8)
    now = timezone.now()
    Event.objects.create(
        actor=alice,
        verb="completed",
        item=algebra.items["letters-lesson"],
        occurred_at=now,
        received_at=now + timedelta(hours=1),
    )
    assert train_version().manifest["learners"] == 8


def test_runs_wait_for_one_another(algebra: Any) -> None:
    first, second = request_training(by=None), request_training(by=None)
    held = claim_training_run(worker="one", lease_seconds=30)
    assert held is not None and held.pk == first.pk
    assert claim_training_run(worker="two", lease_seconds=30) is None
    assert find_waiting_run() is None
    second.refresh_from_db()
    assert second.status == "queued"


def test_of_two_workers_that_claim_at_once_one_gets_the_run() -> None:
    for _number in range(3):
        request_training(by=None)
    got: list[TrainingRun | None] = []
    all_at_once(
        [
            lambda name=name: got.append(claim_training_run(worker=name, lease_seconds=30))  # type: ignore[misc]
            for name in ("one", "two", "three", "four")
        ]
    )
    assert len([run for run in got if run is not None]) == 1
    assert TrainingRun.objects.filter(status="running").count() == 1


def test_a_run_whose_worker_is_lost_is_taken_over_and_its_old_worker_writes_nothing() -> None:
    run = request_training(by=None)
    claim_training_run(worker="lost", lease_seconds=30)
    TrainingRun.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert find_waiting_run() == run

    taken = claim_training_run(worker="next", lease_seconds=30)

    assert taken is not None and taken.pk == run.pk and taken.takeovers == 1
    assert taken.data_until is not None
    with pytest.raises(LostLease):
        renew_training_lease(run_id=run.pk, worker="lost", lease_seconds=30)
    assert renew_training_lease(run_id=run.pk, worker="next", lease_seconds=30) is False


def test_a_run_that_loses_every_worker_fails_and_lets_the_next_one_begin() -> None:
    run, following = request_training(by=None), request_training(by=None)
    claim_training_run(worker="first", lease_seconds=30)
    TrainingRun.objects.filter(pk=run.pk).update(
        takeovers=MAX_TAKEOVERS, lease_until=Now() - timedelta(seconds=1)
    )
    taken = claim_training_run(worker="next", lease_seconds=30)
    run.refresh_from_db()
    assert run.status == "failed" and "memory" in run.error
    assert taken is not None and taken.pk == following.pk


def test_cancelling_a_queued_run_is_at_once() -> None:
    run = request_training(by=None)
    assert cancel_training(run_id=run.pk).status == "cancelled"
    assert claim_training_run(worker="one", lease_seconds=30) is None


def test_a_running_run_stops_within_its_epoch_when_cancelled(
    algebra: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recommender.core.loop import Loop
    from recommender.pipeline import lease

    make_class(algebra)
    run = request_training(by=None, options={"minutes": 5})
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.05)
    steps = []
    follow = Loop._follow

    def slow(self: Any) -> None:
        # The first step asks; however long the epoch, the following ones see it.
        if not steps:
            TrainingRun.objects.filter(pk=run.pk).update(cancel_requested=True)
        steps.append(1)
        threading.Event().wait(0.02)
        follow(self)

    monkeypatch.setattr(Loop, "_follow", slow)
    done = run_next()
    assert done is not None and done.status == "cancelled"
    assert len(steps) < 60
    assert not ModelVersion.objects.exists()


def test_a_run_without_anything_to_learn_from_fails_and_says_so(algebra: Any) -> None:
    request_training(by=None)
    done = run_next()
    assert done is not None and done.status == "failed"
    assert "nothing to learn" in done.error


def test_a_full_disk_fails_the_run_and_leaves_nothing_half_written(
    algebra: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from recommender.pipeline import artefacts

    make_class(algebra)

    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    request_training(by=None, options={"minutes": 0.1})
    monkeypatch.setattr(artefacts.os, "fsync", full)
    done = run_next()
    assert done is not None and done.status == "failed"
    assert "disk is full" in done.error
    assert not ModelVersion.objects.exists()
    assert not [path for path in (tmp_path / "artefacts").rglob("*") if path.is_file()]


def test_another_worker_goes_on_from_the_last_shipped_checkpoint(
    algebra: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recommender.core.loop import Loop
    from recommender.pipeline import checkpoints
    from recommender.pipeline.checkpoints import Courier

    make_class(algebra)
    run = request_training(by=None, options={"minutes": 5, "seed": 1})
    monkeypatch.setattr(checkpoints, "WATCH_SECONDS", 3600.0)
    save, resume = Loop._save, Loop._resume
    begun_at: list[int] = []

    class PowerCut(BaseException):
        """What no handler of the run may mistake for an error of its own."""

    def cut(self: Any) -> None:
        save(self)
        if self.phase == "attention" and self.history.epoch == 3 and not begun_at[1:]:
            Courier(run.pk, self.folder.parent).ship()
            raise PowerCut

    def watch(self: Any) -> None:
        resume(self)
        if self.phase == "attention":
            begun_at.append(self.history.epoch)

    monkeypatch.setattr(Loop, "_save", cut)
    monkeypatch.setattr(Loop, "_resume", watch)
    with pytest.raises(PowerCut):
        run_next()

    done = run_next()

    assert done is not None and done.status == "succeeded", done and done.error
    assert begun_at == [0, 3]
    assert done.takeovers == 1
    epochs = [row["epoch"] for row in done.history if row["phase"] == "attention"]
    assert epochs == list(range(1, len(epochs) + 1)) and len(epochs) > 3


@pytest.mark.parametrize("phase", ["linear", "mixture"])
def test_a_phase_without_epochs_shows_its_steps_and_can_be_cancelled(
    algebra: Any, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    from recommender.pipeline import lease
    from recommender.pipeline.lease import Hold

    make_class(algebra)
    run = request_training(by=None, options={"minutes": 0.1})
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.02)
    tell = Hold.tell
    shown: list[tuple[int, int]] = []

    def slow(self: Any, **progress: Any) -> None:
        tell(self, **progress)
        if progress["phase"] == phase:
            shown.append((progress["epoch"], progress["epochs"]))
            if progress["epoch"] == 1:
                cancel_training(run_id=run.pk)
                threading.Event().wait(0.2)

    monkeypatch.setattr(Hold, "tell", slow)
    done = run_next()
    assert done is not None and done.status == "cancelled"
    assert 1 <= shown[-1][0] <= 2 < shown[-1][1]
    assert done.phase == phase


def test_who_lost_the_run_leaves_the_checkpoints_of_the_next_worker(
    algebra: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from recommender.core.loop import Loop
    from recommender.pipeline import checkpoints
    from recommender.pipeline.checkpoints import Courier

    make_class(algebra)
    run = request_training(by=None, options={"minutes": 5})
    monkeypatch.setattr(checkpoints, "WATCH_SECONDS", 3600.0)
    save = Loop._save

    def robbed(self: Any) -> None:
        save(self)
        Courier(run.pk, self.folder.parent).ship()
        TrainingRun.objects.filter(pk=run.pk).update(lease_owner="next", takeovers=1)
        raise RuntimeError("and it breaks, besides")

    monkeypatch.setattr(Loop, "_save", robbed)
    done = run_next()
    assert done is not None and (done.status, done.lease_owner) == ("running", "next")
    assert list((tmp_path / "artefacts" / "runs" / str(run.pk)).rglob("state.safetensors"))


def test_what_was_shipped_after_the_end_of_a_run_is_removed_by_the_next_one(
    algebra: Any, tmp_path: Path
) -> None:
    make_class(algebra)
    first = train_version()
    left = tmp_path / "artefacts" / "runs" / str(first.run.pk) / "attention" / "9"
    left.mkdir(parents=True)
    (left / "state.safetensors").write_bytes(b"weights")
    train_version()
    assert not left.exists()
