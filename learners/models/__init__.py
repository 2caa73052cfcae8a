"""People, their groups, and what they did."""

from learners.models.activity import Assignment, Event, ItemProgress, LearnerState
from learners.models.attributes import LearnerAttribute
from learners.models.mastery import ConceptMastery, MasteryDay
from learners.models.memory import MemoryCard, MemoryFit
from learners.models.people import Enrolment, Group, Membership, User
from learners.models.sessions import Session

__all__ = [
    "Assignment",
    "ConceptMastery",
    "Enrolment",
    "Event",
    "Group",
    "ItemProgress",
    "LearnerAttribute",
    "LearnerState",
    "MasteryDay",
    "Membership",
    "MemoryCard",
    "MemoryFit",
    "Session",
    "User",
]
