"""Experiments: two ways of ranking, learners divided by chance, and what came of it."""

import uuid

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class Experiment(models.Model):
    """A trial of one version, or the syllabus, against another; at most one runs."""

    class State(models.TextChoices):
        TRYING = "trying", _("not decided yet")
        TREATMENT = "stays", _("the treatment is better")
        CONTROL = "harms", _("the control is better")
        NEITHER = "useless", _("no gain of the treatment was shown")

    name = models.CharField(_("name"), max_length=100, unique=True)
    salt = models.UUIDField(default=uuid.uuid4, editable=False)
    treatment = models.ForeignKey(
        "recommender.ModelVersion",
        verbose_name=_("treatment"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text=_("What is to be tried. Empty: the order of the courses."),
    )
    control = models.ForeignKey(
        "recommender.ModelVersion",
        verbose_name=_("control"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text=_("What it is compared with. Empty: the order of the courses."),
    )
    share = models.FloatField(
        _("share of the treatment"),
        default=0.5,
        validators=[MinValueValidator(0.05), MaxValueValidator(0.95)],
        help_text=_("Of the learners, from 0.05 to 0.95. It cannot be changed later."),
    )
    horizon = models.PositiveIntegerField(
        _("most learners"),
        default=2000,
        validators=[MinValueValidator(20)],
        help_text=_(
            "After so many outcomes without a difference the answer is that none was shown."
        ),
    )
    ends_at = models.DateTimeField(
        _("ends"), null=True, blank=True, help_text=_("At the latest; empty: when you end it.")
    )
    running = models.BooleanField(_("running"), default=True)
    started_at = models.DateTimeField(_("started"), auto_now_add=True)
    ended_at = models.DateTimeField(_("ended"), null=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("by"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    state = models.CharField(_("answer"), max_length=8, choices=State.choices, default=State.TRYING)
    effect = models.FloatField(_("effect"), null=True)
    low = models.FloatField(_("at least"), null=True)
    high = models.FloatField(_("at most"), null=True)
    judged_at = models.DateTimeField(_("last judged"), null=True)
    decided_at = models.DateTimeField(_("decided"), null=True)

    class Meta:
        verbose_name = _("experiment")
        verbose_name_plural = _("experiments")
        ordering = ["-pk"]
        default_permissions = ("view", "add")
        constraints = [
            models.UniqueConstraint(
                fields=["running"],
                condition=Q(running=True),
                name="recommender_one_running_experiment",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ExperimentMember(models.Model):
    """A learner in her arm, from her first list in it on, and her outcome. Each counts once."""

    experiment = models.ForeignKey(
        Experiment,
        verbose_name=_("experiment"),
        on_delete=models.CASCADE,
        related_name="members",
        db_index=False,
    )
    learner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("learner"),
        on_delete=models.CASCADE,
        related_name="experiments",
    )
    treated = models.BooleanField(_("treated"))
    joined_at = models.DateTimeField(_("joined"))
    attempts = models.PositiveSmallIntegerField(_("first attempts"), null=True)
    outcome = models.FloatField(_("outcome"), null=True, help_text=_("From 0 to 1."))
    settled_at = models.DateTimeField(_("settled"), null=True)

    class Meta:
        verbose_name = _("member of an experiment")
        verbose_name_plural = _("members of experiments")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["experiment", "learner"], name="recommender_experimentmember_once"
            )
        ]
        indexes = [
            # What waits is a small part of what was.
            models.Index(
                F("joined_at"),
                name="recommender_member_open",
                condition=Q(settled_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.experiment_id} {self.learner_id}"
