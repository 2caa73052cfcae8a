"""Reading what a browser sends: anything may come, nothing of it may raise."""

from uuid import UUID


def read_uuid(value: str | None) -> UUID | None:
    try:
        return UUID(value) if value else None
    except ValueError:
        return None


def read_count(value: str | None, *, most: int) -> int:
    """A whole number from 0 to `most`; anything else counts as 0."""
    if value and value.isascii() and value.isdigit() and len(value) < 6:
        return min(int(value), most)
    return 0
