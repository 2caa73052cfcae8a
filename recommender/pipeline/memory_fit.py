"""A learner's own parameters of forgetting: fitted by the library's optimiser, judged on her newest reviews.

A review is here an answer to an exercise that she had answered before, a day earlier or more: only these say something of
forgetting, and only these the optimiser counts. See `docs/adr/0040-memory-fitted-to-the-learner.md`.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

import numpy as np
from fsrs import Card, Rating, ReviewLog
from numpy.typing import NDArray

from learners.memory import DEFAULTS, Parameters, Review, make_scheduler
from recommender.core.metrics import Interval, PooledBootstrap, interval, log_loss

logger = logging.getLogger(__name__)

LEAST: Final = 512
"""Reviews that the library's optimiser needs: it gives its defaults back for fewer."""
LONGEST: Final = 64
"""Answers of one exercise that it looks at, the first ones."""
MOST: Final = 10_000
"""Answers that are fitted to, of the exercises that she answered last: 44 seconds of one core."""
HELD_OUT: Final = 0.2
"""Share of the reviews, the newest, that judge the fit."""
NEEDED: Final = int(LEAST / (1 - HELD_OUT))

History = Mapping[int, Sequence[Review]]
"""Graded answers by exercise, oldest first."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Predicted:
    """Reviews [N], their exercises, what was promised before each, and what happened."""

    item: NDArray[np.int64]
    promised: Floats
    right: Floats

    def __len__(self) -> int:
        return len(self.item)


@dataclass(frozen=True)
class Judged:
    """Fitted parameters beside the defaults. `gain` is by how much the log loss fell, over exercises, paired."""

    parameters: Parameters
    reviews: int
    held_out: int
    default_log_loss: float
    log_loss: float
    gain: Interval

    @property
    def better(self) -> bool:
        """The fit predicts what it has not seen better than the defaults do."""
        return self.gain["value"] > 0


def list_reviews(history: History, *, since: datetime | None = None) -> list[tuple[int, int]]:
    """Return exercise and place among its answers of each review from `since` on, in the order of `predict`."""
    return [
        (item, place)
        for item, answers in history.items()
        for place, (before, review) in enumerate(pairwise(answers), start=1)
        if _is_later(before, review) and (since is None or review.occurred_at >= since)
    ]


def list_review_times(history: History) -> list[datetime]:
    """Return when each review was, oldest first."""
    return sorted(history[item][place].occurred_at for item, place in list_reviews(history))


def cut(history: History, *, share: float) -> tuple[History, datetime]:
    """Return the history before the newest `share` of the reviews, and the moment when they begin.

    Raises ValueError without reviews.
    """
    times = list_review_times(history)
    if not times:
        raise ValueError("no reviews")
    moment = times[min(int(len(times) * (1 - share)), len(times) - 1)]
    return _before(history, moment), moment


def fit_and_judge(
    history: History, *, on_step: Callable[[], object] = lambda: None
) -> Judged | None:
    """Fit to all but the newest fifth of the reviews and judge by these; None with too few, or where the fit fails.

    `on_step` is called between the steps. Deterministic; about 4 ms of one core an answer.
    """
    if not list_review_times(history):
        return None
    older, moment = cut(history, share=HELD_OUT)
    older = _choose(older)
    reviews = len(list_review_times(older))
    if reviews < LEAST:
        return None
    parameters = fit(older)
    on_step()
    if parameters is None:
        return None
    default = predict(history, DEFAULTS.parameters, since=moment)
    fitted = predict(history, parameters, since=moment)
    return Judged(
        parameters=parameters,
        reviews=reviews,
        held_out=len(fitted),
        default_log_loss=log_loss(default.promised, default.right),
        log_loss=log_loss(fitted.promised, fitted.right),
        gain=compare(default, fitted, unit=default.item),
    )


def fit(history: History) -> Parameters | None:
    """Return what the library's optimiser makes of these answers; None where it finds no numbers that it takes itself.

    With fewer than LEAST reviews it gives the defaults back.
    """
    from fsrs import Optimizer  # torch

    logs = [
        ReviewLog(
            card_id=item,
            rating=review.rating,
            review_datetime=review.occurred_at.astimezone(UTC),
            review_duration=None,
        )
        for item, answers in history.items()
        for review in answers
    ]
    try:
        parameters = tuple(Optimizer(logs).compute_optimal_parameters())
        make_scheduler(parameters)
    except (ArithmeticError, TypeError, ValueError) as error:
        # A loss that is no number leaves it without parameters, or with an interval that cannot be rounded.
        logger.warning("memory not fitted", extra={"error": str(error), "answers": len(logs)})
        return None
    return parameters


def predict(
    history: History, parameters: Parameters, *, since: datetime | None = None
) -> Predicted:
    """Return what memory with these parameters promises before each review from `since` on, having seen all before it."""
    scheduler = make_scheduler(parameters)
    items, promised, right = [], [], []
    for item, answers in history.items():
        card = Card(card_id=item)
        last: Review | None = None
        for review in answers:
            now = review.occurred_at.astimezone(UTC)
            counts = last is not None and _is_later(last, review)
            if counts and (since is None or review.occurred_at >= since):
                items.append(item)
                promised.append(scheduler.get_card_retrievability(card, now))
                right.append(review.rating != Rating.Again)
            card, _log = scheduler.review_card(card, review.rating, now)
            last = review
    return Predicted(np.array(items, dtype=np.int64), np.array(promised), np.array(right, float))


def compare(before: Predicted, after: Predicted, *, unit: NDArray[np.integer]) -> Interval:
    """By how much the log loss falls from one to the other on the same reviews; 95% bootstrap over `unit` [N], paired."""
    bootstrap = PooledBootstrap(unit)
    samples = [bootstrap.samples(each.promised, each.right)["log_loss"] for each in (before, after)]
    losses = [log_loss(each.promised, each.right) for each in (before, after)]
    return interval(losses[0] - losses[1], samples[0] - samples[1])


def _is_later(before: Review, review: Review) -> bool:
    return (review.occurred_at - before.occurred_at).days > 0


def _before(history: History, moment: datetime) -> History:
    older = {
        item: [review for review in answers if review.occurred_at < moment]
        for item, answers in history.items()
    }
    return {item: answers for item, answers in older.items() if answers}


def _choose(history: History) -> History:
    """What is fitted to: whole exercises, as a card means nothing without its beginning, in an order that is always the same."""
    kept: dict[int, Sequence[Review]] = {}
    answers = 0
    for item in sorted(
        history, key=lambda item: (history[item][-1].occurred_at, item), reverse=True
    ):
        answers += len(history[item][:LONGEST])
        if kept and answers > MOST:
            break
        kept[item] = history[item][:LONGEST]
    return dict(sorted(kept.items()))
