"""Runs and versions for operators, with their buttons; slates, impressions and feedback to look at."""

from recommender.admin import records, runs, versions

__all__ = ["records", "runs", "versions"]
