"""From a data folder to figures, through the platform's own path: import, run, activation, slates."""

import json
import random
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from learners.models import User
from recommender.models import Slate
from recommender.pipeline.active import forget_active
from recommender.services.activation import activate_version
from tests.recommender.training_samples import train_version

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_home")]

TRACKS, STEPS = 6, 8


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Learners on six tracks of eight items, each a few steps in a row: the next step is what to find."""
    draw = random.Random(0)
    folder = tmp_path / "walks"
    folder.mkdir()
    lines = ["learner,item,order,part"]
    for learner in range(120):
        start = draw.randint(0, 2)
        steps = [f"t{learner % TRACKS}s{step}" for step in range(start, start + 5)]
        parts = ["train"] * 3 + ["valid", "test"]
        lines += [
            f"{learner:03},{item},{order},{part}"
            for order, (item, part) in enumerate(zip(steps, parts, strict=True))
        ]
    (folder / "interactions.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_a_version_is_measured_beside_what_needs_no_model(folder: Path, tmp_path: Path) -> None:
    call_command("import_dataset", folder)
    activate_version(version=train_version(minutes=0.3))
    out = tmp_path / "report.json"

    call_command("evaluate_dataset", folder, json=out)

    report = json.loads(out.read_text(encoding="utf-8"))
    assert report["cases"] == 120
    assert set(report["metrics"]) == {"affinity", "ranking", "popularity", "item_knn"}
    for figures in report["metrics"].values():
        for figure in figures.values():
            assert 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1
    for ours in ("affinity", "ranking"):
        gain = report["diff"][ours]["popularity"]["ndcg@10"]
        assert gain["low"] > 0, report["metrics"]
    # Nothing that she had done already is on a slate, and measuring stores none.
    assert report["slates"]["in_context"] == report["slates"]["due_again"] == 0
    assert not Slate.objects.exists()


def test_a_limit_draws_some_learners(folder: Path, tmp_path: Path) -> None:
    call_command("import_dataset", folder)
    activate_version(version=train_version())
    out = tmp_path / "report.json"
    call_command("evaluate_dataset", folder, limit=10, json=out)
    assert json.loads(out.read_text(encoding="utf-8"))["cases"] == 10


def test_without_an_active_version_it_says_so(folder: Path) -> None:
    forget_active()
    with pytest.raises(CommandError, match="no version is active"):
        call_command("evaluate_dataset", folder)


def test_a_folder_that_was_not_imported_is_named(folder: Path) -> None:
    call_command("import_dataset", folder)
    activate_version(version=train_version())
    User.objects.filter(username="walks-007").delete()
    with pytest.raises(CommandError, match="walks-007"):
        call_command("evaluate_dataset", folder)
    with pytest.raises(CommandError, match="import the folder"):
        call_command("evaluate_dataset", folder, course="other")


def test_a_folder_without_test_rows_is_refused(folder: Path) -> None:
    call_command("import_dataset", folder)
    activate_version(version=train_version())
    path = folder / "interactions.csv"
    path.write_text(path.read_text().replace(",test", ",valid"), encoding="utf-8")
    with pytest.raises(CommandError, match="no test row"):
        call_command("evaluate_dataset", folder)
