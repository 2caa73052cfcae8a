"""Switching terms of the ranking off and on again, for everybody."""

from collections.abc import Collection
from typing import Any

from common.api.errors import Refused
from common.turns import take_turn
from django.db import transaction
from django.utils.translation import gettext as _

from recommender.models.ranking import RankingChange
from recommender.terms import Term


def switch_terms(*, off: Collection[Term], by: Any, seen: int | None = None) -> bool:
    """Have exactly these terms switched off from now on, and note who did it; tells whether anything changed.

    Every list that is made from now on follows it; no learner is marked stale. `seen` is the change that was in force when
    `by` looked (0 = none): Refused where there has been another one since.
    """
    with transaction.atomic():
        # A lock on the newest row wouldn't do: there may be none, and whoever waited would get that same row.
        take_turn("attune ranking changes")
        newest = RankingChange.objects.first()
        if seen is not None and seen != (newest.pk if newest else 0):
            raise Refused(_("Somebody has changed the ranking meanwhile. Look again."))
        names = sorted(term.value for term in off)
        if names == (newest.switched_off if newest else []):
            return False
        RankingChange.objects.create(switched_off=names, by=by)
        return True
