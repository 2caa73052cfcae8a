"""From what became of learners to metrics with intervals, and differences between policies on the same learners.

Intervals are 95% of a bootstrap over learners; the same resamples serve every policy, so that differences are paired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recommender.core.metrics import Interval, interval
from recommender.simulation.classroom import Outcome

Floats = NDArray[np.float64]
METRICS = ("knowledge_30d", "knowledge_per_hour", "frustration", "coverage")
REPEATS = 1000


class Resamples:
    """How often each of n learners is drawn, [REPEATS + 1, n]; the first row is the learners as they are."""

    def __init__(self, learners: int, *, seed: int) -> None:
        rng = np.random.default_rng([seed, learners])
        drawn = rng.multinomial(learners, np.full(learners, 1 / learners), size=REPEATS)
        self.weight = np.concatenate([np.ones((1, learners)), drawn])

    def measure(self, outcome: Outcome, *, minutes: float) -> dict[str, Floats]:
        """Each metric [REPEATS + 1] on every resample.

        Knowledge is in concepts an hour allotted; frustration is a share of attempts; coverage is 1 - Gini over items.
        """
        weight, hours = self.weight, minutes / 60
        total = weight.sum(1)
        attempts = weight @ outcome.attempts
        return {
            "knowledge_30d": weight @ outcome.gained_30d / total / hours,
            "knowledge_per_hour": weight @ outcome.gained / total / hours,
            "frustration": weight @ outcome.frustrating / np.maximum(attempts, 1),
            "coverage": _centred(1 - gini(weight @ outcome.shown)),
        }


def _centred(samples: Floats) -> Floats:
    """Resamples see fewer different learners, so that their exposure is always less even: that bias is taken out."""
    return np.concatenate([samples[:1], samples[1:] - samples[1:].mean() + samples[0]])


def gini(counts: Floats) -> Floats:
    """Gini coefficient of each row [R, V]: 0 where all items are shown alike, near 1 where one takes all."""
    ordered = np.sort(counts, axis=1)
    items = counts.shape[1]
    rank = np.arange(1, items + 1)
    total = ordered.sum(1)
    found = (2 * rank - items - 1) @ ordered.T / (items * np.maximum(total, 1e-12))
    return np.where(total > 0, found, 1.0)


def summarise(
    outcomes: Mapping[str, Outcome], *, minutes: float, seed: int, reference: str
) -> dict[str, dict[str, object]]:
    """By policy: each metric with its interval, and the `reference` minus the policy where the reference was run, too."""
    first = next(iter(outcomes.values()))
    resamples = Resamples(len(first.gained), seed=seed)
    measured = {name: resamples.measure(each, minutes=minutes) for name, each in outcomes.items()}
    report: dict[str, dict[str, object]] = {}
    for name, values in measured.items():
        apart = measured.get(reference)
        report[name] = {
            **{metric: _told(values[metric]) for metric in METRICS},
            f"diff_to_{reference}": (
                {}
                if apart is None
                else {metric: _told(apart[metric] - values[metric]) for metric in METRICS}
            ),
        }
    return report


def _told(samples: Floats) -> Interval:
    return interval(float(samples[0]), samples[1:])


def join(parts: Sequence[Outcome]) -> Outcome:
    """One outcome of several batches of learners."""
    names = [field.name for field in fields(Outcome)]
    return Outcome(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in names})


def save_outcome(path: Path, outcome: Outcome) -> None:
    """Written whole or not at all. Raises OSError."""
    fresh = path.with_name(f".{path.name}")
    with fresh.open("wb") as file:
        np.savez_compressed(file, **{f.name: getattr(outcome, f.name) for f in fields(Outcome)})
    fresh.replace(path)


def load_outcome(path: Path) -> Outcome:
    """Raises OSError or ValueError."""
    with np.load(path, allow_pickle=False) as stored:
        return Outcome(**{field.name: stored[field.name] for field in fields(Outcome)})
