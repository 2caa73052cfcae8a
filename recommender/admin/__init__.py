"""Runs, versions, experiments and attention health for operators, with their buttons; slates, impressions and feedback to look at."""

from recommender.admin import experiments, health, ranking, records, runs, versions

__all__ = ["experiments", "health", "ranking", "records", "runs", "versions"]
