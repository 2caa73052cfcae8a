"""Runs, versions and attention health for operators, with their buttons; slates, impressions and feedback to look at."""

from recommender.admin import health, records, runs, versions

__all__ = ["health", "records", "runs", "versions"]
