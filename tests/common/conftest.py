"""Homes of embedded services, each made for one test and deleted after it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from embedded_homes import Home


@pytest.fixture
def make_home(tmp_path: Path) -> Iterator[Callable[..., Home]]:
    """Make homes: `make_home("name")` below the test's own folder, or `make_home(path=…)`."""
    homes: list[Home] = []

    def make(name: str = "home", *, path: Path | None = None) -> Home:
        homes.append(Home(path or tmp_path / name))
        return homes[-1]

    yield make
    for home in homes:
        home.close()


@pytest.fixture
def home(make_home: Callable[..., Home]) -> Home:
    """One home on which nothing runs yet."""
    return make_home()
