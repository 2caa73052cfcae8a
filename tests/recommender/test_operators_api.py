"""Operators train, compare, activate and roll back through the API; nobody else does."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recommender.models import ModelVersion, TrainingRun
from recommender.services.training import claim_training_run

RUNS, VERSIONS = "/api/v1/training-runs/", "/api/v1/model-versions/"


@pytest.fixture
def version(settings: Any, tmp_path: Path, db: None) -> Callable[[], ModelVersion]:
    settings.STORAGES = {
        **settings.STORAGES,
        "artefacts": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path},
        },
    }

    def make() -> ModelVersion:
        name = f"v{ModelVersion.objects.count()}"
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text("{}", encoding="utf-8")
        return ModelVersion.objects.create(
            artefact=name,
            sha256="0" * 64,
            manifest={"seed": 1},
            metrics={"ndcg@10": 0.25},
            data_until=timezone.now() - timedelta(days=1),
        )

    return make


def test_a_run_is_requested_listed_watched_and_cancelled(api: Any, olga: Any) -> None:
    client = api(olga)
    created = client.post(RUNS, {}, format="json")
    assert created.status_code == 201
    run = created.json()
    assert run["status"] == "queued" and isinstance(run["id"], int)

    listed = client.get(RUNS).json()
    assert [row["id"] for row in listed["results"]] == [run["id"]]
    assert listed["results"][0]["requested_by"] == "olga"
    assert client.get(f"{RUNS}{run['id']}/").json()["history"] == []

    cancelled = client.post(f"{RUNS}{run['id']}/cancel/")
    assert cancelled.status_code == 200 and cancelled.json()["status"] == "cancelled"
    assert client.post(f"{RUNS}{run['id']}/cancel/").status_code == 200


@pytest.mark.parametrize("address", [RUNS, VERSIONS])
def test_lists_leave_manifests_and_curves_in_the_database(
    api: Any, olga: Any, version: Any, address: str
) -> None:
    TrainingRun.objects.create(version=version(), history=[{"phase": "attention"}])
    client = api(olga)
    with CaptureQueriesContext(connection) as queries:
        assert len(client.get(address).json()["results"]) == 1
    assert not [query for query in queries if re.search('"(manifest|history)"', query["sql"])]


def test_options_are_kept(api: Any, olga: Any) -> None:
    body = {"seed": 7, "minutes": 0.5}
    created = api(olga).post(RUNS, body, format="json")
    assert created.json()["options"] == body


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": "7"}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"seed": True}, "seed"),
        ({"seed": 2**31}, "seed"),
        ({"seed": None}, "seed"),
        ({"minutes": 0}, "minutes"),
        ({"minutes": 100_000}, "minutes"),
        ({"minutes": "nan"}, "minutes"),
        ({"minutes": False}, "minutes"),
        ({"minutes": []}, "minutes"),
    ],
)
def test_bad_options_are_named(api: Any, olga: Any, body: dict[str, Any], field: str) -> None:
    response = api(olga).post(RUNS, body, format="json")
    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == [field]
    assert not TrainingRun.objects.exists()


def test_a_finished_run_is_not_cancelled(api: Any, olga: Any) -> None:
    run = TrainingRun.objects.create(status="succeeded")
    response = api(olga).post(f"{RUNS}{run.pk}/cancel/")
    assert response.status_code == 409
    assert response.json()["error"]["code"] == "refused"


def test_a_running_run_is_asked_to_stop(api: Any, olga: Any) -> None:
    run_id = api(olga).post(RUNS, {}, format="json").json()["id"]
    claim_training_run(worker="one", lease_seconds=30)
    answer = api(olga).post(f"{RUNS}{run_id}/cancel/").json()
    assert (answer["status"], answer["cancel_requested"]) == ("running", True)


def test_a_version_is_activated_and_rolled_back_by_activating_the_older_one(
    api: Any, olga: Any, version: Any
) -> None:
    old, new = version(), version()
    client = api(olga)
    assert client.post(f"{VERSIONS}{old.pk}/activate/").json()["is_active"] is True
    assert client.post(f"{VERSIONS}{new.pk}/activate/").json()["is_active"] is True
    back = client.post(f"{VERSIONS}{old.pk}/activate/")
    assert back.status_code == 200 and back.json()["is_active"] is True
    listed = client.get(VERSIONS).json()["results"]
    assert [(row["id"], row["is_active"]) for row in listed] == [(new.pk, False), (old.pk, True)]
    assert client.get(f"{VERSIONS}{old.pk}/").json()["manifest"] == {"seed": 1}


def test_a_version_whose_files_are_gone_is_refused(
    api: Any, olga: Any, version: Any, tmp_path: Path
) -> None:
    gone = version()
    (tmp_path / gone.artefact / "manifest.json").unlink()
    response = api(olga).post(f"{VERSIONS}{gone.pk}/activate/")
    assert response.status_code == 409
    assert not ModelVersion.objects.filter(is_active=True).exists()


def addresses(run: TrainingRun, version: ModelVersion) -> list[tuple[str, str]]:
    return [
        ("get", RUNS),
        ("post", RUNS),
        ("get", f"{RUNS}{run.pk}/"),
        ("post", f"{RUNS}{run.pk}/cancel/"),
        ("get", VERSIONS),
        ("get", f"{VERSIONS}{version.pk}/"),
        ("post", f"{VERSIONS}{version.pk}/activate/"),
    ]


@pytest.mark.parametrize("name", ["alice", "bob", "ada"])
def test_learners_teachers_and_authors_must_not(
    api: Any, name: str, request: pytest.FixtureRequest, version: Any
) -> None:
    client, run = api(request.getfixturevalue(name)), TrainingRun.objects.create()
    for method, address in addresses(run, version()):
        assert getattr(client, method)(address).status_code == 403, (method, address)
    run.refresh_from_db()
    assert run.status == "queued" and TrainingRun.objects.count() == 1


def test_strangers_are_asked_to_sign_in(api: Any, version: Any) -> None:
    run = TrainingRun.objects.create()
    for method, address in addresses(run, version()):
        assert getattr(api(), method)(address).status_code == 401, (method, address)


def test_unknown_ids_are_not_found(api: Any, olga: Any) -> None:
    client = api(olga)
    for address in (f"{RUNS}9/", f"{RUNS}{10**17}/", f"{VERSIONS}9/"):
        assert client.get(address).status_code == 404
