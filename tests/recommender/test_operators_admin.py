"""Operators watch runs and move the active version in the admin, under a policy that is looser there only."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recommender.models import Activation, ModelVersion, TrainingRun

RUNS, VERSIONS = "/admin/recommender/trainingrun/", "/admin/recommender/modelversion/"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def plain_statics(settings: Any, tmp_path: Path) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        "artefacts": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path},
        },
    }


@pytest.fixture
def operator(olga: Any) -> Client:
    client = Client()
    client.force_login(olga, backend="django.contrib.auth.backends.ModelBackend")
    return client


def make_version(folder: Path, **fields: Any) -> ModelVersion:
    name = f"v{ModelVersion.objects.count()}"
    (folder / name).mkdir()
    (folder / name / "manifest.json").write_text("{}", encoding="utf-8")
    return ModelVersion.objects.create(
        artefact=name,
        sha256="0" * 64,
        manifest={"seed": 1},
        data_until=timezone.now() - timedelta(days=1),
        **{"metrics": {"ndcg@10": 0.25}, **fields},
    )


def test_retrain_queues_a_run_and_shows_it(operator: Client) -> None:
    assert "Retrain" in operator.get(RUNS).content.decode()
    answer = operator.post(f"{RUNS}retrain/")
    run = TrainingRun.objects.get()
    assert answer.status_code == 302 and answer.url == f"{RUNS}{run.pk}/change/"
    page = operator.get(answer.url).content.decode()
    assert f'hx-get="{RUNS}{run.pk}/progress/"' in page
    assert "Cancel" in page


def test_a_running_run_shows_its_figures_and_curves_without_a_script(operator: Client) -> None:
    run = TrainingRun.objects.create(
        status="running",
        phase="attention",
        epoch=2,
        epochs=8,
        loss=5.4321,
        metric=0.1234,
        seconds_left=42.0,
        history=[
            {"phase": "attention", "epoch": 1, "loss": 6.0, "metric": 0.10},
            {"phase": "attention", "epoch": 2, "loss": 5.4, "metric": 0.12},
        ],
    )
    part = operator.get(f"{RUNS}{run.pk}/progress/").content.decode()
    assert "<html" not in part
    assert "attention" in part and "2 / 8" in part and "5.4321" in part and "42 s" in part
    assert part.count("<polyline") == 2
    assert "NDCG@10 on held-out cases" in part and "higher is better" in part
    assert (
        "attention, training loss: 6.000 at first, 5.400 in epoch 2, best 5.400 in epoch 2" in part
    )
    assert "<script" not in part and "style=" not in part
    assert 'hx-trigger="every 2s"' in part
    # It tells which part of a recommender the curve is of.
    assert part.count("Of the attention alone") == 1


def test_what_is_fetched_again_leaves_alone_what_is_open_or_has_the_focus(operator: Client) -> None:
    run = TrainingRun.objects.create(
        status="running",
        phase="attention",
        history=[{"phase": "attention", "epoch": 1, "loss": 6.0, "metric": 0.10}],
    )
    address = f"{RUNS}{run.pk}/progress/"
    asked = {"status": "running", "phase": "attention"}
    part = operator.get(address, asked, headers={"HX-Request": "true"}).content.decode()
    assert 'id="run-figures"' in part and 'id="run-epochs"' in part
    assert "Cancel" not in part and "<details" not in part and "run-phase" not in part
    # One epoch has neither a first nor a best.
    assert "0.100 in epoch 1, the only one so far" in part
    assert "○" not in part
    moved = operator.get(address, {**asked, "phase": ""}, headers={"HX-Request": "true"})
    assert 'id="run-phase" hx-swap-oob="true">Now: attention' in moved.content.decode()


def test_noise_does_not_look_like_a_fall(operator: Client) -> None:
    run = TrainingRun.objects.create(
        status="succeeded",
        history=[
            {"phase": "success", "epoch": epoch, "loss": None, "metric": value}
            for epoch, value in enumerate((-0.409, -0.407), start=1)
        ],
    )
    part = operator.get(f"{RUNS}{run.pk}/progress/").content.decode()
    ticks = re.findall(r'class="attune-tick"[^>]*>([^<]+)<', part)
    assert ticks == ["0.383", "0.408", "0.433", "1", "2"]


def test_curves_have_axes_in_epochs_and_values_and_say_where_they_were_best(
    operator: Client,
) -> None:
    """The second head's metric is stored negative, since training maximises it; people read a log loss."""
    losses = [-0.9, -0.5, -0.6]
    run = TrainingRun.objects.create(
        status="succeeded",
        history=[
            {"phase": "success", "epoch": epoch, "loss": None, "metric": value}
            for epoch, value in enumerate(losses, start=1)
        ],
    )
    part = operator.get(f"{RUNS}{run.pk}/progress/").content.decode()
    assert (
        "predicting success, log loss on held-out answers: 0.900 at first, 0.600 in epoch 3, best 0.500 in epoch 2"
        in part
    )
    assert "lower is better" in part
    ticks = re.findall(r'class="attune-tick"[^>]*>([^<]+)<', part)
    assert ticks == ["0.500", "0.700", "0.900", "1", "2", "3"]
    # The lowest value stands at the bottom, on the axis.
    points = re.search(r'points="([^"]+)"', part)
    assert points is not None
    ys = [float(point.split(",")[1]) for point in points[1].split()]
    assert ys[1] == max(ys) and ys[0] == min(ys)
    rows = re.findall(r"<td>(\d)</td><td>log loss on held-out answers</td><td>([\d.]+)</td>", part)
    assert rows == [("1", "0.9000"), ("2", "0.5000"), ("3", "0.6000")]


def test_a_finished_run_is_not_fetched_again_and_says_what_went_wrong(operator: Client) -> None:
    run = TrainingRun.objects.create(status="failed", error="The disk is full <b>")
    part = operator.get(f"{RUNS}{run.pk}/progress/").content.decode()
    assert "hx-get" not in part
    assert "The disk is full &lt;b&gt;" in part


def test_a_run_s_page_is_loaded_again_when_its_status_has_changed(operator: Client) -> None:
    run = TrainingRun.objects.create(status="running")
    address = f"{RUNS}{run.pk}/progress/"
    assert "HX-Refresh" not in operator.get(address, {"status": "running"})
    run.status = "succeeded"
    run.save()
    assert operator.get(address, {"status": "running"})["HX-Refresh"] == "true"


def test_no_message_stays_behind_when_a_run_goes_on(operator: Client) -> None:
    page = operator.post(f"{RUNS}retrain/", follow=True)
    assert list(page.context["messages"]) == []
    assert f"Run {TrainingRun.objects.get()}: queued" in page.content.decode()


def test_a_finished_run_leads_to_its_version(operator: Client, tmp_path: Path) -> None:
    version = make_version(tmp_path)
    run = TrainingRun.objects.create(status="succeeded", version=version)
    page = operator.get(f"{RUNS}{run.pk}/change/").content.decode()
    assert f'href="{VERSIONS}{version.pk}/change/">Compare {version}' in page


def test_cancel(operator: Client) -> None:
    run = TrainingRun.objects.create()
    assert operator.post(f"{RUNS}{run.pk}/cancel/").status_code == 302
    run.refresh_from_db()
    assert run.status == "cancelled"


def test_activate_and_roll_back_in_one_click_each(operator: Client, tmp_path: Path) -> None:
    old, new = make_version(tmp_path), make_version(tmp_path, metrics={"ndcg@10": 0.31})
    operator.post(f"{VERSIONS}{old.pk}/activate/")
    page = operator.get(f"{VERSIONS}{new.pk}/change/").content.decode()
    assert "0.310" in page and "0.250" in page and "0.060" in page and "0.3100" not in page
    operator.post(f"{VERSIONS}{new.pk}/activate/")
    assert f"Roll back to {old}" in operator.get(VERSIONS).content.decode()
    operator.post(f"{VERSIONS}roll-back/")
    old.refresh_from_db()
    assert old.is_active
    assert Activation.objects.values_list("reason", flat=True)[0] == "roll_back"


def test_the_ledger_of_activations_says_what_happened_in_words(
    operator: Client, tmp_path: Path
) -> None:
    old, new = make_version(tmp_path), make_version(tmp_path)
    for version in (old, new):
        operator.post(f"{VERSIONS}{version.pk}/activate/")
    operator.post(f"{VERSIONS}roll-back/")
    ledger = operator.get("/admin/recommender/activation/").content.decode()
    assert "rolled back" in ledger and "activated by hand" in ledger
    assert "roll_back" not in ledger
    one = operator.get(f"/admin/recommender/activation/{Activation.objects.first().pk}/change/")
    assert "rolled back" in one.content.decode()


def test_a_version_is_activated_from_the_list(operator: Client, tmp_path: Path) -> None:
    old, new = make_version(tmp_path, is_active=True), make_version(tmp_path)
    page = operator.get(VERSIONS).content.decode()
    assert f'formaction="{VERSIONS}{new.pk}/activate/"' in page
    assert f'formaction="{VERSIONS}{old.pk}/activate/"' not in page
    operator.post(f"{VERSIONS}{new.pk}/activate/", {"action": "", "index": "0"})
    new.refresh_from_db()
    assert new.is_active


def test_states_have_their_colours_in_every_language(operator: Client, tmp_path: Path) -> None:
    make_version(tmp_path, is_active=True)
    TrainingRun.objects.create(status="succeeded")
    badge = re.compile(r'<span class="([^"]*green[^"]*)"')
    for address in (VERSIONS, RUNS):
        english = badge.findall(operator.get(address).content.decode())
        chinese = operator.get(address, headers={"Accept-Language": "zh-hans"}).content.decode()
        assert english and badge.findall(chinese) == english


@pytest.mark.parametrize("address", [VERSIONS, RUNS])
def test_lists_leave_manifests_and_curves_in_the_database(
    operator: Client, tmp_path: Path, address: str
) -> None:
    TrainingRun.objects.create(version=make_version(tmp_path), history=[{"phase": "attention"}])
    with CaptureQueriesContext(connection) as queries:
        assert operator.get(address).status_code == 200
    read = [query["sql"] for query in queries if "COUNT(" not in query["sql"]]
    assert any('"metrics"' in sql for sql in read)
    assert not [sql for sql in read if re.search('"(manifest|history)"', sql)]


def test_figures_of_few_cases_are_not_compared(operator: Client, tmp_path: Path) -> None:
    make_version(tmp_path, metrics={"ndcg@10": 0.25, "cases": 612.0}, is_active=True)
    new = make_version(tmp_path, metrics={"ndcg@10": 0.31, "cases": 12.0})
    listed = operator.get(VERSIONS).content.decode()
    assert "0.250 (612 cases)" in listed
    assert "too few cases: 12 of 100" in listed
    page = operator.get(f"{VERSIONS}{new.pk}/change/").content.decode()
    assert "too few cases" in page and "0.060" not in page
    assert "With fewer than 100 cases" in page


def test_a_version_that_no_gate_judged_says_so(operator: Client, tmp_path: Path) -> None:
    version = make_version(tmp_path)
    assert "not judged yet" in operator.get(VERSIONS).content.decode()
    page = operator.get(f"{VERSIONS}{version.pk}/change/").content.decode()
    assert "not judged yet" in page and "{}" not in page


def test_the_admin_has_the_icon_of_the_pages(operator: Client) -> None:
    page = operator.get(VERSIONS).content.decode()
    assert re.search(r'<link rel="icon"\s+href="/static/img/icon.svg"', page)


def test_htmx_is_told_where_to_go(operator: Client, tmp_path: Path) -> None:
    version = make_version(tmp_path)
    answer = operator.post(f"{VERSIONS}{version.pk}/activate/", headers={"HX-Request": "true"})
    assert answer.status_code == 200 and answer["HX-Redirect"] == VERSIONS


def test_what_a_service_refuses_becomes_a_message(operator: Client, tmp_path: Path) -> None:
    version = make_version(tmp_path)
    (tmp_path / version.artefact / "manifest.json").unlink()
    answer = operator.post(f"{VERSIONS}{version.pk}/activate/", follow=True)
    assert "not in the artefact storage" in answer.content.decode()


def test_the_gate_s_verdict_is_shown(operator: Client, tmp_path: Path) -> None:
    gate = {
        "verdict": "not better",
        "cases": 612,
        "needed": 500,
        "diff": {"popularity": {"ndcg@10": {"value": 0.02, "low": -0.01, "high": 0.05}}},
    }
    version = make_version(tmp_path, gate=gate)
    page = operator.get(f"{VERSIONS}{version.pk}/change/").content.decode()
    assert "not better" in page and "612" in page and "-0.010" in page
    assert ">Popularity</th>" in page


@pytest.mark.parametrize(
    "address", [f"{RUNS}retrain/", f"{VERSIONS}roll-back/", f"{VERSIONS}1/activate/"]
)
def test_a_get_changes_nothing(operator: Client, address: str) -> None:
    assert operator.get(address).status_code == 405


def test_the_record_is_read_only(operator: Client, tmp_path: Path) -> None:
    version = make_version(tmp_path)
    for address in (f"{RUNS}add/", f"{VERSIONS}add/", f"{VERSIONS}{version.pk}/delete/"):
        assert operator.get(address).status_code == 403
    assert operator.post(f"{VERSIONS}{version.pk}/change/", {}).status_code == 403
    for model in ("slate", "impression", "feedback", "activation"):
        assert operator.get(f"/admin/recommender/{model}/").status_code == 200
        assert operator.get(f"/admin/recommender/{model}/add/").status_code == 403


@pytest.mark.parametrize("name", ["alice", "bob", "ada"])
def test_others_must_not(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    person = request.getfixturevalue(name)
    person.is_staff = True  # authors reach their part of the admin; that must not open this one
    person.save()
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    run, version = TrainingRun.objects.create(), make_version(tmp_path)
    for address in (RUNS, f"{RUNS}{run.pk}/change/", f"{RUNS}{run.pk}/progress/", VERSIONS):
        assert client.get(address).status_code == 403, address
    for address in (
        f"{RUNS}retrain/",
        f"{RUNS}{run.pk}/cancel/",
        f"{VERSIONS}{version.pk}/activate/",
        f"{VERSIONS}roll-back/",
    ):
        assert client.post(address).status_code == 403, address
    assert TrainingRun.objects.get().status == "queued"
    assert not ModelVersion.objects.filter(is_active=True).exists()


def test_the_policy_is_looser_in_the_admin_only(operator: Client) -> None:
    inside = operator.get(RUNS)["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-eval'" in inside
    assert "script-src 'self' 'unsafe-eval' 'unsafe-inline'" not in inside
    outside = operator.get("/accounts/login/")["Content-Security-Policy"]
    assert "unsafe" not in outside
