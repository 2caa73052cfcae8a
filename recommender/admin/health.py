"""Attention health: what the active version's attention, inputs and lists look like, who is affected, what is done about it."""

from typing import Any, Final

from common.queue import MEASURE_HEALTH, enqueue_on_commit
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recommender.admin.base import ReadOnly
from recommender.histograms import draw_days, draw_histogram, format_share
from recommender.measures import ATTENTION, INPUTS, MEASURES, SCORES
from recommender.models import AttentionReading, HealthSummary, RepairTrial
from recommender.selectors.attention_map import AttentionMap, find_map, list_mapped_slates
from recommender.selectors.calibrations import find_repair
from recommender.selectors.health import (
    DRIFTED,
    STABLE,
    UNSURE,
    WATCH,
    Drift,
    Health,
    find_affected,
    list_affected,
    list_trials,
    name_pseudonym,
    read_health,
)

PAGE: Final = 10
LISTS: Final = 8
"""So many of her newest lists of each of those affected can be looked into."""
EXPECTED: Final = 0.01
"""One healthy reading in so many is out of range by the threshold's making."""
LEVELS: Final[dict[str, Any]] = {
    STABLE: gettext_lazy("stable"),
    WATCH: gettext_lazy("has moved"),
    DRIFTED: gettext_lazy("has moved far"),
    UNSURE: gettext_lazy("too few learners to tell"),
}
GROUPS: Final = (
    (ATTENTION, gettext_lazy("Attention")),
    (INPUTS, gettext_lazy("What comes in")),
    (SCORES, gettext_lazy("What goes out")),
)


@admin.register(HealthSummary)
class HealthAdmin(ReadOnly):
    """One page in place of a list of rows."""

    def get_urls(self) -> list[URLPattern]:
        name = "recommender_healthsummary"
        right = "recommender.view_healthsummary"
        show = self.admin_site.admin_view(self.show_map)
        own = [
            path("measure/", self.button(self.measure, right), name=f"{name}_measure"),
            path("map/<slug:pseudonym>/", show, name=f"{name}_map"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            return super().changelist_view(request, extra_context)
        request.current_app = self.admin_site.name
        health = read_health(today=timezone.now().date())
        context = {
            **self.admin_site.each_context(request),
            **(extra_context or {}),
            "title": _("Attention health"),
            "opts": self.opts,
            "media": self.media,
            "health": health,
            "trials": list_trials(),
            **(describe_health(health) if health else {}),
            **describe_affected(request.GET.get("p")),
        }
        return render(request, "admin/recommender/health/page.html", context)

    def show_map(self, request: HttpRequest, pseudonym: str) -> HttpResponse:
        """Which events one of those affected had attended to in one of her last lists: to find out why."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        learner = find_affected(pseudonym)
        if learner is None:
            raise Http404
        request.current_app = self.admin_site.name
        pages = Paginator(list_mapped_slates(learner_id=learner, limit=LISTS), 1)
        shown = pages.get_page(request.GET.get("p"))
        slate = next(iter(shown), None)
        found = find_map(learner_id=learner, slate_id=slate) if slate else None
        context = {
            **self.admin_site.each_context(request),
            "title": _("Attention of %(pseudonym)s") % {"pseudonym": pseudonym},
            "opts": self.opts,
            "media": self.media,
            "pseudonym": pseudonym,
            "pages": shown,
            **(describe_shares(found) if found else {}),
        }
        return render(request, "admin/recommender/health/map.html", context)

    def measure(self, request: HttpRequest) -> str:
        enqueue_on_commit(MEASURE_HEALTH)
        messages.info(request, _("A worker is counting; look again in a moment."))
        return reverse("admin:recommender_healthsummary_changelist")


def describe_health(health: Health) -> dict[str, Any]:
    """What the templates show of days, measures and the repair in force."""
    kinds = list(AttentionReading.Kind)
    days = draw_days(
        [(row.day, row.read, row.anomalous) for row in health.days],
        [kind.value for kind in kinds],
        expected=EXPECTED,
    )
    found = find_repair(version_id=health.version.pk)
    return {
        "days": days,
        "kinds": kinds,
        "today": health.days[-1] if health.days else None,
        "groups": [
            (group, label, [_describe(each) for each in health.drifts if each.group == group])
            for group, label in GROUPS
        ],
        "moved": [
            MEASURES[each.name].label for each in health.drifts if each.level in {WATCH, DRIFTED}
        ],
        "has_reference": bool(health.version.reference.get("measures")),
        "repair": found,
        "repair_name": RepairTrial.Repair(found.repair).label if found else "",
    }


def describe_affected(page: str | None) -> dict[str, Any]:
    """A page of those whose attention is out of range: by pseudonym, the day instead of the moment, rounded sizes."""
    pages = Paginator(list_affected(), PAGE)
    shown = pages.get_page(page)
    return {
        "affected": shown,
        "learners": [
            {
                "name": name_pseudonym(row.learner_id),
                "kind": AttentionReading.Kind(row.kind or AttentionReading.Kind.OTHER).label,
                "score": row.score,
                "repaired": row.repaired,
                # With moment and exact length one could be found again among slates.
                "events": 2 ** (row.events.bit_length() - 1) if row.events else None,
                "day": row.computed_at.date(),
            }
            for row in shown
        ],
    }


def describe_shares(found: AttentionMap) -> dict[str, Any]:
    """A map in the words of an operator: how long before the list, and not when."""
    return {
        "heads": range(1, found.heads + 1),
        "rows": [
            {
                "event": event,
                "before": timesince(event.occurred_at, found.computed_at, depth=1),
                "shares": [format_share(share) if share else "–" for share in event.shares],
            }
            for event in found.events
        ],
        "rest": [format_share(share) for share in found.rest],
        "beginning": [format_share(share) for share in found.beginning],
    }


def _describe(drift: Drift) -> dict[str, Any]:
    measure = MEASURES[drift.name]
    return {
        "drift": drift,
        "label": measure.label,
        "note": measure.note,
        "level": LEVELS[drift.level],
        "told": drift.level != UNSURE,
        "chart": draw_histogram(drift.now, drift.reference, measure.name_bins()),
    }
