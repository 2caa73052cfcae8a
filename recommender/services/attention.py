"""What a learner decides of her attention profile, and what the workers compute of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError

from learners.services.event_store import lock_history
from learners.services.freshness import mark_dirty
from recommender.models import AttentionProfile, Feedback

MOST_SET = 200
"""So many features a learner may have set at once."""


def change_profile(*, learner_id: int) -> AttentionProfile:
    """Lock a learner's profile (made where there is none) and count one change of it.

    Call it in the transaction of the change, behind the learner's history lock and before `mark_dirty`.
    """
    AttentionProfile.objects.get_or_create(learner_id=learner_id)
    AttentionProfile.objects.filter(pk=learner_id).update(revision=F("revision") + 1)
    return AttentionProfile.objects.get(pk=learner_id)


def update_attention(
    *,
    learner_id: int,
    limits: Mapping[str, Sequence[float] | None] | None = None,
    paused: bool | None = None,
) -> AttentionProfile:
    """Change a learner's own settings: the lowest and highest weight of features, by stored name, and the pause.

    Both ends equal set a weight; None gives a feature back to what her feedback makes of it. Raises ValidationError
    naming `limits` where too many would be set.
    """
    with transaction.atomic():
        lock_history(learner_id)
        # Refused before the profile is locked: a worker passes a locked one over, and trusts that a change follows.
        stored = AttentionProfile.objects.filter(pk=learner_id).values_list("limits", flat=True)
        merged = {**(stored.first() or {}), **(limits or {})}
        kept = {name: list(ends) for name, ends in merged.items() if ends is not None}
        if len(kept) > MOST_SET:
            told = _("At most %(count)s can be set at once.") % {"count": MOST_SET}
            raise ValidationError({"limits": [told]})
        profile = change_profile(learner_id=learner_id)
        profile.limits = kept
        if paused is not None:
            profile.paused = paused
        profile.save(update_fields=["limits", "paused"])
        mark_dirty(learner_ids=[learner_id], active=True)
    return profile


def reset_attention(*, learner_id: int) -> None:
    """As if she had never said or done anything with her lists: feedback is taken back, hidden items return, settings are gone.

    Observations of what she did until now stay, and count nothing: a worker may be writing one at this moment.
    """
    with transaction.atomic():
        lock_history(learner_id)
        profile = change_profile(learner_id=learner_id)
        profile.reset_at = timezone.now()
        profile.limits, profile.paused = {}, False
        profile.save(update_fields=["reset_at", "limits", "paused"])
        said = Feedback.objects.filter(learner=learner_id, withdrawn_at=None)
        said.update(withdrawn_at=profile.reset_at)
        mark_dirty(learner_ids=[learner_id], active=True)


def store_folds(folds: Mapping[int, tuple[int, Mapping[str, Any]]], *, now: datetime) -> None:
    """Keep what workers computed: revision seen and state by learner, unless a later one is there already.

    A profile that somebody is changing at this moment is passed over, not waited for: that change brings a refresh
    of its own, and waiting for it while holding the learners' states could last for ever.
    """
    if not folds:
        return
    rows = AttentionProfile.objects.select_for_update(skip_locked=True).filter(pk__in=folds)
    kept = []
    with transaction.atomic():
        for profile in rows.order_by("pk"):
            revision, state = folds[profile.pk]
            if profile.folded_revision <= revision:
                profile.folded_revision, profile.state = revision, dict(state)
                profile.folded_at = now
                kept.append(profile)
        AttentionProfile.objects.bulk_update(kept, ["folded_revision", "state", "folded_at"])
