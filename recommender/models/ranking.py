"""Which terms of the ranking are switched off for everybody, and who switched them when."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class RankingChange(models.Model):
    """What is switched off from one moment on. The newest row is in force; those before are the record."""

    switched_off = models.JSONField(
        _("switched off"), default=list, blank=True, help_text=_("Names of terms.")
    )
    at = models.DateTimeField(_("at"), auto_now_add=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("by"),
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )

    class Meta:
        verbose_name = _("ranking")
        verbose_name_plural = _("ranking")
        ordering = ["-pk"]
        default_permissions = ("view", "change")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"
