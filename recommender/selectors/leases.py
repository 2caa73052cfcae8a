"""Whether somebody is at a piece of work."""

from django.db.models.functions import Now

from recommender.models import Lease


def is_leased(*, name: str) -> bool:
    """Tell whether a worker holds the lease `name` now, by the database's clock."""
    return Lease.objects.filter(name=name, until__gt=Now()).exists()
