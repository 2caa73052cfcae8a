"""Experiments: begin one, read what it shows, end it."""

from typing import Any

from common.api.errors import Refused
from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from recommender.admin.base import ReadOnly
from recommender.interval_charts import Moment, draw_band
from recommender.models.experiments import Experiment
from recommender.selectors.experiments import list_experiments, measure_progress, trace_effect
from recommender.services.experiments import (
    ATTEMPTS,
    WINDOW,
    check_experiment,
    end_experiment,
    start_experiment,
)

RIGHT = "recommender.add_experiment"


class ExperimentForm(forms.ModelForm):
    """What the service would refuse is said at the form."""

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        try:
            check_experiment(
                treatment=given.get("treatment"),
                control=given.get("control"),
                ends_at=given.get("ends_at"),
            )
        except Refused as error:
            raise forms.ValidationError(str(error.detail)) from error
        return given


@admin.register(Experiment)
class ExperimentAdmin(ReadOnly):
    form = ExperimentForm
    list_display = ["name", "compared", "state", "difference", "started_at", "ended_at"]
    sortable_by = ()
    change_form_outer_before_template = "admin/recommender/experiment/_result.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(RIGHT)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        asked = ["name", "treatment", "control", "share", "horizon", "ends_at"]
        return asked if obj is None else [*asked, "started_at", "started_by", "ended_at"]

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Experiment]":
        return list_experiments()

    def get_urls(self) -> list[URLPattern]:
        end = path("<int:pk>/end/", self.button(self.end, RIGHT), name="recommender_experiment_end")
        return [end, *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        try:
            return super().add_view(request, form_url, extra_context)
        except Refused as error:  # somebody else was quicker
            messages.error(request, str(error.detail))
            return self.answer(request, reverse("admin:recommender_experiment_changelist"))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        begun = start_experiment(
            name=obj.name,
            treatment=obj.treatment,
            control=obj.control,
            share=obj.share,
            horizon=obj.horizon,
            ends_at=obj.ends_at,
            by=request.user,
        )
        obj.pk = begun.pk

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        rows = list_experiments()
        experiment = rows.filter(pk=object_id).first() if object_id.isdigit() else None
        extra = {**(extra_context or {})}
        if experiment is not None:
            progress = measure_progress(experiment)
            trace = trace_effect(experiment)
            extra |= {
                "experiment": experiment,
                "progress": progress,
                "arms": [
                    (_("treatment"), name_arm(experiment.treatment), progress.treatment),
                    (_("control"), name_arm(experiment.control), progress.control),
                ],
                "trace": trace,
                "band": draw_band(
                    [Moment(each.outcomes, each.value, each.low, each.high) for each in trace]
                ),
                "answer": experiment.get_state_display(),
                "attempts": ATTEMPTS,
                "days": WINDOW.days,
                "may_end": experiment.running and request.user.has_perm(RIGHT),
            }
        return super().change_view(request, object_id, form_url, extra)

    def end(self, request: HttpRequest, pk: int) -> str:
        experiment = end_experiment(experiment=get_object_or_404(Experiment, pk=pk))
        messages.success(request, _("%(name)s has ended.") % {"name": experiment})
        return reverse("admin:recommender_experiment_change", args=[pk])

    @display(description=_("compared"))
    def compared(self, experiment: Experiment) -> str:
        arms = name_arm(experiment.treatment), name_arm(experiment.control)
        return _("%(treatment)s against %(control)s") % {"treatment": arms[0], "control": arms[1]}

    @display(description=_("effect"))
    def difference(self, experiment: Experiment) -> str:
        """Share of right answers of the treated less that of the others, with the interval that holds at all times."""
        if experiment.effect is None or experiment.low is None or experiment.high is None:
            return "–"
        return f"{experiment.effect:+.3f} [{experiment.low:.3f}, {experiment.high:.3f}]"


def name_arm(version: Any) -> str:
    """A version, or the order of the courses."""
    return str(version) if version is not None else str(_("the order of the courses"))
