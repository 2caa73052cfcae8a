"""The record of what was activated, recommended, shown and said: to look at."""

from django.contrib import admin

from recommender.admin.base import ReadOnly
from recommender.models import Activation, Feedback, Impression, Slate


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
