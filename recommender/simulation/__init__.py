"""Simulated classrooms: learners whose rules the recommender does not share, to see whether its lists teach.

`docs/simulator.md` documents every mechanism with its source. Nothing here knows Django; the live ranker is handed in
by the command (`manage.py simulate`).
"""
