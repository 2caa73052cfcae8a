"""Model versions: compare, activate, roll back."""

import json
from typing import Any, Final

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from recommender.admin.base import ReadOnly, format_metric
from recommender.admin.fairness import describe_fairness, describe_gate
from recommender.models import ModelVersion
from recommender.selectors.gate import BEHIND, BETTER, NOT_BETTER, NOT_ENOUGH, UNUSABLE
from recommender.selectors.versions import (
    FEWEST_CASES,
    Compared,
    compare_with_active,
    get_roll_back_target,
    list_versions,
)
from recommender.services.activation import activate_version, roll_back

VERDICTS: Final[dict[str, Any]] = {
    BETTER: _("better"),
    NOT_BETTER: _("not better"),
    BEHIND: _("a group falls behind"),
    NOT_ENOUGH: _("not enough evidence"),
    UNUSABLE: _("unusable"),
}


RANKERS: Final[dict[str, Any]] = {
    "active": _("the active version"),
    "popularity": _("popularity"),
    "item_knn": _("item-to-item similarity"),
}
METRICS: Final[dict[str, Any]] = {
    "cases": _("cases"),
    "ndcg@10": _("NDCG@10: how near the top the next step stood, 1 at best"),
    "hr@10": _("hit rate at 10: how often it was among the first ten"),
    "auc": _("AUC of predicted success: right answers ranked above wrong ones, 1 at best"),
    "log_loss": _("log loss of predicted success, lower is better"),
    "cases_explored": _("cases from places drawn at random"),
    "ndcg@10_explored": _("NDCG@10 on places drawn at random"),
    "hr@10_explored": _("hit rate at 10 on places drawn at random"),
}


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnly):
    list_display = ["name", "state", "created_at", "ndcg", "verdict", "activation"]
    # Newest first, always: the icons to sort by are too small to be pressed safely.
    sortable_by = ()
    list_before_template = "admin/recommender/modelversion/_roll_back.html"
    change_form_outer_before_template = "admin/recommender/modelversion/_compare.html"
    fields = [
        *("created_at", "activated_at", "data_until", "parent", "problem"),
        *("artefact", "sha256", "judgement", "manifest"),
    ]
    readonly_fields = ["judgement"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        return list_versions()

    def get_urls(self) -> list[URLPattern]:
        name = "recommender_modelversion"
        right = "recommender.activate_version"
        own = [
            path("roll-back/", self.button(self.roll_back, right), name=f"{name}_roll_back"),
            path("<int:pk>/activate/", self.button(self.activate, right), name=f"{name}_activate"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        earlier = get_roll_back_target()
        extra = {**(extra_context or {}), "earlier": earlier, "needed": FEWEST_CASES}
        return super().changelist_view(request, extra)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        versions = list_versions().defer(None)
        version = versions.filter(pk=object_id).first() if object_id.isdigit() else None
        extra = {**(extra_context or {})}
        if version is not None:
            gate = [
                {"name": RANKERS.get(name, name), **found["ndcg@10"]}
                for name, found in version.gate.get("diff", {}).items()
            ]
            comparison = compare_with_active(version)
            extra |= {
                "version": version,
                "comparison": [
                    {"label": label_metric(row.name), "places": row.places, **row._asdict()}
                    for row in sorted(comparison, key=_place_metric)
                ],
                "needed": FEWEST_CASES,
                "few": version.metrics.get("cases", FEWEST_CASES) < FEWEST_CASES,
                "compared": any(row.active is not None for row in comparison),
                "gate_rows": gate,
                "verdict": label_verdict(version),
                **describe_gate(version.gate),
                **describe_fairness(version),
            }
        return super().change_view(request, object_id, form_url, extra)

    def activate(self, request: HttpRequest, pk: int) -> str:
        version = activate_version(version=get_object_or_404(ModelVersion, pk=pk), by=request.user)
        messages.success(request, _("%(version)s is active.") % {"version": version})
        return reverse("admin:recommender_modelversion_changelist")

    def roll_back(self, request: HttpRequest) -> str:
        version = roll_back(by=request.user)
        messages.success(request, _("%(version)s is active again.") % {"version": version})
        return reverse("admin:recommender_modelversion_changelist")

    @display(description=_("version"), ordering="pk")
    def name(self, version: ModelVersion) -> str:
        return str(version)

    @display(
        description=_("state"),
        label={"broken": "danger", "active": "success", "candidate": "info", "earlier": "default"},
    )
    def state(self, version: ModelVersion) -> Any:
        if version.problem:
            broken = _("cannot be loaded")
            return "broken", f"{_('active')} · {broken}" if version.is_active else broken
        if version.is_active:
            return "active", _("active")
        if version.activated_at is None:
            return "candidate", _("candidate")
        return "earlier", _("earlier")

    @display(description=_("NDCG@10"))
    def ndcg(self, version: ModelVersion) -> str:
        return format_metric(version.metrics, "ndcg@10")

    @display(description=_("gate"))
    def verdict(self, version: ModelVersion) -> str:
        return label_verdict(version)

    @display(description=_("activate"))
    def activation(self, version: ModelVersion) -> str:
        """A button that sends the list's own form elsewhere: a form within a form is not HTML."""
        if version.is_active:
            return "–"
        address = reverse("admin:recommender_modelversion_activate", args=[version.pk])
        context = {"version": version, "address": address}
        return render_to_string("admin/recommender/modelversion/_activate.html", context)

    @display(description=_("gate"))
    def judgement(self, version: ModelVersion) -> str:
        """All that the gate found, as it is stored."""
        if not version.gate:
            return str(_("not judged yet"))
        return format_html("<pre>{}</pre>", json.dumps(version.gate, indent=2, ensure_ascii=False))


def label_verdict(version: ModelVersion) -> str:
    """What the gate found, in words."""
    verdict = version.gate.get("verdict")
    return str(VERDICTS.get(verdict, verdict) if verdict else _("not judged yet"))


def label_metric(name: str) -> str:
    """What a metric measures, in words; its own name where it has none."""
    return str(METRICS.get(name, name))


def _place_metric(row: Compared) -> tuple[int, str]:
    """In the order of METRICS, then others by name."""
    known = list(METRICS)
    return (known.index(row.name) if row.name in METRICS else len(known)), row.name
