"""For machines: up, ready, metrics."""

import json
from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone

from recommender.models import ModelVersion, Slate


@pytest.fixture
def active(db: None) -> ModelVersion:
    return ModelVersion.objects.create(
        artefact="a",
        sha256="0" * 64,
        manifest={},
        metrics={},
        data_until=timezone.now(),
        is_active=True,
    )


@pytest.fixture
def demo(settings: Any, tmp_path: Any, person: Any) -> Any:
    settings.DEMO, settings.ATTUNE_HOME = True, tmp_path
    login = {"username": "mira", "password": "x"}
    (tmp_path / "demo-logins.json").write_text(json.dumps({"student": login}))
    return person("mira")


def test_the_process_is_up(client: Any) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_a_site_without_a_model_is_ready(client: Any, db: None, settings: Any) -> None:
    settings.DEMO = False
    response = client.get("/readyz")
    checks = {"database": True, "broker": True, "active_version": False}
    assert (response.status_code, response.json()["checks"]) == (200, checks)


def test_the_demo_is_ready_once_the_students_list_is_a_models(
    client: Any, demo: Any, active: ModelVersion
) -> None:
    slate = Slate.objects.create(
        learner=demo,
        source="syllabus",
        computed_at="2026-01-01T00:00Z",
        seq=0,
        entries=[],
    )
    waiting = client.get("/readyz")
    assert (waiting.status_code, waiting.json()["checks"]["demo"]) == (503, False)
    slate.source = "model"
    slate.save()
    assert client.get("/readyz").status_code == 200


def test_without_a_broker_it_is_not_ready(client: Any, db: None, settings: Any) -> None:
    settings.DEMO = False
    settings.SERVERS = replace(settings.SERVERS, redis_url="redis://127.0.0.1:1/0")
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["broker"] is False
    assert response.json()["checks"]["database"] is True


def test_metrics_are_for_loopback(client: Any, db: None) -> None:
    response = client.get("/metrics")
    assert response.status_code == 200
    assert b"django_http_requests" in response.content
    assert client.get("/metrics", REMOTE_ADDR="10.1.2.3").status_code == 403
    assert client.get("/metrics", REMOTE_ADDR="::1").status_code == 200


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded"])
def test_a_proxy_on_this_machine_is_not_loopback(client: Any, db: None, header: str) -> None:
    assert client.get("/metrics", headers={header: "127.0.0.1"}).status_code == 403


def test_metrics_from_elsewhere_need_the_token(client: Any, db: None, settings: Any) -> None:
    settings.METRICS_TOKEN = "secret"
    for sent, status in (("secret", 200), ("wrong", 403), ("", 403), ("sécret", 403)):
        response = client.get(
            "/metrics", REMOTE_ADDR="10.1.2.3", headers={"Authorization": f"Bearer {sent}"}
        )
        assert response.status_code == status


def test_without_a_token_set_an_empty_one_opens_nothing(client: Any, db: None) -> None:
    response = client.get("/metrics", REMOTE_ADDR="10.1.2.3", headers={"Authorization": "Bearer "})
    assert response.status_code == 403
