"""Writing what is left in learners' memories."""

from collections.abc import Iterable, Mapping

from learners.memory import Memory
from learners.models import MemoryCard


def store_memories(memories: Mapping[int, Iterable[Memory]]) -> None:
    """Write these memories by learner, each in place of the one before; one statement.

    Call it where nobody else works on these learners: in the transaction that marks them clean.
    """
    cards = [
        MemoryCard(learner_id=learner, **dict(zip(MemoryCard.COLUMNS, memory, strict=True)))
        for learner, known in memories.items()
        for memory in known
    ]
    if cards:
        MemoryCard.objects.bulk_create(
            cards,
            update_conflicts=True,
            unique_fields=["learner", "item"],
            update_fields=MemoryCard.COLUMNS[1:],
            batch_size=2_000,
        )
