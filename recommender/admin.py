"""Runs and versions for operators, with their buttons; slates, impressions and feedback to look at."""

from typing import Any

from common.api.errors import Refused
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.decorators import display

from recommender.charts import draw_history
from recommender.models import Activation, Feedback, Impression, ModelVersion, Slate, TrainingRun
from recommender.selectors.training import list_training_runs
from recommender.selectors.vectors import count_vectors
from recommender.selectors.versions import (
    compare_with_active,
    get_roll_back_target,
    list_versions,
)
from recommender.services.activation import activate_version, roll_back
from recommender.services.training import cancel_training, request_training

Status = TrainingRun.Status


class ReadOnly(ModelAdmin):
    """Rows that only services and workers write."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    class Media:
        css = {"all": ["recommender/admin.css"]}

    def answer(self, request: HttpRequest, address: str) -> HttpResponse:
        """Go to `address` after a button: a redirect for a form, a header for htmx."""
        if getattr(request, "htmx", False):
            return HttpResponse(headers={"HX-Redirect": address})
        return redirect(address)

    def button(self, view: Any, permission: str) -> Any:
        """A POST view for those who have `permission`; what a service refuses becomes a message."""

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.has_perm(permission):
                raise PermissionDenied
            try:
                address: str = view(request, *args, **kwargs)
            except Refused as error:
                messages.error(request, str(error.detail))
                address = request.headers.get("HX-Current-URL") or reverse(
                    f"admin:recommender_{self.opts.model_name}_changelist"
                )
            return self.answer(request, address)

        return self.admin_site.admin_view(require_POST(guarded))


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnly):
    list_display = ["number", "state", "progress", "metric", "requested_by", "created_at", "result"]
    list_filter = ["status"]
    list_before_template = "admin/recommender/trainingrun/_retrain.html"
    change_form_outer_before_template = "admin/recommender/trainingrun/_live.html"
    fields = [
        *("status", "requested_by", "created_at", "started_at", "finished_at", "data_until"),
        *("options", "lease_owner", "takeovers", "version"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrainingRun]:
        return list_training_runs()

    def get_urls(self) -> list[URLPattern]:
        name = "recommender_trainingrun"
        train = "recommender.train_model"
        own = [
            path("retrain/", self.button(self.retrain, train), name=f"{name}_retrain"),
            path("<int:pk>/cancel/", self.button(self.cancel, train), name=f"{name}_cancel"),
            path(
                "<int:pk>/progress/",
                self.admin_site.admin_view(self.show_progress),
                name=f"{name}_progress",
            ),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        vectors = count_vectors()
        return super().changelist_view(request, {**(extra_context or {}), "vectors": vectors})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        run = list_training_runs().filter(pk=object_id).first() if object_id.isdigit() else None
        extra = {**(extra_context or {}), **(describe_run(run) if run else {})}
        return super().change_view(request, object_id, form_url, extra)

    def show_progress(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The part of a run's page that is fetched again while it goes on."""
        if not request.user.has_perm("recommender.view_trainingrun"):
            raise PermissionDenied
        run = get_object_or_404(list_training_runs(), pk=pk)
        return render(request, "admin/recommender/trainingrun/_progress.html", describe_run(run))

    def retrain(self, request: HttpRequest) -> str:
        run = request_training(by=request.user)
        messages.success(request, _("Run %(run)s is queued.") % {"run": run})
        return reverse("admin:recommender_trainingrun_change", args=[run.pk])

    def cancel(self, request: HttpRequest, pk: int) -> str:
        run = cancel_training(run_id=get_object_or_404(TrainingRun, pk=pk).pk)
        messages.success(request, _("Run %(run)s stops.") % {"run": run})
        return reverse("admin:recommender_trainingrun_change", args=[run.pk])

    @display(description=_("run"))
    def number(self, run: TrainingRun) -> str:
        return str(run)

    @display(
        description=_("status"),
        label={
            Status.QUEUED.label: "info",
            Status.RUNNING.label: "warning",
            Status.SUCCEEDED.label: "success",
            Status.FAILED.label: "danger",
        },
    )
    def state(self, run: TrainingRun) -> Any:
        return Status(run.status).label

    @display(description=_("progress"))
    def progress(self, run: TrainingRun) -> str:
        if run.status != Status.RUNNING:
            return "–"
        return f"{run.phase} {run.epoch}/{run.epochs}" if run.epochs > 1 else run.phase

    @display(description=_("version"))
    def result(self, run: TrainingRun) -> str:
        if run.version is None:
            return "–"
        address = reverse("admin:recommender_modelversion_change", args=[run.version.pk])
        return format_html('<a href="{}">{}</a>', address, run.version)


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnly):
    list_display = ["name", "state", "created_at", "ndcg", "verdict", "data_until", "problem"]
    list_before_template = "admin/recommender/modelversion/_roll_back.html"
    change_form_outer_before_template = "admin/recommender/modelversion/_compare.html"
    fields = [
        *("created_at", "activated_at", "data_until", "parent", "problem"),
        *("artefact", "sha256", "gate", "manifest"),
    ]

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
        return super().changelist_view(request, {**(extra_context or {}), "earlier": earlier})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        version = list_versions().filter(pk=object_id).first() if object_id.isdigit() else None
        extra = {**(extra_context or {})}
        if version is not None:
            gate = [
                {"name": name, **found["ndcg@10"]}
                for name, found in version.gate.get("diff", {}).items()
            ]
            extra |= {
                "version": version,
                "comparison": compare_with_active(version),
                "gate_rows": gate,
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
        description=_("state"), label={_("active"): "success", _("cannot be loaded"): "danger"}
    )
    def state(self, version: ModelVersion) -> Any:
        if version.problem:
            return _("cannot be loaded")
        if version.is_active:
            return _("active")
        return _("candidate") if version.activated_at is None else _("earlier")

    @display(description=_("NDCG@10"))
    def ndcg(self, version: ModelVersion) -> str:
        value = version.metrics.get("ndcg@10")
        return "–" if value is None else f"{value:.4f}"

    @display(description=_("gate"))
    def verdict(self, version: ModelVersion) -> str:
        return str(version.gate.get("verdict") or "–")


@admin.register(Activation)
class ActivationAdmin(ReadOnly):
    list_display = ["at", "version", "previous", "reason", "by"]
    list_select_related = ["version", "previous", "by"]


@admin.register(Slate)
class SlateAdmin(ReadOnly):
    list_display = ["id", "learner", "source", "model_version", "computed_at", "kept"]
    list_filter = ["source", "kept"]
    list_select_related = ["learner", "model_version"]
    search_fields = ["=learner__username"]
    show_full_result_count = False
    fields = [
        "learner",
        "source",
        "model_version",
        "computed_at",
        "seq",
        "kept",
        "exploration",
        "entries",
    ]


@admin.register(Impression)
class ImpressionAdmin(ReadOnly):
    list_display = ["shown_at", "learner", "item", "position", "propensity", "explored"]
    list_filter = ["explored"]
    list_select_related = ["learner", "item"]
    search_fields = ["=learner__username", "=item__slug"]
    show_full_result_count = False


@admin.register(Feedback)
class FeedbackAdmin(ReadOnly):
    list_display = ["received_at", "learner", "item", "signal", "comment"]
    list_filter = ["signal"]
    list_select_related = ["learner", "item"]
    search_fields = ["=learner__username", "=item__slug", "comment"]
    show_full_result_count = False


def describe_run(run: TrainingRun) -> dict[str, Any]:
    """What the templates of a run's page show."""
    return {
        "run": run,
        "live": run.status in TrainingRun.UNFINISHED,
        "part": round(100 * run.epoch / run.epochs) if run.epochs else None,
        "charts": draw_history(run.history, {"loss": _("loss"), "metric": _("validation metric")}),
    }
