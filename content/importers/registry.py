"""Which formats there are, and which one some files have."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from django.utils.translation import gettext as _

from content.importers.drafts import Parsed


class UnknownFormat(ValueError):
    """Files that no format knows, or a format that nobody registered."""


class Format(Protocol):
    """How one kind of course files is recognised and read."""

    name: str

    def detect(self, path: Path) -> bool:
        """Tell by a cheap look whether `path` has this format."""

    def read(self, path: Path, *, on_progress: Callable[[int, int], None]) -> Parsed:
        """Read all of `path`, reporting (files read, files in all). Flaws are returned, never raised."""


_formats: dict[str, Format] = {}


def register_format(format_: Format) -> None:
    """Add a format. Registering a name again replaces it."""
    _formats[format_.name] = format_


def format_names() -> list[str]:
    return sorted(_formats)


def get_format(name: str) -> Format:
    """Return the format of that name. Raises UnknownFormat."""
    try:
        return _formats[name]
    except KeyError:
        raise UnknownFormat(
            _("There is no format “%(name)s”; known are: %(known)s.")
            % {"name": name, "known": ", ".join(format_names())}
        ) from None


def detect_format(path: Path) -> Format:
    """Return the first registered format that knows `path`. Raises UnknownFormat."""
    for format_ in _formats.values():
        if format_.detect(path):
            return format_
    raise UnknownFormat(
        _("%(path)s holds no course of a known format (%(known)s).")
        % {"path": path, "known": ", ".join(format_names())}
    )
