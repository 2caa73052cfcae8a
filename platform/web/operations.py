"""A few numbers for an operator's first page: is the loop running?"""

from datetime import timedelta
from typing import Any

from django.db.models import F
from django.utils import timezone

from content.models import Item
from learners.models import Event, LearnerState, User
from recommender.models import ModelVersion, TrainingRun
from recommender.selectors.attention_view import sum_up_attention


def read_numbers() -> dict[str, Any]:
    """Counts that tell whether the loop runs; each is one indexed query."""
    now = timezone.now()
    return {
        "learners": User.objects.filter(role=User.Role.LEARNER, is_active=True).count(),
        "items": Item.objects.filter(published=True, course__published=True).count(),
        "events_today": Event.objects.filter(received_at__gt=now - timedelta(days=1)).count(),
        "stale": LearnerState.objects.filter(dirty_seq__gt=F("clean_seq")).count(),
        "active": ModelVersion.objects.filter(is_active=True).first(),
        "run": TrainingRun.objects.order_by("-pk").first(),
        "attention": sum_up_attention(),
    }
