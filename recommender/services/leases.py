"""Leases: one worker at a time does a piece of work, and a killed worker's is free again when its lease runs out.

Times are the database's. Only the owner renews or releases a lease, so whoever lost one cannot take it from its next
owner.
"""

import os
import socket
import uuid
from datetime import timedelta

from django.db import connection
from django.db.models.functions import Now

from recommender.models import Lease


class LostLease(Exception):
    """Another worker has taken the work over, or it is finished: the caller must write nothing more."""


def name_worker() -> str:
    """Return a name that no other claim has, whichever machine, process or thread makes it; at most 64 characters."""
    return f"{socket.gethostname()[:24]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def claim_lease(*, name: str, owner: str, seconds: float) -> bool:
    """Give `owner` the lease `name` for `seconds`; False while another holds it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO recommender_lease AS held (name, owner, until)
            VALUES (%(name)s, %(owner)s, clock_timestamp() + make_interval(secs => %(seconds)s))
            ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until
             WHERE held.until < clock_timestamp() OR held.owner = excluded.owner
            """,
            {"name": name, "owner": owner, "seconds": seconds},
        )
        return bool(cursor.rowcount)


def renew_lease(*, name: str, owner: str, seconds: float) -> None:
    """Let the lease run for `seconds` from now. Raises LostLease where it is no longer the owner's."""
    until = Now() + timedelta(seconds=seconds)
    if not Lease.objects.filter(name=name, owner=owner).update(until=until):
        raise LostLease


def require_lease(*, name: str, owner: str) -> None:
    """Raise LostLease unless the lease is the owner's; nobody takes it before the caller's transaction ends."""
    if not Lease.objects.select_for_update().filter(name=name, owner=owner).exists():
        raise LostLease


def release_lease(*, name: str, owner: str) -> None:
    """Give the lease back; nothing happens where it is another's by now."""
    Lease.objects.filter(name=name, owner=owner).delete()
