"""What learners have mastered, as the refresh last estimated it, and how that went from day to day."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from content.models import Concept


class Estimate(models.Model):
    """P(right) over a concept's exercises, with the ends of its interval."""

    mean = models.FloatField(_("mean"), help_text=_("From 0 to 1."))
    low = models.FloatField(_("lower end"))
    high = models.FloatField(_("upper end"))
    answers = models.PositiveIntegerField(
        _("answers"), help_text=_("Graded answers on the concept among her newest events.")
    )

    class Meta:
        abstract = True


class ConceptMastery(Estimate):
    """How well a learner knows a concept now (`learners.mastery`)."""

    learner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("learner"),
        on_delete=models.CASCADE,
        related_name="mastery",
        db_index=False,
    )
    concept = models.ForeignKey(
        Concept, verbose_name=_("concept"), on_delete=models.CASCADE, related_name="mastery"
    )
    updated_at = models.DateTimeField(_("updated"))

    class Meta:
        verbose_name = _("mastery of a concept")
        verbose_name_plural = _("mastery of concepts")
        constraints = [
            models.UniqueConstraint(fields=["learner", "concept"], name="learners_mastery_unique")
        ]

    def __str__(self) -> str:
        return f"{self.learner_id}: {self.concept_id}"


class MasteryDay(Estimate):
    """The last estimate of a day on which it changed, for charts."""

    learner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("learner"),
        on_delete=models.CASCADE,
        related_name="mastery_days",
        db_index=False,
    )
    concept = models.ForeignKey(
        Concept, verbose_name=_("concept"), on_delete=models.CASCADE, related_name="mastery_days"
    )
    day = models.DateField(_("day"))

    class Meta:
        verbose_name = _("mastery on a day")
        verbose_name_plural = _("mastery by day")
        constraints = [
            models.UniqueConstraint(
                fields=["learner", "concept", "day"], name="learners_masteryday_unique"
            )
        ]
        indexes = [
            # Read by the pruning of old days.
            models.Index(fields=["day"], name="learners_masteryday_age"),
        ]

    def __str__(self) -> str:
        return f"{self.learner_id}: {self.concept_id}, {self.day}"
