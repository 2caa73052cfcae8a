"""People, groups and what they did, for operators."""

from learners.admin import groups, people, records

__all__ = ["groups", "people", "records"]
