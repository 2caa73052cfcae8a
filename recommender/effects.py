"""What each term of the ranking is worth in the simulator, as it was measured last."""

import json
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Final

from recommender.terms import Term

MEASURED: Final = Path(__file__).with_name("effects.json")
"""Written by `python -m recommender.simulation effects` from a report with every `attune-without-TERM`."""


@dataclass(frozen=True)
class Effect:
    """Concepts known 30 days later, an hour: the ranking with a term less the one without, paired, 95%."""

    world: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Effects:
    """One ablation: when, on how many learners, and what came of it by term."""

    measured: date
    learners: int
    minutes: float
    seed: int
    by_term: dict[Term, list[Effect]]


@lru_cache(maxsize=1)
def read_effects() -> Effects:
    """Return the figures that this version of Attune ships."""
    told = json.loads(MEASURED.read_text(encoding="utf-8"))
    return Effects(
        measured=date.fromisoformat(told["measured"]),
        learners=told["learners"],
        minutes=told["minutes"],
        seed=told["seed"],
        by_term={
            term: [
                Effect(world, **terms[f"attune-without-{term}"])
                for world, terms in told["worlds"].items()
            ]
            for term in Term
        },
    )
