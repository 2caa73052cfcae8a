"""An operator activates a version where she sees it: in the list, asked first."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser_pages import Visitor
from django.utils import timezone

from recommender.models import ModelVersion

LIST = "/admin/recommender/modelversion/"


@pytest.fixture
def candidate(settings: Any, tmp_path: Path) -> ModelVersion:
    settings.STORAGES = {
        **settings.STORAGES,
        "artefacts": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path},
        },
    }
    (tmp_path / "candidate").mkdir()
    (tmp_path / "candidate" / "manifest.json").write_text("{}", encoding="utf-8")
    return ModelVersion.objects.create(
        artefact="candidate",
        sha256="0" * 64,
        manifest={},
        metrics={},
        data_until=timezone.now(),
    )


def test_a_version_is_activated_from_the_list(
    visit: Callable[..., Visitor], olga: Any, candidate: ModelVersion
) -> None:
    page = visit(olga).page
    asked: list[str] = []

    def answer(dialog: Any) -> None:
        asked.append(dialog.message)
        dialog.accept()

    page.on("dialog", answer)
    page.goto(LIST)
    page.click(f"#result_list button:has-text('Activate {candidate}')")
    page.wait_for_selector(f"text={candidate} is active.")
    assert asked == [f"Activate {candidate}?"]
    candidate.refresh_from_db()
    assert candidate.is_active
    assert page.locator("#result_list button").count() == 0
