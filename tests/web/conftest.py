"""Pages for the cast: Alice studies algebra in Bob's group; Charlie is in nothing of theirs."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import algebra_course
import pytest
from django.test import Client
from web_pages import sign_in

from learners.services.groups import add_course, add_learner, create_group


@pytest.fixture
def algebra(db: None) -> SimpleNamespace:
    return algebra_course.make_course()


@pytest.fixture
def group(alice: Any, bob: Any, algebra: SimpleNamespace) -> Any:
    group = create_group(teacher=bob, name="Class 7b")
    add_course(group=group, course=algebra.course)
    add_learner(group=group, learner=alice)
    return group


@pytest.fixture(autouse=True)
def plain(settings: Any) -> None:
    """Static files by their own names, which need no collecting; and a password costs nothing."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def page() -> Callable[..., Client]:
    """A browser without scripts, signed in as a person (None: anonymous)."""
    return sign_in
