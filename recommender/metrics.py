"""What Prometheus reads of refresh: in workers what was done, in the web process how far behind the slates are."""

from collections.abc import Iterator
from typing import Final

from django.db import DatabaseError
from prometheus_client import REGISTRY, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily

BATCHES: Final = Counter("attune_refresh_batches", "Batches of learners refreshed.")
LEARNERS: Final = Counter("attune_refresh_learners", "Slates written by refresh.")
FAILED_LEARNERS: Final = Counter(
    "attune_refresh_failed_learners", "Learners whose slate could not be computed."
)
SECONDS: Final = Histogram(
    "attune_refresh_batch_seconds",
    "Seconds from the claim of a batch to its slates.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)


def observe_batch(*, learners: int, seconds: float) -> None:
    """Count a batch that was written."""
    BATCHES.inc()
    LEARNERS.inc(learners)
    SECONDS.observe(seconds)


class FreshnessCollector:
    """How many learners wait for a newer slate, and for how long; asked of the database at each scrape."""

    def describe(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily("attune_stale_learners", "Learners who wait for a newer slate.")
        yield GaugeMetricFamily(
            "attune_stale_seconds", "Seconds since the last change of who waits longest."
        )

    def collect(self) -> Iterator[GaugeMetricFamily]:
        from recommender.selectors.freshness import measure_lag

        try:
            waiting, seconds = measure_lag()
        except DatabaseError:
            # The other metrics are needed most when the database is away.
            return
        for family, value in zip(self.describe(), (waiting, seconds), strict=True):
            family.add_metric([], value)
            yield family


def register_collector() -> None:
    """Have the freshness of slates in this process's metrics; a second time changes nothing."""
    if not _registered:
        _registered.append(FreshnessCollector())
        REGISTRY.register(_registered[0])


_registered: list[FreshnessCollector] = []
