"""Which terms of the ranking are switched off, and since when."""

from collections.abc import Sequence

from recommender.models.ranking import RankingChange
from recommender.terms import Term


def read_switched_off() -> frozenset[Term]:
    """Return the terms that are switched off; one query. Names that this version of Attune doesn't know are ignored."""
    names = RankingChange.objects.values_list("switched_off", flat=True).first() or ()
    return frozenset(term for term in Term if term.value in names)


def list_ranking_changes(*, limit: int) -> Sequence[RankingChange]:
    """Return the last changes, the newest first, with who made them."""
    return list(RankingChange.objects.select_related("by")[:limit])
