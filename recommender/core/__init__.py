"""The algorithms of Attune in plain PyTorch: no Django, no Celery, no database.

Shapes used throughout: B batch, L history length, D width, H heads, V catalogue rows including
PAD = 0, N negatives, K list length, C candidates, S concept slots of an item.
"""

__version__ = "1.0.0"
