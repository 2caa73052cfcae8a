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


@pytest.fixture
def page() -> Callable[..., Client]:
    """A browser without scripts, signed in as a person (None: anonymous)."""
    return sign_in
