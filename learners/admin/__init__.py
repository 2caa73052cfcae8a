"""People, groups and what they did, for operators."""

from learners.admin import attributes, groups, people, records

__all__ = ["attributes", "groups", "people", "records"]
