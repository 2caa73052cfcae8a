"""What the active version met in one day, as counts: what the operators' page and the alerts are made of."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class HealthSummary(models.Model):
    """One day of one version: sums over learners, of which none can be told apart. A worker writes it anew all day."""

    version = models.ForeignKey(
        "recommender.ModelVersion",
        verbose_name=_("model version"),
        on_delete=models.CASCADE,
        related_name="health",
    )
    day = models.DateField(_("day"), help_text=_("In UTC."))
    measured_at = models.DateTimeField(_("measured"))
    read = models.PositiveIntegerField(_("readings of attention"), default=0)
    anomalous = models.JSONField(
        _("out of range"), default=dict, help_text=_("Readings out of range by kind.")
    )
    repaired = models.PositiveIntegerField(_("repaired"), default=0)
    measures = models.JSONField(
        _("measures"),
        default=dict,
        help_text=_("By name: counts in the bins of the measure, and of how many learners."),
    )

    class Meta:
        verbose_name = _("attention health")
        verbose_name_plural = _("attention health")
        ordering = ["-day"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["version", "day"], name="recommender_health_day")
        ]

    def __str__(self) -> str:
        return f"v{self.version_id} {self.day}"
