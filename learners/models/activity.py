"""What learners did: the append-only events, the state derived from them, and the rules their teachers give."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from content.models import Concept, Item
from learners.models.people import Group
from learners.querysets import AssignmentQuerySet


class Event(models.Model):
    """One thing a learner did, append-only (the shape of xAPI, IEEE 9274.1.1)."""

    class Verb(models.TextChoices):
        VIEWED = "viewed", _("viewed")
        PROGRESSED = "progressed", _("progressed")
        COMPLETED = "completed", _("completed")
        ANSWERED = "answered", _("answered")
        RATED = "rated", _("rated")
        ABANDONED = "abandoned", _("abandoned")
        SHOWN = "shown", _("shown")

    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("learner"),
        on_delete=models.CASCADE,
        related_name="events",
        db_index=False,
    )
    uid = models.UUIDField(
        _("event id"),
        default=uuid.uuid4,
        help_text=_("Chosen by the sender; makes sending twice harmless."),
    )
    verb = models.CharField(_("verb"), max_length=10, choices=Verb.choices)
    item = models.ForeignKey(
        Item, verbose_name=_("item"), on_delete=models.CASCADE, related_name="events"
    )
    occurred_at = models.DateTimeField(_("occurred"))
    received_at = models.DateTimeField(_("received"), default=timezone.now)
    success = models.BooleanField(_("success"), null=True)
    score = models.FloatField(_("score"), null=True, help_text=_("From 0 to 1."))
    duration = models.FloatField(_("duration"), null=True, help_text=_("Seconds of attention."))
    response = models.JSONField(_("response"), null=True)
    context = models.JSONField(_("context"), default=dict)
    graded = models.BooleanField(
        _("graded"),
        default=False,
        help_text=_("Graded by this server: only then is success believed."),
    )

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints = [
            # Makes sending an event again harmless.
            models.UniqueConstraint(fields=["actor", "uid"], name="learners_event_unique_uid"),
        ]
        indexes = [
            # Read by every refresh: a learner's latest history.
            models.Index(
                "actor", F("occurred_at").desc(), F("id").desc(), name="learners_event_history"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.actor_id} {self.verb} {self.item_id}"


class ItemProgress(models.Model):
    """What a learner's events on one item add up to; kept in the transaction that stores the events."""

    learner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("learner"),
        on_delete=models.CASCADE,
        related_name="item_progress",
        db_index=False,
    )
    item = models.ForeignKey(
        Item, verbose_name=_("item"), on_delete=models.CASCADE, related_name="progress"
    )
    first_at = models.DateTimeField(_("first event"))
    last_at = models.DateTimeField(_("last event"))
    completed_at = models.DateTimeField(
        _("completed"), null=True, help_text=_("When last completed or answered right.")
    )
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    right = models.PositiveIntegerField(_("right answers"), default=0)
    last_right = models.BooleanField(_("last answer was right"), null=True)
    wrong_streak = models.PositiveIntegerField(_("wrong answers in a row"), default=0)
    seconds = models.FloatField(
        _("attention"), default=0, help_text=_("Seconds of attention in all.")
    )

    class Meta:
        verbose_name = _("progress on an item")
        verbose_name_plural = _("progress on items")
        constraints = [
            models.UniqueConstraint(fields=["learner", "item"], name="learners_itemprogress_unique")
        ]

    def __str__(self) -> str:
        return f"{self.learner_id}: {self.item_id}"


class LearnerState(models.Model):
    """How fresh a learner's slate is. Apart from the user row, which sign-ins and admin edits lock."""

    learner = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("learner"),
        on_delete=models.CASCADE,
        related_name="state",
        primary_key=True,
    )
    dirty_seq = models.BigIntegerField(_("changes"), default=0)
    clean_seq = models.BigIntegerField(_("changes seen"), default=0)
    dirty_at = models.DateTimeField(_("first change waiting"), null=True)
    active_at = models.DateTimeField(_("last active"), null=True)
    claimed_until = models.DateTimeField(
        _("claimed until"), null=True, help_text=_("Lease of the worker that refreshes her.")
    )
    claimed_by = models.CharField(_("claimed by"), max_length=64, blank=True)

    class Meta:
        verbose_name = _("freshness")
        verbose_name_plural = _("freshness")
        indexes = [
            # Read by the refresh and the sweeper: whose slate is stale.
            models.Index(
                fields=["dirty_at"],
                condition=Q(dirty_seq__gt=F("clean_seq")),
                name="learners_state_stale",
            ),
            # Read by the sweeper after an activation: who was active lately.
            models.Index(fields=["active_at"], name="learners_state_active"),
        ]

    def __str__(self) -> str:
        return f"{self.learner_id}: {self.clean_seq}/{self.dirty_seq}"


class Assignment(models.Model):
    """A teacher's rule for a group or some of its learners: study this, keep it on top, or never show it."""

    class Rule(models.TextChoices):
        ASSIGN = "assign", _("assigned")
        PIN = "pin", _("kept at the top")
        BAN = "ban", _("hidden")

    group = models.ForeignKey(
        Group, verbose_name=_("group"), on_delete=models.CASCADE, related_name="assignments"
    )
    teacher = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("teacher"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="given_assignments",
    )
    rule = models.CharField(_("rule"), max_length=6, choices=Rule.choices, default=Rule.ASSIGN)
    items = models.ManyToManyField(
        Item, verbose_name=_("items"), related_name="assignments", blank=True
    )
    concept = models.ForeignKey(
        Concept,
        verbose_name=_("concept"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="assignments",
    )
    learners = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("learners"),
        related_name="assignments",
        blank=True,
        help_text=_("Empty: everybody in the group."),
    )
    due = models.DateTimeField(_("due"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("assignment")
        verbose_name_plural = _("assignments")
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.group}: {self.get_rule_display()}"
