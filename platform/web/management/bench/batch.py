"""A batch of learners as the bench measures it: refreshed as a worker does, or scored by the forward pass alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from django.conf import settings
from django.utils import timezone

from learners.services.freshness import claim_stale
from recommender.core.events import EventLog
from recommender.core.serving import BoundRecommender
from recommender.pipeline import refresh
from recommender.pipeline.active import get_active
from recommender.pipeline.catalogue import load_catalogue
from recommender.pipeline.history import to_log


@dataclass(frozen=True)
class Batch:
    """Learners with their histories, and the active version over the catalogue."""

    learners: Sequence[int]
    bound: BoundRecommender
    log: EventLog
    now: float
    items: int

    @classmethod
    def read(cls, learners: Sequence[int]) -> Self:
        """Raises RuntimeError where no version is active."""
        model = get_active()
        if model is None:
            raise RuntimeError("no version is active")
        _seqs, reads, _attention = refresh.read_snapshot(learners)
        loaded = load_catalogue(encoder=model.recommender.manifest.encoder)
        return cls(
            learners=learners,
            bound=model.recommender.bind(loaded.catalogue),
            log=to_log([read.history for read in reads.values()], loaded.outline.row_of),
            now=timezone.now().timestamp(),
            items=loaded.outline.rows - 1,
        )

    def forward(self, _number: int) -> None:
        """The bare pass."""
        self.bound.score(self.log, now=self.now)


def refresh_stale(learners: Sequence[int]) -> None:
    """From claim to commit, as a worker does it. Raises RuntimeError where not all of them were stale."""
    claimed = claim_stale(worker="bench", limit=len(learners), lease_seconds=settings.LEASE_SECONDS)
    done = refresh.refresh_claimed(claimed, worker="bench", model=get_active())
    if not done.stored.issuperset(learners):
        raise RuntimeError(f"{len(done.stored)} of {len(learners)} learners were refreshed")
