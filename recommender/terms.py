"""The parts of the ranking that can be switched off one by one: for all learners, or in an ablation of the simulator."""

from collections.abc import Collection
from enum import StrEnum


class Term(StrEnum):
    """What a list is made of, apart from what is a rule: enrolment, teachers, and what a learner said herself."""

    AFFINITY = "affinity"
    PRACTICE = "practice"
    MEMORY = "memory"
    PREREQUISITES = "prerequisites"
    READINESS = "readiness"
    LESSONS_FIRST = "lessons-first"
    REMEDIES = "remedies"
    RETEACHING = "reteaching"


Without = Collection[Term]
"""Terms that are switched off."""
