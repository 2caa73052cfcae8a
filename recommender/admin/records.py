"""The record of what was activated, recommended, shown and said: to look at."""

from typing import Any, Final

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from recommender.admin.base import ReadOnly
from recommender.models import Activation, Feedback, Impression, RepairTrial, Slate
from recommender.services.activation import BY_GATE, BY_OPERATOR, DEMO, ROLL_BACK

REASONS: Final[dict[str, Any]] = {
    BY_OPERATOR: _("activated by hand"),
    BY_GATE: _("activated by the gate"),
    ROLL_BACK: _("rolled back"),
    DEMO: _("first version of the demo"),
}


@admin.register(Activation)
class ActivationAdmin(ReadOnly):
    list_display = ["at", "version", "previous", "what", "by"]
    list_select_related = ["version", "previous", "by"]
    fields = ["at", "version", "previous", "what", "by"]
    readonly_fields = ["what"]

    @display(description=_("what happened"), ordering="reason")
    def what(self, activation: Activation) -> str:
        return str(REASONS.get(activation.reason, activation.reason))


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


@admin.register(RepairTrial)
class RepairTrialAdmin(ReadOnly):
    list_display = [
        "version",
        "repair",
        "state",
        "difference",
        "repaired",
        "unrepaired",
        "judged_at",
    ]
    list_filter = ["state"]
    list_select_related = ["version"]
    fields = [*list_display, "started_at", "decided_at"]
    readonly_fields = ["difference"]

    @display(description=_("effect"), ordering="effect")
    def difference(self, trial: RepairTrial) -> str:
        """Mean outcome of the repaired less that of the others, with the interval that holds at all times."""
        known = trial.has_both_arms
        if not known or trial.effect is None or trial.low is None or trial.high is None:
            return "–"
        return f"{trial.effect:+.3f} [{trial.low:.3f}, {trial.high:.3f}]"
