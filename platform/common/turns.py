"""One transaction at a time, where there is no row that could be locked."""

import zlib

from django.db import connection


def key_of(name: str) -> int:
    """The number that PostgreSQL knows this name's turn by."""
    return zlib.crc32(name.encode())


def take_turn(name: str) -> None:
    """Wait until no other transaction has the turn of that name, and keep it to the end of this one.

    It belongs to the transaction and not to the session, so that a pooled connection survives it. Call it within one.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key_of(name)])
