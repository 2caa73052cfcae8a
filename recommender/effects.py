"""What each term of the ranking is worth in the simulator, as it was measured last."""

import json
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from statistics import NormalDist
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

    def is_sure(self, *, among: int) -> bool:
        """Whether it can be told from nothing by an interval that holds for all of `among` effects at once, in 95%.

        Bonferroni's bound, each side of the interval stretched as a normal distribution's would be.
        """
        normal = NormalDist()
        wider = normal.inv_cdf(1 - 0.025 / among) / normal.inv_cdf(1 - 0.025)
        low = self.value - wider * (self.value - self.low)
        high = self.value + wider * (self.high - self.value)
        return low > 0 or high < 0


@dataclass(frozen=True)
class Effects:
    """One ablation: when, on how many learners, and what came of it by term."""

    measured: date
    learners: int
    minutes: float
    seed: int
    by_term: dict[Term, list[Effect]]

    @property
    def count(self) -> int:
        """How many effects there are, of all terms in all worlds."""
        return sum(map(len, self.by_term.values()))


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
