"""What is left in learners' memories, as the refresh last worked it out from their answers."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from content.models import Item
from learners.memory import DEFAULTS, Fit, Memory


class MemoryCard(models.Model):
    """One learner's memory of one exercise (`learners.memory.Memory`): derived, and made anew where it is lost."""

    learner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("learner"),
        on_delete=models.CASCADE,
        related_name="memory_cards",
        db_index=False,
    )
    item = models.ForeignKey(
        Item, verbose_name=_("item"), on_delete=models.CASCADE, related_name="memory_cards"
    )
    stability = models.FloatField(_("stability"), help_text=_("Days until nine tenths are left."))
    difficulty = models.FloatField(_("difficulty"), help_text=_("From 1 to 10."))
    reviewed_at = models.DateTimeField(_("last answer"))
    due_at = models.DateTimeField(_("due"))
    attempts = models.PositiveIntegerField(
        _("attempts"), help_text=_("Graded answers that this has seen.")
    )
    event = models.BigIntegerField(_("event"), help_text=_("The last of them."))
    fit = models.PositiveIntegerField(
        _("fit"),
        default=0,
        db_default=0,
        help_text=_("Which fit of her parameters it was computed with; 0: the defaults."),
    )

    COLUMNS: ClassVar = (
        *("item_id", "stability", "difficulty"),
        *("reviewed_at", "due_at", "attempts", "event"),
    )
    """The fields of a `Memory` but its fit, in its order."""

    class Meta:
        verbose_name = _("memory of an item")
        verbose_name_plural = _("memories of items")
        constraints = [
            models.UniqueConstraint(fields=["learner", "item"], name="learners_memorycard_unique")
        ]

    def __str__(self) -> str:
        return f"{self.learner_id}: {self.item_id}"

    def as_memory(self, fit: Fit = DEFAULTS) -> Memory:
        """Of a learner who has this fit now; one that was computed with the defaults stays so until the next refresh."""
        values = (getattr(self, name) for name in self.COLUMNS)
        return Memory._make([*values, fit if self.fit else DEFAULTS])


class MemoryFit(models.Model):
    """A learner's own parameters of forgetting, fitted to her answers, and whether they are better than the defaults."""

    learner = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("learner"),
        on_delete=models.CASCADE,
        related_name="memory_fit",
        primary_key=True,
    )
    revision = models.PositiveIntegerField(
        _("revision"), default=0, help_text=_("How often her parameters have been fitted.")
    )
    parameters = models.JSONField(_("parameters"), default=list)
    used = models.BooleanField(
        _("in use"),
        default=False,
        help_text=_("Only where they predicted her newest reviews better than the defaults."),
    )
    reviews = models.PositiveIntegerField(
        _("reviews"), default=0, help_text=_("Repeated a day later or more; fitted to these.")
    )
    held_out = models.PositiveIntegerField(
        _("reviews held out"), default=0, help_text=_("The newest, which judged the fit.")
    )
    default_log_loss = models.FloatField(_("log loss of the defaults"), null=True)
    log_loss = models.FloatField(_("log loss"), null=True)
    gain_low = models.FloatField(
        _("gain at least"), null=True, help_text=_("Lower end of the interval of the difference.")
    )
    gain_high = models.FloatField(_("gain at most"), null=True)
    fitted_at = models.DateTimeField(_("fitted"), null=True)
    look_again = models.PositiveIntegerField(
        _("next at"), help_text=_("Repeated answers from which on she is fitted again.")
    )

    class Meta:
        verbose_name = _("fit of memory")
        verbose_name_plural = _("fits of memory")

    def __str__(self) -> str:
        return f"{self.learner_id}: {self.revision}"
