"""Training runs: retrain, watch, cancel."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django_htmx.http import HttpResponseClientRefresh
from unfold.decorators import display

from recommender.admin.base import ReadOnly, format_metric
from recommender.charts import draw_history, find_metric
from recommender.models import TrainingRun
from recommender.phases import label_phase
from recommender.selectors.training import list_training_runs
from recommender.selectors.vectors import count_vectors
from recommender.services.training import cancel_training, request_training

Status = TrainingRun.Status


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnly):
    list_display = ["number", "state", "progress", "ndcg", "requested_by", "created_at", "result"]
    list_filter = ["status"]
    list_before_template = "admin/recommender/trainingrun/_retrain.html"
    change_form_outer_before_template = "admin/recommender/trainingrun/_live.html"
    fields = [
        *("requested_by", "created_at", "started_at", "finished_at", "data_until"),
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
        runs = list_training_runs().defer(None)
        run = runs.filter(pk=object_id).first() if object_id.isdigit() else None
        extra = {**(extra_context or {}), **(describe_run(run) if run else {})}
        return super().change_view(request, object_id, form_url, extra)

    def show_progress(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The part of a run's page that is fetched again while it goes on.

        The rest of the page tells of the status, too: where that has changed, htmx is told to load all of it.
        """
        if not request.user.has_perm("recommender.view_trainingrun"):
            raise PermissionDenied
        run = get_object_or_404(list_training_runs().defer(None), pk=pk)
        if request.GET.get("status", run.status) != run.status:
            return HttpResponseClientRefresh()
        context = describe_run(run)
        # What is open or has the focus stays as it is, and only another phase is read aloud.
        if getattr(request, "htmx", False):
            context["moved_on"] = request.GET.get("phase") != run.phase
            return render(request, "admin/recommender/trainingrun/_polled.html", context)
        return render(request, "admin/recommender/trainingrun/_progress.html", context)

    def retrain(self, request: HttpRequest) -> str:
        # Its own page says that it is queued, and goes on to say what follows: a message would stay behind.
        run = request_training(by=request.user)
        return reverse("admin:recommender_trainingrun_change", args=[run.pk])

    def cancel(self, request: HttpRequest, pk: int) -> str:
        run = cancel_training(run_id=get_object_or_404(TrainingRun, pk=pk).pk)
        return reverse("admin:recommender_trainingrun_change", args=[run.pk])

    @display(description=_("run"))
    def number(self, run: TrainingRun) -> str:
        return str(run)

    @display(
        description=_("status"),
        label={
            Status.QUEUED.value: "info",
            Status.RUNNING.value: "warning",
            Status.SUCCEEDED.value: "success",
            Status.FAILED.value: "danger",
        },
    )
    def state(self, run: TrainingRun) -> Any:
        return run.status, Status(run.status).label

    @display(description=_("progress"))
    def progress(self, run: TrainingRun) -> str:
        if run.status != Status.RUNNING:
            return "–"
        phase = label_phase(run.phase)
        return f"{phase} {run.epoch}/{run.epochs}" if run.epochs > 1 else phase

    @display(description=_("NDCG@10"))
    def ndcg(self, run: TrainingRun) -> str:
        return format_metric(run.version.metrics if run.version else {}, "ndcg@10")

    @display(description=_("version"))
    def result(self, run: TrainingRun) -> str:
        if run.version is None:
            return "–"
        address = reverse("admin:recommender_modelversion_change", args=[run.version.pk])
        return format_html('<a href="{}">{}</a>', address, run.version)


def describe_run(run: TrainingRun) -> dict[str, Any]:
    """What the templates of a run's page show."""
    figure = find_metric(run.phase)
    return {
        "run": run,
        "phase": label_phase(run.phase),
        "live": run.status in TrainingRun.UNFINISHED,
        "part": round(100 * run.epoch / run.epochs) if run.epochs else None,
        "metric_name": figure.name,
        "metric": None if run.metric is None else figure.sign * run.metric,
        "charts": draw_history(run.history),
    }
