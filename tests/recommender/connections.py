"""Work on other connections of the database, as other processes do it."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection


def all_at_once(works: Sequence[Callable[[], Any]]) -> None:
    """Do each on a connection of its own, all beginning together, and wait for them; their errors are raised here."""
    problems: list[BaseException] = []
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> None:
        try:
            barrier.wait()
            work()
        except BaseException as problem:
            problems.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
        assert not thread.is_alive()
    assert not problems, problems


def elsewhere(work: Callable[[], Any]) -> None:
    """Do something on another connection, and wait for it."""
    all_at_once([work])
