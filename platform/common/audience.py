"""Courses that change, told to the app that knows who studies them.

`content` changes what can be listed, while who is enrolled is known to `learners`, which lies above it. So `learners`
registers a listener here.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import transaction

Listener = Callable[[Collection[int]], None]

_listeners: list[Listener] = []
_changing: ContextVar[set[int] | None] = ContextVar("changing_courses", default=None)


def register_course_listener(listener: Listener) -> None:
    """Call `listener(course_ids)` in each transaction that changes what a list of these courses' items may hold."""
    if listener not in _listeners:
        _listeners.append(listener)


@contextmanager
def changing_courses() -> Iterator[set[int]]:
    """Give a set for the ids of courses that change within, in one transaction, and tell the listeners at its end.

    Within another such block the outer one tells, once for all: a listener locks rows of many people until commit,
    so the long work of an import comes before it. Where an error ends the block, nobody is told.
    """
    outer = _changing.get()
    if outer is not None:
        with transaction.atomic():
            yield outer
        return
    courses: set[int] = set()
    token = _changing.set(courses)
    try:
        with transaction.atomic():
            yield courses
            if courses:
                for listener in _listeners:
                    listener(courses)
    finally:
        _changing.reset(token)
