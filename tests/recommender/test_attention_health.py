"""Attention health: a worker counts what the active version meets, and operators see it without a name."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import practice_course as practice
import pytest
import watching
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from prometheus_client import REGISTRY

from content.models import Item
from learners.models import Event, User
from recommender.core.attention_names import names
from recommender.measures import MEASURES, describe_attention
from recommender.models import AttentionReading, HealthSummary, ModelVersion, RepairTrial, Slate
from recommender.pipeline.health import describe_training
from recommender.selectors.health import name_pseudonym, read_health
from recommender.services.health import prune_summaries
from workers import tasks

PAGE = "/admin/recommender/healthsummary/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def watched(
    without_exploration: None, training_ground: SimpleNamespace, calibrated: Path
) -> ModelVersion:
    """A calibrated version, active, and its reference counted on twenty learners."""
    version = watching.activate_watched(calibrated, training_ground.course)
    version.reference = describe_training(calibrated, device="cpu")
    version.save(update_fields=["reference"])
    return version


@pytest.fixture
def operator(olga: Any) -> Client:
    client = Client()
    client.force_login(olga, backend="django.contrib.auth.backends.ModelBackend")
    return client


def levels() -> dict[str, str]:
    found = read_health(today=timezone.now().date())
    assert found is not None
    return {drift.name: drift.level for drift in found.drifts}


def happened_today() -> None:
    Event.objects.update(received_at=timezone.now())


def test_a_worker_counts_the_day_and_nothing_has_moved(
    watched: ModelVersion, refresh: Callable[..., Any]
) -> None:
    refresh()
    happened_today()
    tasks.measure_health()
    day = HealthSummary.objects.get()
    assert (day.version_id, day.day) == (watched.pk, timezone.now().date())
    assert day.read == AttentionReading.objects.count() > 0
    assert set(day.measures) == set(watched.reference["measures"])
    assert set(levels()) == set(MEASURES)
    assert set(levels().values()) == {"stable"}
    # The same learners by the same functions: but for the verdicts of calibration the very same counts.
    for name in ("activity", "gap", "length", "known", "affinity", "success"):
        assert day.measures[name]["counts"] == watched.reference["measures"][name]["counts"]

    tasks.measure_health()
    assert HealthSummary.objects.count() == 1


def test_what_learners_do_otherwise_is_drift(
    watched: ModelVersion, refresh: Callable[..., Any]
) -> None:
    refresh()
    new = Item.objects.create(
        course=practice.get_course(), slug="new", title="New", kind="lesson", position=99
    )
    moment = timezone.now()
    Event.objects.bulk_create(
        Event(
            actor=person, verb="abandoned", item=new, duration=2000,
            occurred_at=moment - timedelta(seconds=step), received_at=moment,
        )
        for person in User.objects.filter(synthetic=True)
        for step in range(12)
    )  # fmt: skip
    tasks.measure_health()
    found = levels()
    assert {name for name, level in found.items() if level == "drifted"} >= {
        *("activity", "known", "gap", "seconds"),
    }
    assert found["entropy"] == found["success"] == "stable"


def test_few_learners_are_no_drift(watched: ModelVersion) -> None:
    person = User.objects.filter(synthetic=True).first()
    moment = timezone.now()
    Event.objects.create(
        actor=person,
        verb="abandoned",
        item_id=practice.FIRST,
        occurred_at=moment,
        received_at=moment,
    )
    tasks.measure_health()
    assert levels()["activity"] == "unsure"


def test_a_version_without_a_reference_still_has_its_days(
    watched: ModelVersion, refresh: Callable[..., Any], operator: Client
) -> None:
    ModelVersion.objects.update(reference={})
    refresh()
    tasks.measure_health()
    assert levels() == {}
    page = operator.get(PAGE).content.decode()
    assert "This version has no reference" in page
    assert "There is no reference to compare with" in page


def test_measures_are_in_units_that_people_know() -> None:
    columns = names(2)
    row = np.zeros((1, len(columns)))

    def put(name: str, value: float) -> None:
        row[0, columns.index(name)] = value

    # Both heads attend to 7 events and the beginning alike: nothing is lacking to equal shares.
    for head in (0, 1):
        put(f"flatness_{head}", -30.0)
        put(f"peak_{head}", float(np.log(1 / 7)))
        put(f"centre_{head}", 0.4)
    put("spread", float(np.log(0.5)))
    found = {
        name: float(value[0]) for name, value in describe_attention(row, np.array([7])).items()
    }
    assert found["effective"] == pytest.approx(8.0)
    assert found["entropy"] == pytest.approx(np.log(8))
    assert found["peak"] == pytest.approx(1 / 8)
    assert (found["distance"], found["spread"]) == (pytest.approx(0.4), pytest.approx(0.25))
    for measure in MEASURES.values():
        assert len(measure.name_bins()) == measure.bins


def test_the_page_shows_what_moved_who_is_affected_and_what_is_done(
    watched: ModelVersion, refresh: Callable[..., Any], operator: Client
) -> None:
    watching.set_alarm(share=1.0)
    refresh()
    happened_today()
    tasks.measure_health()
    RepairTrial.objects.create(
        version=watched, repair="temperature", state="useless", effect=0.01, low=-0.1, high=0.12,
        repaired=1600, unrepaired=400, decided_at=timezone.now(),
    )  # fmt: skip
    page = operator.get(PAGE).content.decode()
    assert "v" in page and "the active version" in page
    assert "Weighted average" in page and "on trial" in page
    assert "no benefit shown after so many learners" in page
    assert "0.010 [-0.100, 0.120]" in page
    assert "<svg" in page and "<script>" not in page and " style=" not in _own(page)
    for each in AttentionReading.objects.order_by("-score")[:3]:
        assert name_pseudonym(each.learner_id) in page
    for person in User.objects.filter(synthetic=True):
        assert person.username not in page
        assert f"/{person.pk}/" not in _own(page)
    # Every chart is a table, too.
    assert page.count("as a table below") == page.count("As a table") + 1 > len(MEASURES)


def test_a_trial_with_nobody_on_one_side_tells_no_difference(
    watched: ModelVersion, refresh: Callable[..., Any], operator: Client
) -> None:
    refresh()
    trial = RepairTrial.objects.create(
        version=watched, repair="temperature", effect=-0.5, low=-1.0, high=1.0,
        repaired=1, unrepaired=0,
    )  # fmt: skip
    pages = (PAGE, reverse("admin:recommender_repairtrial_changelist"))
    assert [("0.500" in operator.get(page).content.decode()) for page in pages] == [False, False]
    trial.unrepaired = 1
    trial.save()
    assert [("0.500" in operator.get(page).content.decode()) for page in pages] == [True, True]


def test_a_long_list_has_pages(
    watched: ModelVersion, refresh: Callable[..., Any], operator: Client
) -> None:
    people = User.objects.bulk_create(User(username=f"many{number}") for number in range(45))
    AttentionReading.objects.bulk_create(
        AttentionReading(
            learner=one, version=watched, computed_at=timezone.now(), statistics=b"", events=40,
            score=number, anomalous=True, repaired=False, kind="flooded",
        )
        for number, one in enumerate(people)
    )  # fmt: skip
    first, last = (operator.get(PAGE, {"p": number}).content.decode() for number in (1, 5))
    assert "Page 1 of 5, 45 learners" in first and "Page 5 of 5" in last
    assert name_pseudonym(people[-1].pk) in first
    assert name_pseudonym(people[0].pk) in last
    assert "32 or more" in first
    assert operator.get(PAGE, {"p": "x"}).status_code == 200


def test_an_operator_looks_into_a_list_without_learning_whose(
    watched: ModelVersion, refresh: Callable[..., Any], operator: Client, bob: Any
) -> None:
    watching.set_alarm(share=1.0)
    refresh()
    reading = AttentionReading.objects.select_related("learner").first()
    assert reading is not None
    address = f"{PAGE}map/{name_pseudonym(reading.learner_id)}/"
    assert address in operator.get(PAGE).content.decode()
    page = operator.get(address).content.decode()
    assert "Head 2" in page and "Practice" in page and "All other events" in page
    own = _own(page)
    assert reading.learner.username not in page
    assert str(Slate.objects.get(learner=reading.learner_id).pk) not in own
    assert f"/{reading.learner_id}/" not in own
    # Whoever is within the range is nobody to look into.
    AttentionReading.objects.update(anomalous=False)
    assert operator.get(address).status_code == 404
    client = Client()
    client.force_login(bob, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(address).status_code == 302


def test_nothing_active_and_nothing_counted(operator: Client, make_version: Any) -> None:
    assert "No version is active" in operator.get(PAGE).content.decode()
    version = make_version(1)
    ModelVersion.objects.filter(pk=version.pk).update(is_active=True)
    page = operator.get(PAGE).content.decode()
    assert "Nothing has been counted yet" in page
    assert "Nobody: the attention of all" in page


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            {"missing": "few", "learners": 31, "fewest": 40, "events": 8},
            ["31 had done 8 things or more", "takes 40 such learners", "trained on as many"],
        ),
        ({"missing": "late", "seconds": 6}, ["The 6 seconds that its training had left"]),
        (None, ["It was trained without"]),
    ],
    ids=["few learners", "little time", "an early version"],
)
def test_a_version_that_knows_no_healthy_attention_says_why_and_when_it_will(
    told: Any, said: list[str], operator: Client, make_version: Any
) -> None:
    chosen = {} if told is None else {"calibration": told}
    version = make_version(1)
    rows = ModelVersion.objects.filter(pk=version.pk)
    rows.update(is_active=True, manifest={"config": {"calibration": None}, "chosen": chosen})
    page = operator.get(PAGE).content.decode()
    for words in ["it has not learned what healthy attention looks like", *said]:
        assert words in page
    assert "Nobody: the attention of all" not in page
    assert "on trial" not in page
    rows.update(manifest={"config": {"calibration": {"heads": 2}}, "chosen": {}})
    assert "has not learned" not in operator.get(PAGE).content.decode()


def test_only_operators_see_it(bob: Any, alice: Any, operator: Client) -> None:
    for person in (alice, bob):
        client = Client()
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        assert client.get(PAGE).status_code == 302
        assert client.post(f"{PAGE}measure/").status_code == 302
    assert operator.get(f"{PAGE}add/").status_code == 403
    assert operator.get(f"{PAGE}measure/").status_code == 405
    assert operator.post(f"{PAGE}measure/").url == PAGE


def test_metrics_tell_drift_and_what_chance_does(
    watched: ModelVersion, refresh: Callable[..., Any]
) -> None:
    def told(name: str, **labels: str) -> float | None:
        return REGISTRY.get_sample_value(name, labels)

    assert told("attune_drift", group="inputs", measure="activity") is None
    refresh()
    happened_today()
    tasks.measure_health()
    index = told("attune_drift", group="inputs", measure="activity")
    limit = told("attune_drift_chance", group="inputs", measure="activity")
    assert index is not None and limit is not None
    assert 0 <= index < limit < np.inf
    age = told("attune_health_age_seconds")
    assert age is not None and 0 <= age < 60


def test_old_days_are_deleted(watched: ModelVersion) -> None:
    now = timezone.now()
    for age in (1, 91):
        HealthSummary.objects.create(
            version=watched, day=(now - timedelta(days=age)).date(), measured_at=now
        )
    assert prune_summaries(now=now, days=90) == 1


def _own(page: str) -> str:
    """The page without what the admin brings along."""
    return page[page.index('class="attune-health"') :]
