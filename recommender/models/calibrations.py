"""What a learner's attention looked like at her last refresh, and the trials of what is done where it is off."""

from typing import Final

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

WITHDRAWN_STATES: Final = ("harms", "useless")


class AttentionReading(models.Model):
    """A learner's attention as the last refresh found it: a row of some 120 bytes, overwritten by the next."""

    class Kind(models.TextChoices):
        COLLAPSED = "collapsed", _("stuck on few events")
        UNIFORM = "uniform", _("spread over everything")
        FIRST_SINK = "first_sink", _("stuck on the first event")
        RECENCY_BLIND = "recency_blind", _("blind to what is recent")
        FLOODED = "flooded", _("drawn by a burst of quick events")
        OTHER = "other", _("unusual in another way")

    learner = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("learner"),
        on_delete=models.CASCADE,
        related_name="attention_reading",
        primary_key=True,
    )
    version = models.ForeignKey(
        "recommender.ModelVersion",
        verbose_name=_("model version"),
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
    )
    computed_at = models.DateTimeField(_("computed"))
    statistics = models.BinaryField(
        _("statistics"), help_text=_("As float16, in the order of the calibration's names.")
    )
    score = models.FloatField(
        _("score"), help_text=_("How unlike healthy attention it is; comparable within a version.")
    )
    anomalous = models.BooleanField(_("anomalous"))
    repaired = models.BooleanField(_("repaired"))
    kind = models.CharField(
        _("kind of anomaly"),
        max_length=13,
        choices=Kind.choices,
        blank=True,
        default="",
        help_text=_("By the statistics that stand out most; empty where attention is healthy."),
    )
    events = models.PositiveSmallIntegerField(
        _("events"), default=0, help_text=_("That the model attended to.")
    )

    class Meta:
        verbose_name = _("attention reading")
        verbose_name_plural = _("attention readings")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.learner_id} {self.score:.2f}"


class RepairTrial(models.Model):
    """One repair of one version's attention: tried on four fifths of the anomalous learners, kept or withdrawn."""

    class Repair(models.TextChoices):
        AVERAGE = "average", _("weighted average")
        TEMPERATURE = "temperature", _("adapted temperature")

    class State(models.TextChoices):
        TRYING = "trying", _("being tried")
        STAYS = "stays", _("helps, stays")
        HARMS = "harms", _("harms, withdrawn")
        USELESS = "useless", _("no use shown, withdrawn")

    version = models.ForeignKey(
        "recommender.ModelVersion",
        verbose_name=_("model version"),
        on_delete=models.CASCADE,
        related_name="repair_trials",
    )
    repair = models.CharField(_("repair"), max_length=12, choices=Repair.choices)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.TRYING)
    effect = models.FloatField(_("effect"), null=True)
    low = models.FloatField(_("at least"), null=True)
    high = models.FloatField(_("at most"), null=True)
    repaired = models.PositiveIntegerField(_("repaired learners"), default=0)
    unrepaired = models.PositiveIntegerField(_("unrepaired learners"), default=0)
    started_at = models.DateTimeField(_("started"), auto_now_add=True)
    judged_at = models.DateTimeField(_("last judged"), null=True)
    decided_at = models.DateTimeField(_("decided"), null=True)

    class Meta:
        verbose_name = _("trial of a repair")
        verbose_name_plural = _("trials of repairs")
        ordering = ["-version", "pk"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["version", "repair"], name="recommender_repairtrial_once"
            )
        ]

    def __str__(self) -> str:
        return f"v{self.version_id} {self.repair}"

    @property
    def has_both_arms(self) -> bool:
        """Else the effect is no difference between learners, only what was assumed of nobody."""
        return self.repaired > 0 and self.unrepaired > 0


class TrialOutcome(models.Model):
    """What came after a learner's first anomaly in a trial. Each counts once."""

    trial = models.ForeignKey(
        RepairTrial,
        verbose_name=_("trial"),
        on_delete=models.CASCADE,
        related_name="outcomes",
        db_index=False,
    )
    learner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("learner"),
        on_delete=models.CASCADE,
        related_name="repair_outcomes",
    )
    repaired = models.BooleanField(_("repaired"))
    found_at = models.DateTimeField(_("found"))
    outcome = models.FloatField(_("outcome"), null=True, help_text=_("From 0 to 1."))
    settled_at = models.DateTimeField(_("settled"), null=True)

    class Meta:
        verbose_name = _("outcome of a trial")
        verbose_name_plural = _("outcomes of trials")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["trial", "learner"], name="recommender_trialoutcome_once"
            )
        ]
        indexes = [
            # What waits is a small part of what was.
            models.Index(
                "found_at",
                name="recommender_trialoutcome_open",
                condition=models.Q(outcome=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.trial_id} {self.learner_id}"
