"""What learners said of items, and what it makes of their attention."""

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from content.models import Item
from recommender.models.slates import Slate


class Feedback(models.Model):
    """What a learner said of an item: the ledger that her attention profile is a fold of."""

    class Signal(models.TextChoices):
        HELPFUL = "helpful", _("helpful")
        NOT_HELPFUL = "not_helpful", _("not helpful")
        TOO_EASY = "too_easy", _("too easy")
        TOO_HARD = "too_hard", _("too hard")
        NOT_NOW = "not_now", _("not now")
        KNOWN = "known", _("known")

    learner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("learner"),
        on_delete=models.CASCADE,
        related_name="feedback",
        db_index=False,
    )
    uid = models.UUIDField(_("feedback id"), default=uuid.uuid4)
    slate = models.ForeignKey(
        Slate,
        verbose_name=_("slate"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="feedback",
    )
    item = models.ForeignKey(
        Item, verbose_name=_("item"), on_delete=models.CASCADE, related_name="feedback"
    )
    slate_uid = models.UUIDField(
        _("slate id"), null=True, help_text=_("Stays when the slate has been pruned.")
    )
    list_success = models.FloatField(
        _("predicted success of the list"),
        null=True,
        help_text=_("Mean of the first five of the slate, where it was predicted."),
    )
    course_success = models.FloatField(
        _("predicted success of the course"),
        null=True,
        help_text=_("The same of the first five of the item's course."),
    )
    signal = models.CharField(_("signal"), max_length=12, choices=Signal.choices)
    comment = models.TextField(_("comment"), blank=True, max_length=2000)
    received_at = models.DateTimeField(_("received"), auto_now_add=True)
    contributions = models.JSONField(
        _("contributions"),
        default=list,
        help_text=_("Event id, share and features, frozen from the slate that was answered."),
    )
    features = models.JSONField(
        _("features"), default=list, help_text=_("What weights can be of, of the item itself.")
    )
    withdrawn_at = models.DateTimeField(
        _("taken back"), null=True, help_text=_("From then on it counts as never said.")
    )

    class Meta:
        verbose_name = _("feedback")
        verbose_name_plural = _("feedback")
        constraints = [
            models.UniqueConstraint(
                fields=["learner", "uid"], name="recommender_feedback_unique_uid"
            )
        ]
        indexes = [
            # The order in which a profile is folded; also what known and not-now hide.
            models.Index(
                fields=["learner", "received_at", "id"], name="recommender_feedback_ledger"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.learner_id} {self.signal} {self.item_id}"


class AttentionProfile(models.Model):
    """What a learner's feedback makes of her attention: her own settings, and the fold of her ledger as last computed.

    Every change of ledger or settings adds 1 to `revision` under the row's lock; the fold says which one it has seen.
    """

    learner = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("learner"),
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="attention",
    )
    revision = models.BigIntegerField(_("changes"), default=0)
    limits = models.JSONField(
        _("limits"), default=dict, help_text=_("Lowest and highest weight by feature, hers.")
    )
    paused = models.BooleanField(_("paused"), default=False)
    reset_at = models.DateTimeField(_("last reset"), null=True)
    state = models.JSONField(_("fold"), default=dict)
    folded_revision = models.BigIntegerField(_("changes seen"), default=0)
    folded_at = models.DateTimeField(_("computed"), null=True)

    class Meta:
        verbose_name = _("attention profile")
        verbose_name_plural = _("attention profiles")
        default_permissions = ()  # hers alone; who looks after the platform sees sums

    def __str__(self) -> str:
        return str(self.learner_id)
