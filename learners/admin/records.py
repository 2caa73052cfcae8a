"""What learners did, and what follows from it."""

from typing import Any

from django.contrib import admin
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from learners.admin.base import ReadOnly
from learners.models import (
    ConceptMastery,
    Event,
    ItemProgress,
    LearnerState,
    MemoryCard,
    MemoryFit,
)
from learners.services.freshness import mark_dirty


@admin.register(Event)
class EventAdmin(ReadOnly):
    """The append-only record of what learners did."""

    list_display = ("id", "actor", "verb", "item", "success", "graded", "occurred_at")
    list_filter = ("verb", "graded")
    list_select_related = ("actor", "item")
    search_fields = ("actor__username__exact", "item__slug__exact")
    ordering = ("-id",)
    show_full_result_count = False  # counting millions of rows would take longer than the page


@admin.register(ItemProgress)
class ItemProgressAdmin(ReadOnly):
    """What a learner's events on one item add up to."""

    list_display = ("learner", "item", "attempts", "right", "wrong_streak", "completed_at")
    list_select_related = ("learner", "item")
    search_fields = ("learner__username__exact", "item__slug__exact")
    show_full_result_count = False


@admin.register(MemoryCard)
class MemoryCardAdmin(ReadOnly):
    """What is left of an exercise in a learner's memory."""

    list_display = ("learner", "item", "stability", "difficulty", "reviewed_at", "due_at")
    list_select_related = ("learner", "item")
    search_fields = ("learner__username__exact", "item__slug__exact")
    show_full_result_count = False


@admin.register(MemoryFit)
class MemoryFitAdmin(ReadOnly):
    """Whose memory is computed with parameters of her own, and what they are worth."""

    list_display = (
        "learner",
        "used",
        "reviews",
        "held_out",
        "default_log_loss",
        "log_loss",
        "gain_low",
        "gain_high",
        "fitted_at",
    )
    list_filter = ("used",)
    list_select_related = ("learner",)
    search_fields = ("learner__username__exact",)
    ordering = ("-fitted_at",)
    show_full_result_count = False


@admin.register(ConceptMastery)
class ConceptMasteryAdmin(ReadOnly):
    """How well a learner knows a concept."""

    list_display = ("learner", "concept", "mean", "low", "high", "answers", "updated_at")
    list_select_related = ("learner", "concept")
    search_fields = ("learner__username__exact", "concept__slug__exact")
    show_full_result_count = False


class StaleFilter(admin.SimpleListFilter):
    title = _("stale")
    parameter_name = "stale"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", _("Yes")), ("0", _("No"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        stale = Q(dirty_seq__gt=F("clean_seq"))
        if self.value() == "1":
            return queryset.filter(stale)
        return queryset.exclude(stale) if self.value() == "0" else queryset


@admin.register(LearnerState)
class LearnerStateAdmin(ReadOnly):
    """Whose recommendations are out of date, and which worker is at it."""

    list_display = ("learner", "dirty_seq", "clean_seq", "dirty_at", "active_at", "claimed_by")
    list_filter = (StaleFilter,)
    list_select_related = ("learner",)
    search_fields = ("learner__username",)
    ordering = ("-dirty_at",)
    actions = ("refresh",)

    @admin.action(description=_("Refresh recommendations"), permissions=["view"])
    def refresh(self, request: HttpRequest, queryset: QuerySet[LearnerState]) -> None:
        ids = list(queryset.values_list("learner", flat=True))
        mark_dirty(learner_ids=ids)
        self.message_user(
            request,
            ngettext(
                "%(count)s learner will be refreshed.",
                "%(count)s learners will be refreshed.",
                len(ids),
            )
            % {"count": len(ids)},
        )
