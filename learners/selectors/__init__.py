"""Everything that reads: what a learner studies, has done and may see; what her teacher sees of it."""

from learners.selectors.history import HistoryRow, group_history, read_history, stream_events
from learners.selectors.mastery import list_mastery, overview_mastery, read_mastery_days
from learners.selectors.memory import Memories, read_memories
from learners.selectors.memory_fits import (
    is_to_be_fitted,
    list_learners_to_fit,
    read_fits,
    read_reviews,
    sample_learners_with_repeats,
)
from learners.selectors.overview import MemberPage, overview_group, page_members
from learners.selectors.people import count_synthetic, find_person
from learners.selectors.progress import read_activity, read_progress, summarise_progress
from learners.selectors.rules import LearnerRules, list_rules
from learners.selectors.studies import (
    find_studied_items,
    get_studied_item,
    list_learner_courses,
    list_offered_courses,
)

__all__ = [
    "HistoryRow",
    "LearnerRules",
    "MemberPage",
    "Memories",
    "count_synthetic",
    "find_person",
    "find_studied_items",
    "get_studied_item",
    "group_history",
    "is_to_be_fitted",
    "list_learner_courses",
    "list_learners_to_fit",
    "list_mastery",
    "list_offered_courses",
    "list_rules",
    "overview_group",
    "overview_mastery",
    "page_members",
    "read_activity",
    "read_fits",
    "read_history",
    "read_mastery_days",
    "read_memories",
    "read_progress",
    "read_reviews",
    "sample_learners_with_repeats",
    "stream_events",
    "summarise_progress",
]
