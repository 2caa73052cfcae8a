"""Reading training runs."""

from django.db.models import QuerySet

from recommender.models import TrainingRun


def list_training_runs() -> QuerySet[TrainingRun]:
    """All runs, newest first, with who asked for them."""
    return TrainingRun.objects.select_related("requested_by", "version").order_by("-pk")


def is_training() -> bool:
    """Tell whether a run is queued or running."""
    return TrainingRun.objects.filter(status__in=TrainingRun.UNFINISHED).exists()
