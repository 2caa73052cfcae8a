"""The gate: a candidate takes over by itself only where newer events say that it is better."""

import shutil
import uuid
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from content.models import Course, Item
from learners.models import Event, Group, Membership, User
from recommender.models import Activation, ModelVersion
from recommender.pipeline.gate import judge_candidate
from recommender.selectors.gate import find_candidate_to_judge, name_lease
from recommender.services.activation import activate_version, record_verdict
from recommender.services.leases import LostLease, claim_lease
from tests.recommender.training_samples import train_version

pytestmark = pytest.mark.django_db(transaction=True)

TRACKS, STEPS = 4, 6


@pytest.fixture(autouse=True)
def gate_of_forty(settings: Any, own_home: None) -> None:
    settings.ACTIVATION_GATE = True
    settings.ACTIVATION_GATE_MIN_EVENTS = 40


@pytest.fixture
def tracks(db: None) -> SimpleNamespace:
    """Four tracks of six lessons: who is on a track takes its lessons in order, so the past tells what comes next."""
    course = Course.objects.create(slug="tracks", title="Tracks")
    items = [
        [
            Item.objects.create(
                course=course,
                slug=f"track-{track}-{step}",
                title=f"Track {track}, step {step}",
                kind="lesson",
                position=TRACKS * step + track,
            )
            for step in range(STEPS)
        ]
        for track in range(TRACKS)
    ]
    return SimpleNamespace(course=course, items=items)


def walk(tracks: Any, *, name: str, learners: int, across: bool = False) -> list[User]:
    """Learners walk along their tracks just now, or take one step of each track before the next."""
    people = User.objects.bulk_create(
        [User(username=f"{name}{number}", password="!") for number in range(learners)]
    )
    now = timezone.now()
    events = []
    for number, person in enumerate(people):
        way = tracks.items[number % TRACKS]
        if across:
            first = TRACKS * (number % (STEPS - 1))
            way = [track[step] for step in range(STEPS) for track in tracks.items][first:][:STEPS]
        for place, item in enumerate(way):
            events.append(
                Event(
                    actor=person,
                    uid=uuid.uuid4(),
                    verb="completed",
                    item=item,
                    occurred_at=now - timedelta(minutes=STEPS - place),
                    received_at=now,
                )
            )
    Event.objects.bulk_create(events)
    return people


def test_without_newer_events_a_candidate_waits(tracks: Any) -> None:
    walk(tracks, name="past", learners=24)
    version = train_version()
    version.refresh_from_db()
    assert version.gate["verdict"] == "not enough evidence"
    assert version.gate["cases"] < version.gate["needed"] == 40
    assert not version.is_active


def test_a_candidate_that_has_learned_the_tracks_takes_over_by_itself(tracks: Any) -> None:
    walk(tracks, name="past", learners=60)
    version = train_version(minutes=0.4)
    walk(tracks, name="later", learners=40)
    assert find_candidate_to_judge(needed=40) == version

    found = judge_candidate(version=version)

    assert found is not None and found["verdict"] == "better", found
    assert set(found["diff"]) == {"popularity", "item_knn"}
    assert all(diff["ndcg@10"]["low"] > 0 for diff in found["diff"].values())
    version.refresh_from_db()
    assert version.is_active and version.gate["cases"] == found["cases"] >= 40
    last = Activation.objects.get()
    assert (last.reason, last.by) == ("gate", None)


def test_a_candidate_that_is_no_better_than_the_active_version_waits(
    tracks: Any, tmp_path: Path
) -> None:
    walk(tracks, name="past", learners=60)
    first = train_version(minutes=0.3)
    activate_version(version=first)
    # The same weights under another name: as good as the active version, and so not better.
    shutil.copytree(tmp_path / "artefacts" / first.artefact, tmp_path / "artefacts" / "twin")
    second = ModelVersion.objects.create(
        artefact="twin",
        sha256=first.sha256,
        manifest=first.manifest,
        metrics=first.metrics,
        data_until=first.data_until,
    )
    walk(tracks, name="later", learners=40)

    found = judge_candidate(version=second)

    assert found is not None and found["verdict"] == "not better"
    assert found["diff"]["active"]["ndcg@10"] == {"value": 0, "low": 0, "high": 0}
    assert found["diff"]["popularity"]["ndcg@10"]["low"] > 0
    assert found["against"] == first.pk
    first.refresh_from_db()
    assert first.is_active


def test_a_candidate_that_a_class_would_lose_by_waits_though_it_is_better_on_the_whole(
    tracks: Any, settings: Any
) -> None:
    """The active version knows those who walk across the tracks, and the candidate only the many who walk along them."""
    early = walk(tracks, name="early", learners=60, across=True)
    active = train_version(minutes=0.3)
    activate_version(version=active)
    Event.objects.filter(actor__in=early).delete()
    walk(tracks, name="past", learners=60)
    version = train_version(minutes=0.4)
    along = walk(tracks, name="along", learners=80)
    across = walk(tracks, name="across", learners=16, across=True)
    for name, people in (("7a", along), ("7b", across)):
        group = Group.objects.create(name=name)
        Membership.objects.bulk_create([Membership(group=group, learner=one) for one in people])

    found = judge_candidate(version=version)

    assert found is not None and found["verdict"] == "a group falls behind", found
    assert all(diff["ndcg@10"]["low"] > 0 for diff in found["diff"].values())
    assert found["parts"]["worst"]["name"] == "7b"
    (by_group,) = (one for one in found["parts"]["dimensions"] if one["kind"] == "group")
    parts = {part["name"]: part for part in by_group["parts"]}
    assert parts["7b"]["behind"] and parts["7b"]["high"] < -0.02
    assert parts["7a"]["low"] > 0 and not parts["7a"]["behind"]
    assert (parts["7a"]["learners"], parts["7b"]["learners"]) == (80, 16)
    version.refresh_from_db()
    assert not version.is_active and version.gate["verdict"] == found["verdict"]
    # Whoever accepts that much lets it pass.
    settings.ACTIVATION_GATE_MARGIN = 1.0
    again = judge_candidate(version=version)
    assert again is not None and again["verdict"] == "better"
    version.refresh_from_db()
    assert version.is_active


def test_events_within_a_data_window_are_no_evidence(tracks: Any) -> None:
    walk(tracks, name="past", learners=60)
    version = train_version()
    # The active version's window ends later than the candidate's, and the events lie between the two ends.
    walk(tracks, name="between", learners=40)
    newer = ModelVersion.objects.create(
        artefact="gone", sha256="0" * 64, manifest={}, metrics={}, data_until=timezone.now()
    )
    ModelVersion.objects.filter(pk=newer.pk).update(is_active=True)
    found = judge_candidate(version=version)
    assert found is not None and (found["verdict"], found["cases"]) == ("not enough evidence", 0)


def test_the_sweeper_looks_again_only_when_there_is_more_to_see(tracks: Any) -> None:
    walk(tracks, name="past", learners=24)
    version = train_version()
    assert find_candidate_to_judge(needed=40) is None
    walk(tracks, name="few", learners=3)
    assert find_candidate_to_judge(needed=40) is None
    walk(tracks, name="more", learners=8)
    assert find_candidate_to_judge(needed=40) == version


def test_one_worker_judges_at_a_time(tracks: Any) -> None:
    walk(tracks, name="past", learners=24)
    version = train_version()
    assert claim_lease(name=name_lease(version.pk), owner="another", seconds=60)
    before = ModelVersion.objects.get(pk=version.pk).gate
    assert judge_candidate(version=version) is None
    assert find_candidate_to_judge(needed=1) is None
    version.refresh_from_db()
    assert version.gate == before


def test_who_lost_the_lease_records_no_verdict(tracks: Any) -> None:
    walk(tracks, name="past", learners=24)
    version = train_version()
    assert claim_lease(name=name_lease(version.pk), owner="another", seconds=60)
    with pytest.raises(LostLease):
        record_verdict(version_id=version.pk, gate={"verdict": "better"}, owner="late")
    version.refresh_from_db()
    assert version.gate["verdict"] == "not enough evidence"


def test_a_machine_that_cannot_load_the_candidate_leaves_it_to_others(
    tracks: Any, tmp_path: Path
) -> None:
    walk(tracks, name="past", learners=24)
    version = train_version()
    before = ModelVersion.objects.get(pk=version.pk).gate
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "cache").write_text("no folder can be made here", encoding="utf-8")
    assert judge_candidate(version=version) is None
    assert ModelVersion.objects.get(pk=version.pk).gate == before
    (tmp_path / "cache").unlink()
    assert judge_candidate(version=version) is not None


def test_a_candidate_whose_files_are_damaged_is_unusable(tracks: Any, tmp_path: Path) -> None:
    walk(tracks, name="past", learners=24)
    version = train_version()
    (tmp_path / "artefacts" / version.artefact / "model.safetensors").write_bytes(b"")
    shutil.rmtree(tmp_path / "cache")  # as on a machine that hasn't loaded it yet
    found = judge_candidate(version=version)
    assert found is not None and found["verdict"] == "unusable"
    assert "SHA-256" in found["error"]


def test_without_the_setting_nothing_is_judged(tracks: Any, settings: Any) -> None:
    settings.ACTIVATION_GATE = False
    walk(tracks, name="past", learners=24)
    assert train_version().gate == {}
