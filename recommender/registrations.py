"""What the recommender tells the apps below it: what it stores of one person, and that it listens to events."""

from collections.abc import Iterator
from typing import Any

from common.privacy import PersonalData, register_personal_data

ORDER = 20
"""Before learners erases the events that slates and feedback refer to."""


def register() -> None:
    """Called once, when the app is ready."""
    from learners.services.events import register_listener
    from recommender.metrics import register_collector
    from recommender.services.impressions import record_impressions

    register_personal_data(
        PersonalData(app="recommender", export=_export, erase=_erase, order=ORDER)
    )
    register_listener(record_impressions)
    register_collector()


def _export(user_id: int) -> Iterator[tuple[str, Any]]:
    from recommender.selectors.calibrations import export_readings, export_trials
    from recommender.selectors.experiments import export_experiments
    from recommender.selectors.personal import (
        export_attention,
        export_feedback,
        export_impressions,
        export_observations,
        export_slates,
    )

    yield "slates", export_slates(learner_id=user_id)
    yield "impressions", export_impressions(learner_id=user_id)
    yield "feedback", export_feedback(learner_id=user_id)
    yield "observations", export_observations(learner_id=user_id)
    yield "attention", export_attention(learner_id=user_id)
    yield "attention_readings", export_readings(learner_id=user_id)
    yield "repair_trials", export_trials(learner_id=user_id)
    yield "experiments", export_experiments(learner_id=user_id)


def _erase(user_id: int) -> int:
    from recommender.services.personal import erase_person

    return erase_person(learner_id=user_id)
