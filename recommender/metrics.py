"""What Prometheus reads of refresh, whichever process it asks.

Workers run in many processes on many machines and answer no HTTP. So they count in the cache that all share, and
the web process shows those counts, beside what it asks of the database. A cache that was emptied counts from 0 again,
which Prometheus takes for a restart.
"""

import logging
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from django.core.cache import cache
from django.db import DatabaseError
from django.utils import timezone
from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from recommender.selectors.health import Drift

logger = logging.getLogger(__name__)

BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds, in seconds; one more bucket takes what is slower."""
_BATCHES, _LEARNERS, _FAILED, _MILLISECONDS = "batches", "learners", "failed", "milliseconds"
_IN_BUCKET: Final = tuple(f"bucket{number}" for number in range(len(BUCKETS) + 1))
_KEYS: Final = (_BATCHES, _LEARNERS, _FAILED, _MILLISECONDS, *_IN_BUCKET)


def observe_batch(*, learners: int, seconds: float) -> None:
    """Count a batch that was written."""
    _add(
        {
            _BATCHES: 1,
            _LEARNERS: learners,
            _MILLISECONDS: round(1000 * seconds),
            _IN_BUCKET[bisect_left(BUCKETS, seconds)]: 1,
        }
    )


def observe_failure() -> None:
    """Count a learner whose slate could not be computed."""
    _add({_FAILED: 1})


class RefreshCollector(Collector):
    """How far behind the slates are, and what refresh has done, asked at each scrape."""

    def describe(self) -> Iterator[Metric]:
        """Names only: registering must not ask any server."""
        yield from (*_gauges(), *_attention({}, {}), *_drift([], None), *_counters({}))

    def collect(self) -> Iterator[Metric]:
        from recommender.selectors.calibrations import measure_attention
        from recommender.selectors.freshness import measure_lag
        from recommender.selectors.health import measure_drift

        # A server that is away takes its own metrics with it and not the others.
        try:
            yield from _gauges(*measure_lag())
            yield from _attention(*measure_attention())
            yield from _drift(*measure_drift(now=timezone.now()))
        except DatabaseError as error:
            logger.warning("no metrics of the database", extra={"error": str(error)})
        try:
            counts = cache.get_many([_name(key) for key in _KEYS])
        except Exception as error:  # whatever the cache's client raises
            logger.warning("no metrics of the cache", extra={"error": str(error)})
        else:
            yield from _counters({key: counts.get(_name(key), 0) for key in _KEYS})


def register_collector() -> None:
    """Have these metrics in this process's registry; a second time changes nothing."""
    if not _registered:
        _registered.append(RefreshCollector())
        REGISTRY.register(_registered[0])


_registered: list[RefreshCollector] = []


def _gauges(waiting: int | None = None, seconds: float | None = None) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "attune_stale_learners", "Learners who wait for a newer slate.", value=waiting
    )
    yield GaugeMetricFamily(
        "attune_stale_seconds",
        "Seconds since the last change of who waits longest.",
        value=seconds,
    )


def _attention(learners: dict[str, int], withdrawn: dict[str, bool]) -> Iterator[Metric]:
    found = GaugeMetricFamily(
        "attune_attention_learners",
        "Learners whose attention the active version has looked at, found anomalous, repaired.",
        labels=["state"],
    )
    for state, count in learners.items():
        found.add_metric([state], count)
    yield found
    repairs = GaugeMetricFamily(
        "attune_repair_withdrawn",
        "1 for each repair of the active version's attention that harmed or was of no use.",
        labels=["repair"],
    )
    for repair, is_withdrawn in withdrawn.items():
        repairs.add_metric([repair], float(is_withdrawn))
    yield repairs


def _drift(drifts: "Sequence[Drift]", age: float | None) -> Iterator[Metric]:
    index = GaugeMetricFamily(
        "attune_drift",
        "Population stability index of what the active version met in seven days, beside its training.",
        labels=["group", "measure"],
    )
    chance = GaugeMetricFamily(
        "attune_drift_chance",
        "What attune_drift stays below in 99 of 100 cases where nothing has changed.",
        labels=["group", "measure"],
    )
    for each in drifts:
        index.add_metric([each.group, each.name], each.index)
        chance.add_metric([each.group, each.name], each.chance)
    yield from (index, chance)
    yield GaugeMetricFamily(
        "attune_health_age_seconds",
        "Seconds since a worker counted what the active version meets.",
        value=age,
    )


def _counters(counts: dict[str, int]) -> Iterator[Metric]:
    yield CounterMetricFamily(
        "attune_refresh_batches",
        "Batches of learners refreshed.",
        value=counts.get(_BATCHES),
    )
    yield CounterMetricFamily(
        "attune_refresh_learners", "Slates written by refresh.", value=counts.get(_LEARNERS)
    )
    yield CounterMetricFamily(
        "attune_refresh_failed_learners",
        "Learners whose slate could not be computed.",
        value=counts.get(_FAILED),
    )
    bounds = [*(str(bound) for bound in BUCKETS), "+Inf"]
    filled = list(accumulate(counts.get(key, 0) for key in _IN_BUCKET))
    yield HistogramMetricFamily(
        "attune_refresh_batch_seconds",
        "Seconds from the claim of a batch to its slates.",
        buckets=list(zip(bounds, filled, strict=True)) if counts else None,
        sum_value=counts.get(_MILLISECONDS, 0) / 1000 if counts else None,
    )


def _add(amounts: dict[str, int]) -> None:
    try:
        for key, amount in amounts.items():
            if not cache.add(_name(key), amount, timeout=None):
                cache.incr(_name(key), amount)
    except Exception as error:  # counting must never cost a slate
        logger.warning("refresh not counted", extra={"error": str(error)})


def _name(key: str) -> str:
    return f"refresh-metrics:{key}"
