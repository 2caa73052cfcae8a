"""Writing what is left in learners' memories."""

from collections.abc import Iterable, Mapping

from learners.memory import Memory
from learners.models import MemoryCard


def store_memories(memories: Mapping[int, Iterable[Memory]]) -> None:
    """Write these memories by learner, each in place of the one before; one statement.

    Call it where nobody else works on these learners: in the transaction that marks them clean.
    """
    cards = [
        MemoryCard(
            learner_id=learner,
            item_id=memory.item_id,
            stability=memory.stability,
            difficulty=memory.difficulty,
            reviewed_at=memory.reviewed_at,
            due_at=memory.due_at,
            attempts=memory.attempts,
            event=memory.event_id,
        )
        for learner, known in memories.items()
        for memory in known
    ]
    if cards:
        MemoryCard.objects.bulk_create(
            cards,
            update_conflicts=True,
            unique_fields=["learner", "item"],
            update_fields=[
                *("stability", "difficulty", "reviewed_at"),
                *("due_at", "attempts", "event"),
            ],
            batch_size=2_000,
        )
