"""Measurements that explain the core: ``python -m recommender.core.studies STUDY DATA_DIR``.

Each prints the tables that docs/benchmarks.md shows.
"""
