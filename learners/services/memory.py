"""Writing what is left in learners' memories, and the parameters that it is computed with."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction

from learners.memory import Memory, Parameters
from learners.models import LearnerState, MemoryCard, MemoryFit, User
from learners.services.freshness import mark_dirty


def store_memories(memories: Mapping[int, Iterable[Memory]]) -> None:
    """Write these memories by learner, each in place of the one before; one statement.

    Call it where nobody else works on these learners: in the transaction that marks them clean.
    """
    cards = [
        MemoryCard(
            learner_id=learner,
            fit=memory.fit.revision,
            **dict(zip(MemoryCard.COLUMNS, memory[:-1], strict=True)),
        )
        for learner, known in memories.items()
        for memory in known
    ]
    if cards:
        MemoryCard.objects.bulk_create(
            cards,
            update_conflicts=True,
            unique_fields=["learner", "item"],
            update_fields=[*MemoryCard.COLUMNS[1:], "fit"],
            batch_size=2_000,
        )


def store_fit(
    *,
    learner_id: int,
    parameters: Parameters,
    used: bool,
    reviews: int,
    held_out: int,
    default_log_loss: float,
    log_loss: float,
    gain: tuple[float, float],
    look_again: int,
    now: datetime,
) -> bool:
    """Keep what fitting a learner's memory found, in place of what was found before; False where she is gone.

    Her cards are made anew by the next refresh where it changes what they are computed with.
    """
    with transaction.atomic():
        # `mark_dirty` locks it at the end. Her account first, and whoever erases her and this would wait for each other.
        LearnerState.objects.select_for_update().filter(pk=learner_id).first()
        if not _stays(learner_id):
            return False
        row = MemoryFit.objects.select_for_update().filter(learner=learner_id).first()
        row = row or MemoryFit(learner_id=learner_id)
        changed = used or row.used
        row.revision += 1
        row.parameters, row.used = list(parameters), used
        row.reviews, row.held_out = reviews, held_out
        row.default_log_loss, row.log_loss = default_log_loss, log_loss
        row.gain_low, row.gain_high = gain
        row.look_again, row.fitted_at = look_again, now
        row.save()
        if changed:
            mark_dirty(learner_ids=[learner_id])
    return True


def put_off_fit(*, learner_id: int, look_again: int) -> bool:
    """Look at a learner again once she has so many repeated answers, and leave her fit as it is; False where she is gone."""
    with transaction.atomic():
        if not _stays(learner_id):
            return False
        MemoryFit.objects.update_or_create(
            learner_id=learner_id, defaults={"look_again": look_again}
        )
    return True


def _stays(learner_id: int) -> bool:
    """Whether there is such a learner, who is not erased before the transaction ends."""
    return User.objects.select_for_update(no_key=True).filter(pk=learner_id).exists()
