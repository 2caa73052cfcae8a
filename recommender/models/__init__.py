"""Versions and runs, slates and what was shown, what learners said and did, and how their attention was."""

from recommender.models.calibrations import AttentionReading, RepairTrial, TrialOutcome
from recommender.models.experiments import Experiment, ExperimentMember
from recommender.models.feedback import AttentionProfile, Feedback
from recommender.models.health import HealthSummary
from recommender.models.observations import ItemNorm, Observation
from recommender.models.ranking import RankingChange
from recommender.models.slates import Impression, Slate
from recommender.models.versions import Activation, Lease, ModelVersion, TrainingRun

__all__ = [
    "Activation",
    "AttentionProfile",
    "AttentionReading",
    "Experiment",
    "ExperimentMember",
    "Feedback",
    "HealthSummary",
    "Impression",
    "ItemNorm",
    "Lease",
    "ModelVersion",
    "Observation",
    "RankingChange",
    "RepairTrial",
    "Slate",
    "TrainingRun",
    "TrialOutcome",
]
