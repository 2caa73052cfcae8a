"""What is left in learners' memories, as the refresh last worked it out from their answers."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from content.models import Item
from learners.memory import Memory


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

    COLUMNS: ClassVar = (
        *("item_id", "stability", "difficulty"),
        *("reviewed_at", "due_at", "attempts", "event"),
    )
    """The fields of a `Memory`, in its order."""

    class Meta:
        verbose_name = _("memory of an item")
        verbose_name_plural = _("memories of items")
        constraints = [
            models.UniqueConstraint(fields=["learner", "item"], name="learners_memorycard_unique")
        ]

    def __str__(self) -> str:
        return f"{self.learner_id}: {self.item_id}"

    def as_memory(self) -> Memory:
        return Memory(*(getattr(self, name) for name in self.COLUMNS))
