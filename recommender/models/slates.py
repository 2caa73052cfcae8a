"""Slates, and what was shown of them."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from content.models import Item
from recommender.entries import EntriesField
from recommender.models.versions import ModelVersion


class Slate(models.Model):
    """One ranked list computed for one learner."""

    class Source(models.TextChoices):
        MODEL = "model", _("model")
        SYLLABUS = "syllabus", _("syllabus")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    learner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("learner"),
        on_delete=models.CASCADE,
        related_name="slates",
        db_index=False,
    )
    model_version = models.ForeignKey(
        ModelVersion,
        verbose_name=_("model version"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="slates",
    )
    source = models.CharField(_("source"), max_length=8, choices=Source.choices)
    computed_at = models.DateTimeField(_("computed"))
    seq = models.BigIntegerField(
        _("changes seen"), help_text=_("The dirty_seq that was read with the history.")
    )
    entries = EntriesField(
        _("entries"),
        help_text=_(
            "In rank order: item pk, score, predicted success, retrievability, terms of the utility, reason codes and parameters."
        ),
    )
    exploration = models.JSONField(
        _("exploration"),
        null=True,
        help_text=_("Slot, item and probability of the explored entry."),
    )
    history = models.BinaryField(
        _("history"),
        help_text=_("Event ids (int64) that the contributions refer to."),
        default=bytes,
    )
    contributions = models.BinaryField(
        _("contributions"),
        help_text=_(
            "The largest, 32 for each of the first 30 entries, 3 for the others: position in the history (uint16) and share (float16)."
        ),
        default=bytes,
    )
    attention = models.BinaryField(
        _("attention"),
        help_text=_(
            "Of each head the share of the beginning and the eight largest: position in the history (uint16) and root of the share (uint8)."
        ),
        default=bytes,
    )
    kept = models.BooleanField(
        _("kept"), default=False, help_text=_("Shown or answered with feedback: not overwritten.")
    )

    class Meta:
        verbose_name = _("slate")
        verbose_name_plural = _("slates")
        indexes = [
            # Read by every page and API call: a learner's newest slate.
            models.Index("learner", F("computed_at").desc(), name="recommender_slate_newest"),
            # Read by the pruning of old slates.
            models.Index(fields=["computed_at"], name="recommender_slate_age"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class Impression(models.Model):
    """An item of a slate that was really shown, with the probability at which it was."""

    slate = models.ForeignKey(
        Slate,
        verbose_name=_("slate"),
        on_delete=models.CASCADE,
        related_name="impressions",
        db_index=False,
    )
    learner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("learner"),
        on_delete=models.CASCADE,
        related_name="impressions",
    )
    item = models.ForeignKey(
        Item, verbose_name=_("item"), on_delete=models.CASCADE, related_name="impressions"
    )
    position = models.PositiveSmallIntegerField(_("position"), help_text=_("1 is the top."))
    propensity = models.FloatField(_("propensity"), null=True)
    explored = models.BooleanField(_("explored"), default=False)
    shown_at = models.DateTimeField(_("shown"))

    class Meta:
        verbose_name = _("impression")
        verbose_name_plural = _("impressions")
        constraints = [
            models.UniqueConstraint(fields=["slate", "item"], name="recommender_impression_unique")
        ]

    def __str__(self) -> str:
        return f"{self.slate_id}: {self.position}"
