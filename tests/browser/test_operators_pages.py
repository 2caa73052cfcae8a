"""The operators' pages of versions and experiments fit a phone: what is wide scrolls in its own place."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from browser_pages import NARROWEST, PHONE, WIDE, Visitor
from django.utils import timezone

from learners.models import User
from recommender.models import Experiment, ExperimentMember, ModelVersion

VERSIONS, EXPERIMENTS = "/admin/recommender/modelversion/", "/admin/recommender/experiment/"
LONG = "A class with a name that is longer than any screen of a telephone is wide, 2026 to 2027"


def told(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.08, "high": value + 0.08}


def part(name: str, value: float) -> dict[str, Any]:
    names = ("hr@10", "mastery_error", "overestimated", "promised", "variety")
    return {"key": name, "name": name, "learners": 34, "ndcg@10": told(value)} | {
        each: told(0.4) for each in names
    }


@pytest.fixture
def version(db: None) -> ModelVersion:
    """A candidate with all that a page of one can show, beside an active one."""
    ModelVersion.objects.create(
        artefact="active",
        sha256="1" * 64,
        manifest={},
        metrics={"ndcg@10": 0.25, "hr@10": 0.5, "cases": 900},
        data_until=timezone.now(),
        is_active=True,
    )
    compared = [
        {"key": name, "name": name, "learners": 34, "ours": 0.3, "theirs": 0.3, "behind": lost}
        | told(-0.3 if lost else 0.1)
        for name, lost in (("7b", False), (LONG, True))
    ]
    return ModelVersion.objects.create(
        artefact="candidate",
        sha256="0" * 64,
        manifest={"config": {"one-long-word": "x" * 300, "many": list(range(200))}},
        metrics={"ndcg@10": 0.3, "hr@10": 0.6, "auc": 0.8, "log_loss": 0.5, "cases": 900},
        data_until=timezone.now(),
        gate={
            "verdict": "a group falls behind",
            "cases": 900,
            "needed": 500,
            "diff": {name: {"ndcg@10": told(0.1)} for name in ("active", "popularity")},
            "parts": {
                "margin": 0.02,
                "dimensions": [{"kind": "group", "name": "", "hidden": 2, "parts": compared}],
            },
        },
        fairness={
            "least": 10,
            "all": part("", 0.3),
            "dimensions": [
                {
                    "kind": "group",
                    "name": "",
                    "hidden": 2,
                    "parts": [part("7b", 0.4), part(LONG, 0.1)],
                },
                {
                    "kind": "pace",
                    "name": "",
                    "hidden": 0,
                    "parts": [part("fast", 0.3), part("middle", 0.32), part("slow", 0.28)],
                },
            ],
        },
    )


@pytest.fixture
def experiment(version: ModelVersion) -> Experiment:
    made = Experiment.objects.create(name="Newer?", treatment=version)
    people = User.objects.bulk_create(User(username=f"member{n}", password="!") for n in range(60))
    ExperimentMember.objects.bulk_create(
        ExperimentMember(
            experiment=made,
            learner=person,
            treated=number % 2 == 0,
            joined_at=timezone.now(),
            attempts=10,
            outcome=0.6 if number % 2 == 0 else 0.4,
            settled_at=timezone.now() + timedelta(seconds=number),
        )
        for number, person in enumerate(people)
    )
    return made


def measure(page: Any) -> tuple[int, list[str]]:
    """The page's width, and what reaches beyond the screen outside of what scrolls by itself."""
    return page.evaluate("document.documentElement.scrollWidth"), page.evaluate(WIDE)


@pytest.mark.parametrize("size", [PHONE, NARROWEST], ids=["phone", "narrowest"])
def test_they_are_no_wider_than_a_phone(
    visit: Callable[..., Visitor],
    olga: Any,
    version: ModelVersion,
    experiment: Experiment,
    size: dict[str, int],
) -> None:
    page = visit(olga).page
    for address in (
        f"{VERSIONS}{version.pk}/change/",
        VERSIONS,
        f"{EXPERIMENTS}{experiment.pk}/change/",
        EXPERIMENTS,
    ):
        page.set_viewport_size(size)
        page.goto(address)
        width, wide = measure(page)
        assert width <= size["width"], (address, width, wide)


def test_wide_tables_are_reached_by_keyboard(
    visit: Callable[..., Visitor], olga: Any, version: ModelVersion
) -> None:
    page = visit(olga).page
    page.set_viewport_size(PHONE)
    page.goto(f"{VERSIONS}{version.pk}/change/")
    table = page.locator(".attune-scroll--wide").first
    table.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.activeElement.scrollLeft > 0")
