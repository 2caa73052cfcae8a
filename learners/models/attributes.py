"""What operators declare of learners so that versions can be checked for fairness, and for nothing else."""

from typing import Final

from django.conf import settings
from django.core.validators import ProhibitNullCharactersValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

_PLAIN: Final = [ProhibitNullCharactersValidator()]


class LearnerAttribute(models.Model):
    """One attribute of a learner, such as her first language.

    No model is trained on it and no list depends on it; teachers do not see it. Reports of versions compare the learners of
    each value, where there are enough of them.
    """

    learner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("learner"),
        on_delete=models.CASCADE,
        related_name="attributes",
        db_index=False,
    )
    name = models.CharField(_("name"), max_length=50, validators=_PLAIN)
    value = models.CharField(_("value"), max_length=100, validators=_PLAIN)

    class Meta:
        verbose_name = _("declared attribute")
        verbose_name_plural = _("declared attributes")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["learner", "name"], name="learners_learnerattribute_once"
            )
        ]

    def __str__(self) -> str:
        # The admin's log keeps this for good: it must name nobody.
        return f"#{self.pk}"
