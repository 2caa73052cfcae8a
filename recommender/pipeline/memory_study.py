"""How well memory predicts answers: parameters fitted to each learner beside the library's defaults, on reviews held out.

As it would have gone: everything before a learner's newest reviews is what the worker would have fitted and judged, the
newest fifth is what came of it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from learners.memory import DEFAULTS
from learners.selectors import count_synthetic, read_reviews, sample_learners_with_repeats
from recommender.core.errors import BadDataError
from recommender.core.metrics import (
    PooledBootstrap,
    auc,
    ece,
    interval,
    log_loss,
    reliability,
)
from recommender.pipeline.memory_fit import (
    HELD_OUT,
    NEEDED,
    History,
    cut,
    fit_and_judge,
    list_review_times,
    list_reviews,
    predict,
)
from recommender.pipeline.simulated_reviews import (
    SimulatedLearner,
    simulate_defaults,
    simulate_reviews,
)
from recommender.simulation.world import World

DEFAULT, CONSTANT, FITTED, SERVED, TRUTH = "defaults", "own share", "fitted", "served", "truth"
TO_FIT: Final = int(NEEDED / (1 - HELD_OUT))
"""Reviews without which there is none to judge a fit by that was itself judged."""
BINS: Final = 10

Floats = NDArray[np.float64]
_METRICS: Final[Mapping[str, Callable[[Floats, Floats], float]]] = {
    "log_loss": log_loss,
    "ece": ece,
    "auc": auc,
}


@dataclass
class _Collected:
    """Held-out reviews of many learners: who, what happened, and what each model promised."""

    learner: list[NDArray[np.int64]] = field(default_factory=list)
    right: list[Floats] = field(default_factory=list)
    promised: dict[str, list[Floats]] = field(default_factory=dict)
    in_use: int = 0

    def add(self, number: int, right: Floats, promised: Mapping[str, Floats]) -> None:
        self.learner.append(np.full(len(right), number, dtype=np.int64))
        self.right.append(right)
        for name, each in promised.items():
            self.promised.setdefault(name, []).append(each)


def study_installation(
    *,
    learners: int,
    seed: int,
    on_start: Callable[[int], object] = lambda _learners: None,
    on_learner: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """Judge memory on the answers of this installation: of up to `learners` drawn at random, and as many with enough to fit.

    Returns `{"data", "synthetic": how many of them are made up, "everyone": group, "fitted": group or None}`; a group is
    `{"learners", "in_use", "reviews", "models": {name: {"metrics": {…}, "diff": {…}, "calibration": […]}}}` with 95%
    intervals over learners, `diff` paired, minus the defaults. Raises BadDataError where nobody has a review.
    """
    some = sample_learners_with_repeats(least=1, limit=learners, seed=seed)
    many = sample_learners_with_repeats(least=TO_FIT, limit=learners, seed=seed)
    on_start(len(some) + len(many))

    def read(ids: Iterable[int]) -> Iterator[SimulatedLearner | History]:
        for learner in ids:
            yield read_reviews(learner_id=learner)
            on_learner()

    everyone = _collect(read(some), fitting=False)
    if not everyone.learner:
        raise BadDataError("nobody has answered an exercise again after a day or more")
    fitted = _collect(read(many), fitting=True)
    return {
        "data": "this installation",
        "synthetic": count_synthetic({*some, *many}),
        "everyone": _report(everyone, seed),
        "fitted": _report(fitted, seed) if fitted.learner else None,
    }


def study_simulation(
    world: World | None,
    *,
    learners: int,
    seed: int,
    on_learner: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """The same on simulated learners, whose true probabilities stand beside as a model, "truth".

    They remember as those of the world do; without one, exactly as the defaults say.
    """
    people = (
        simulate_reviews(world, learners=learners, seed=seed)
        if world
        else simulate_defaults(learners=learners, seed=seed)
    )

    def read() -> Iterator[SimulatedLearner | History]:
        for learner in people:
            yield learner
            on_learner()

    found = _collect(read(), fitting=True)
    name = world.name if world else "the defaults are true"
    return {
        "data": f"simulated: {name}",
        "synthetic": learners,
        "everyone": None,
        "fitted": _report(found, seed) if found.learner else None,
    }


def _collect(people: Iterable[SimulatedLearner | History], *, fitting: bool) -> _Collected:
    found = _Collected()
    for number, person in enumerate(people):
        history = person.history if isinstance(person, SimulatedLearner) else person
        if len(list_review_times(history)) < (TO_FIT if fitting else 2):
            continue
        older, moment = cut(history, share=HELD_OUT)
        default = predict(history, DEFAULTS.parameters, since=moment)
        before = predict(older, DEFAULTS.parameters).right
        share = (before.sum() + 1) / (len(before) + 2)
        promised = {CONSTANT: np.full(len(default), share), DEFAULT: default.promised}
        if fitting:
            judged = fit_and_judge(older)
            if judged is None:
                continue
            fitted = predict(history, judged.parameters, since=moment)
            promised[FITTED] = fitted.promised
            promised[SERVED] = fitted.promised if judged.better else default.promised
            found.in_use += judged.better
        if isinstance(person, SimulatedLearner):
            rows = list_reviews(history, since=moment)
            promised[TRUTH] = np.array([person.truth[item][place] for item, place in rows])
        found.add(number, default.right, promised)
    return found


def _report(found: _Collected, seed: int) -> dict[str, Any]:
    learner, right = np.concatenate(found.learner), np.concatenate(found.right)
    bootstrap = PooledBootstrap(learner, seed=seed)
    promised = {name: np.concatenate(each) for name, each in found.promised.items()}
    samples = {name: bootstrap.samples(each, right) for name, each in promised.items()}
    if len(found.learner) == 1:  # who has no interval
        samples = {name: dict.fromkeys(_METRICS, np.empty(0)) for name in samples}
    values = {
        name: {metric: function(each, right) for metric, function in _METRICS.items()}
        for name, each in promised.items()
    }
    return {
        "learners": len(found.learner),
        "in_use": found.in_use,
        "reviews": len(right),
        "models": {
            name: {
                "metrics": {m: interval(values[name][m], samples[name][m]) for m in _METRICS},
                "diff": {
                    m: interval(
                        values[name][m] - values[DEFAULT][m], samples[name][m] - samples[DEFAULT][m]
                    )
                    for m in _METRICS
                }
                if name != DEFAULT
                else {},
                "calibration": reliability(promised[name], right, bins=BINS),
            }
            for name in promised
        },
    }
