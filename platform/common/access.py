"""Which rows a person may see, asked by lower apps and answered by the apps that know.

`content` owns courses, but who is enrolled is known to `learners`, which lies above it. So `learners` registers a
narrowing of each model's queryset here, and content's views ask for it by name.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)

Person = AbstractBaseUser | AnonymousUser
Narrowing = Callable[[Any, Person], Any]

_narrowings: dict[str, Narrowing] = {}


class NoAccessRule(LookupError):
    """Nobody registered who may see a model's rows: nothing is shown rather than everything."""


def register_visibility(label: str, narrowing: Narrowing) -> None:
    """Register `narrowing(queryset, person) -> queryset` for the model `label`, as in "content.Course"."""
    _narrowings[label] = narrowing


def visible(queryset: QuerySet[M], person: Person) -> QuerySet[M]:
    """Return the rows of `queryset` that `person` may see. Raises NoAccessRule for an unregistered model."""
    label = queryset.model._meta.label
    if label not in _narrowings:
        raise NoAccessRule(label)
    narrowed: QuerySet[M] = _narrowings[label](queryset, person)
    return narrowed
