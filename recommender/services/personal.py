"""Erasing what the recommender stores of one person."""

from django.db import transaction

from recommender.models import (
    AttentionProfile,
    AttentionReading,
    ExperimentMember,
    Feedback,
    Impression,
    Observation,
    Slate,
    TrialOutcome,
)


def erase_person(*, learner_id: int) -> int:
    """Delete a person's attention profile, observations, feedback, impressions and slates; returns how many rows went."""
    with transaction.atomic():
        return sum(
            rows.filter(learner=learner_id).delete()[0]
            for rows in (
                TrialOutcome.objects,
                ExperimentMember.objects,
                AttentionReading.objects,
                AttentionProfile.objects,
                Observation.objects,
                Feedback.objects,
                Impression.objects,
                Slate.objects,
            )
        )
