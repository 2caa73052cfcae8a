"""The demo: a class of invented people with a history from a seeded generator.

What is written here is marked synthetic in the database and on the pages. The study material is real; the people and
what they did are not. `simulation.py` documents how the history comes about.
"""
