"""What is left of an exercise in a learner's memory: FSRS, computed by its own library from her graded answers.

Free Spaced Repetition Scheduler, version 6 (Ye et al., 2022, A stochastic shortest path algorithm for optimizing spaced
repetition scheduling; `docs/adr/0034-memory-by-fsrs.md` says how it is used here). A card is a pure function of her answers
in the order of (occurred_at, id) and of the parameters that are hers, so it can be computed anew at any time and comes out
the same (`docs/adr/0040-memory-fitted-to-the-learner.md`).
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple

from fsrs import Card, Rating, Scheduler, State
from fsrs.scheduler import DEFAULT_PARAMETERS

RETENTION: Final = 0.9
"""An exercise is due again when so much of it is left: the probability of a right answer."""
LONGEST_DAYS: Final = 365


Parameters = tuple[float, ...]
"""What FSRS calls w: 21 numbers in version 6."""


class Fit(NamedTuple):
    """The parameters that a learner's memory is computed with. `revision` counts her fits; 0 are the library's defaults."""

    revision: int
    parameters: Parameters


DEFAULTS: Final = Fit(0, DEFAULT_PARAMETERS)


@lru_cache(maxsize=4096)
def make_scheduler(parameters: Parameters) -> Scheduler:
    """Return FSRS as it is used here. Raises ValueError where the library refuses the parameters."""
    # No steps of minutes: an exercise isn't a flash card that comes round in the same sitting, whoever wants to try again
    # does. No fuzz, which is random: the same answers shall always make the same card.
    return Scheduler(
        parameters=parameters,
        desired_retention=RETENTION,
        learning_steps=(),
        relearning_steps=(),
        maximum_interval=LONGEST_DAYS,
        enable_fuzzing=False,
    )


class Review(NamedTuple):
    """One graded answer, as memory sees it."""

    event_id: int
    occurred_at: datetime
    right: bool
    hinted: bool

    @property
    def rating(self) -> Rating:
        """Again, Hard or Good; nobody is asked whether it was easy."""
        if not self.right:
            return Rating.Again
        return Rating.Hard if self.hinted else Rating.Good


class Memory(NamedTuple):
    """The state of one learner's memory of one exercise.

    `stability`: days until 90% is left; `difficulty`: 1 to 10; `attempts`: graded answers that it has seen, the last of
    them `event_id`; `fit`: what it was computed with.
    """

    item_id: int
    stability: float
    difficulty: float
    reviewed_at: datetime
    due_at: datetime
    attempts: int
    event_id: int
    fit: Fit = DEFAULTS

    def recall(self, now: datetime) -> float:
        """P(right) at `now`, the retrievability of FSRS; it counts whole days, so it is 1 on the first."""
        scheduler = make_scheduler(self.fit.parameters)
        return scheduler.get_card_retrievability(self.as_card(), now.astimezone(UTC))

    def as_card(self) -> Card:
        """As the library has it."""
        return Card(
            card_id=self.item_id,
            state=State.Review,
            stability=self.stability,
            difficulty=self.difficulty,
            due=self.due_at,
            last_review=self.reviewed_at,
        )


def remember(
    item_id: int,
    reviews: Iterable[Review],
    *,
    before: Memory | None = None,
    attempts: int,
    fit: Fit = DEFAULTS,
) -> Memory | None:
    """Return the memory after `reviews` (oldest first), which continue `before`; None without any.

    `attempts` is the number of answers in all that it will have seen. `before` must have been computed with the same fit.
    """
    scheduler = make_scheduler(fit.parameters)
    card = Card(card_id=item_id, due=datetime.min.replace(tzinfo=UTC))
    event = 0
    if before is not None:
        card, event = before.as_card(), before.event_id
    for review in reviews:
        card, _log = scheduler.review_card(card, review.rating, review.occurred_at.astimezone(UTC))
        event = review.event_id
    if card.stability is None or card.difficulty is None or card.last_review is None:
        return None
    return Memory(
        item_id=item_id,
        stability=card.stability,
        difficulty=card.difficulty,
        reviewed_at=card.last_review,
        due_at=card.due,
        attempts=attempts,
        event_id=event,
        fit=fit,
    )
