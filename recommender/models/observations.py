"""What a learner did with her lists, as far as it says something of what should count for her; and what is usual for an item."""

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from content.models import Item

MOST: Final = 100
"""Of a learner's observations the newest so many are kept and folded, however many events she has."""
LEAST: Final = 0.1
"""Smaller surprises are nothing that was not to be expected: they are kept only in place of an earlier observation."""


class Observation(models.Model):
    """One thing that a learner did otherwise than expected: of an item the last one in each respect.

    Workers write them when they refresh; nothing but a newer event of the same kind changes one. Those received before
    her last reset count nothing.
    """

    class Respect(models.TextChoices):
        RATING = "rating", _("rating")
        ANSWER = "answer", _("answer")
        FINISH = "finish", _("finish")
        REOPENING = "reopening", _("reopening")
        ATTENTION = "attention", _("attention time")

    class Signal(models.TextChoices):
        RATED_HIGH = "rated_high", _("you rated it high")
        RATED_MID = "rated_mid", _("you rated it in the middle")
        RATED_LOW = "rated_low", _("you rated it low")
        RIGHT = "answered_right_unexpected", _("you answered right, which was not sure")
        WRONG = "answered_wrong_unexpected", _("you answered wrong, against what was expected")
        COMPLETED = "completed", _("you finished it")
        ABANDONED = "abandoned", _("you left it unfinished")
        REOPENED = "reopened", _("you came back to it after finishing")
        LONG = "attention_long", _("you spent much more time on it than is usual")
        SHORT = "attention_short", _("you spent much less time on it than is usual")

    learner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("learner"),
        on_delete=models.CASCADE,
        related_name="observations",
        db_index=False,
    )
    item = models.ForeignKey(
        Item, verbose_name=_("item"), on_delete=models.CASCADE, related_name="observations"
    )
    respect = models.CharField(_("respect"), max_length=10, choices=Respect.choices)
    signal = models.CharField(_("signal"), max_length=26, choices=Signal.choices)
    surprise = models.FloatField(
        _("surprise"),
        help_text=_("How little it was expected, from 0 to 1; of ratings from -1 to 1."),
    )
    event = models.BigIntegerField(_("event"), help_text=_("Number of the event that says so."))
    received_at = models.DateTimeField(_("received"))
    slate_uid = models.UUIDField(
        _("slate id"), null=True, help_text=_("The list that the item was on, if any.")
    )
    features = models.JSONField(_("features"), default=list)
    contributions = models.JSONField(_("contributions"), default=list)

    class Meta:
        verbose_name = _("observation")
        verbose_name_plural = _("observations")
        default_permissions = ()  # hers alone
        constraints = [
            models.UniqueConstraint(
                fields=["learner", "item", "respect"], name="recommender_observation_last"
            )
        ]
        indexes = [
            # Which are the newest: those that count.
            models.Index("learner", F("received_at").desc(), name="recommender_observation_age"),
        ]

    def __str__(self) -> str:
        return f"{self.learner_id} {self.signal} {self.item_id}"

    @property
    def name(self) -> str:
        """What a fold calls it: an event says at most one thing in each respect."""
        return f"{self.event}:{self.respect}"


class ItemNorm(models.Model):
    """What learners usually do with an item, counted before the last training run's moment."""

    item = models.OneToOneField(
        Item,
        verbose_name=_("item"),
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="norm",
    )
    finished = models.PositiveIntegerField(_("finished"))
    abandoned = models.PositiveIntegerField(_("abandoned"))
    ratings = models.PositiveIntegerField(_("ratings"))
    rating_sum = models.FloatField(_("sum of ratings"))
    timed = models.PositiveIntegerField(_("attention times"))
    seconds = models.FloatField(_("median attention time"), null=True)

    class Meta:
        verbose_name = _("what is usual for an item")
        verbose_name_plural = _("what is usual for items")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.item_id)
