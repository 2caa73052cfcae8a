"""Tiny typed readers of the environment that fail loudly. A value may come from a file named by `NAME_FILE`."""

import os
from pathlib import Path

_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}
_MISSING = object()


class InvalidSetting(ValueError):
    """An environment variable has a value that its reader cannot use."""


def text(name: str, default: object = _MISSING) -> str:
    """Return the variable `name`, or the content of the file named by `name_FILE` (container secrets).

    Raises InvalidSetting when neither is set and no default is given, or the file cannot be read.
    """
    if file := os.environ.get(f"{name}_FILE"):
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise InvalidSetting(f"{name}_FILE: cannot read {file}: {error.strerror}") from error
    value = os.environ.get(name, default)
    if value is _MISSING:
        raise InvalidSetting(f"{name} (or {name}_FILE) must be set")
    return str(value)


def boolean(name: str, *, default: bool) -> bool:
    """Return the truth value of `name`: 1/true/yes/on or 0/false/no/off. Raises InvalidSetting."""
    value = text(name, "").strip().lower()
    if not value:
        return default
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise InvalidSetting(
        f"{name} must be one of 1, true, yes, on, 0, false, no, off; got {value!r}"
    )


def number(name: str, *, default: float, minimum: float | None = None) -> float:
    """Return `name` as a number. Raises InvalidSetting when it is none or below `minimum`."""
    value = text(name, "").strip()
    if not value:
        return default
    try:
        result = float(value)
    except ValueError as error:
        raise InvalidSetting(f"{name} must be a number; got {value!r}") from error
    if minimum is not None and result < minimum:
        raise InvalidSetting(f"{name} must be at least {minimum}; got {value}")
    return result


def integer(name: str, *, default: int, minimum: int | None = None) -> int:
    """Return `name` as a whole number. Raises InvalidSetting."""
    result = number(name, default=default, minimum=minimum)
    if result != int(result):
        raise InvalidSetting(f"{name} must be a whole number; got {result}")
    return int(result)


def items(name: str, *, default: str = "") -> list[str]:
    """Return the comma-separated parts of `name` without white space and empty parts."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]
