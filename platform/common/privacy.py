"""The registry through which everything stored of one person is exported and erased.

An app that stores something of a person registers one exporter and one eraser in its AppConfig.ready;
the apps above it are reached without being imported.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Exporter = Callable[[int], Iterator[tuple[str, Any]]]
Eraser = Callable[[int], int]


@dataclass(frozen=True)
class PersonalData:
    """How one app exports and erases what it stores of a person.

    `export(user_id)` yields (section name, JSON-serialisable rows); `erase(user_id)` returns how many rows went.
    Erasers run in one transaction, highest `order` first, so that rows go before what they point to.
    """

    app: str
    export: Exporter
    erase: Eraser
    order: int = 0


_registry: dict[str, PersonalData] = {}


def register_personal_data(entry: PersonalData) -> None:
    """Add an app's exporter and eraser. Registering an app again replaces its entry."""
    _registry[entry.app] = entry


def registered_personal_data() -> list[PersonalData]:
    """Return all entries in the order in which they must erase."""
    return sorted(_registry.values(), key=lambda entry: -entry.order)
