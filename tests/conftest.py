"""The small named cast of people with clear rights, and clients that act for them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
import pytest

ROOT = Path(__file__).resolve().parent.parent

# Before Django reads its settings, so not in a hook or an ini file: tests have servers of their own and
# never meet those of `make run` in the same checkout.
os.environ.setdefault("ATTUNE_HOME", str(ROOT / ".local" / "test"))
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


django.setup()


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """The servers run before Django makes its test database on them."""
    from common.servers import ensure_servers

    ensure_servers()


@pytest.fixture(autouse=True)
def plain_settings(settings: Any) -> None:
    """Static files by their own names, looked for where they lie, not collected; passwords that cost nothing."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    settings.WHITENOISE_AUTOREFRESH = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets, which is not part of the project."""
    folder = Path(os.environ.get("ATTUNE_SHARED") or ROOT.parent / "shared") / "data"
    if not folder.is_dir():
        pytest.skip("the real data sets (../shared/data, or ATTUNE_SHARED) are not on this machine")
    return folder


@pytest.fixture
def person(db: None, django_user_model: Any) -> Callable[..., Any]:
    """Make a person: `person("alice", role="learner")`."""

    def make(username: str, *, role: str = "learner", **fields: Any) -> Any:
        return django_user_model.objects.create_user(
            username=username,
            email=f"{username}@example.org",
            password="correct horse battery",
            role=role,
            is_staff=role == "operator",
            **fields,
        )

    return make


@pytest.fixture
def alice(person: Callable[..., Any]) -> Any:
    """A learner."""
    return person("alice")


@pytest.fixture
def bob(person: Callable[..., Any]) -> Any:
    """A teacher, of Alice's group where there is one."""
    return person("bob", role="teacher")


@pytest.fixture
def olga(person: Callable[..., Any]) -> Any:
    """The operator."""
    return person("olga", role="operator")


@pytest.fixture
def ada(person: Callable[..., Any]) -> Any:
    """An author."""
    return person("ada", role="author")


@pytest.fixture
def charlie(person: Callable[..., Any]) -> Any:
    """A learner who has access to nothing of the others."""
    return person("charlie")


@pytest.fixture
def api() -> Callable[..., Any]:
    """An API client that acts for a person (None: anonymous)."""
    from rest_framework.test import APIClient

    def make(user: Any | None = None) -> Any:
        client = APIClient()
        if user is not None:
            client.force_authenticate(user)
        return client

    return make
