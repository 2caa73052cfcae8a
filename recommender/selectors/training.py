"""Reading training runs."""

from django.db.models import QuerySet
from django.db.models.functions import Now

from recommender.models import TrainingRun


def list_training_runs() -> QuerySet[TrainingRun]:
    """All runs, newest first, with who asked for them and what they ended in.

    Without curves and manifests, which may be large: `.defer(None)` brings them.
    """
    runs = TrainingRun.objects.select_related("requested_by", "version").order_by("-pk")
    return runs.defer("history", "version__manifest", "version__reference", "version__gate")


def find_waiting_run() -> TrainingRun | None:
    """The run that a worker could take up now: one whose worker is lost, or a queued one while nobody trains."""
    unfinished = TrainingRun.objects.filter(status__in=TrainingRun.UNFINISHED).order_by("pk")
    if unfinished.filter(lease_until__gt=Now()).exists():
        return None
    return unfinished.first()
