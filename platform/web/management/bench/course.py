"""The order of the measurements."""

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from django.db import connection

from content.models import Item
from web.management.bench import reweighting, scenario
from web.management.bench.client import Client
from web.management.bench.intake import measure_intake
from web.management.bench.latency import measure_latency
from web.management.bench.reading import measure_reading
from web.management.bench.refreshing import measure_refresh

Say = Callable[[str], None]
BATCH = 256


@dataclass(frozen=True)
class Plan:
    """How much is measured. `events` are the sizes of the event table, ascending."""

    events: tuple[int, ...]
    training_minutes: float
    reads: int
    intakes: dict[int, int]  # events a request → pairs
    refreshes: int
    load_seconds: float

    @classmethod
    def choose(cls, *, quick: bool, full: bool) -> "Plan":
        """About 2 minutes, about 4, or half an hour for 10 million events."""
        events = (100_000, 10_000_000) if full else (100_000,)
        if quick:
            return cls(events, 0.3, 100, {1: 40, 50: 20, 1000: 5}, 4, 15)
        return cls(events, 1.0, 400, {1: 150, 50: 60, 1000: 20}, 15, 60)


def measure(home: Path, plan: Plan, say: Say, *, quick: bool) -> dict[str, Any]:
    """Return the report. The embedded servers of `home` must be up, and hold nothing yet."""
    started = time.monotonic()
    say("tables and demo courses")
    courses = scenario.load_courses()
    say(f"{plan.events[0]:,} events")
    total = scenario.grow(events=plan.events[0], courses=courses)
    say("text vectors and a version trained on that")
    scenario.train_version(minutes=plan.training_minutes)
    client = Client()
    scales = [_measure_scale(client, plan, total, say)]
    for events in plan.events[1:]:
        say(f"{events:,} events: a few minutes")
        total = scenario.grow(events=events, courses=courses)
        scales.append(_measure_scale(client, plan, total, say))
    say(f"20 events a second for {plan.load_seconds:.0f} s, with worker and web server")
    learners = scenario.list_learners(skip=3 * BATCH, count=401)
    slugs = list(
        Item.objects.filter(course__in=courses, kind="lesson").values_list("slug", flat=True)
    )
    latency = measure_latency(
        home, learners, scenario.make_tokens(learners), slugs, seconds=plan.load_seconds
    )
    return {
        "version": 1,
        "quick": quick,
        "machine": _describe_machine(),
        "seconds": time.monotonic() - started,
        "scales": scales,
        "latency": latency,
    }


def _measure_scale(client: Client, plan: Plan, events: int, say: Say) -> dict[str, Any]:
    readers = scenario.list_learners(skip=0, count=BATCH)
    writers = scenario.list_learners(skip=BATCH, count=64)
    scenario.settle()
    say(f"refresh of {BATCH} learners beside the bare forward pass")
    refresh = measure_refresh(readers, pairs=plan.refreshes)
    say("feedback of each of them, then re-weighting plus refresh")
    reweighting.say_something(readers)
    reweight = {
        str(count): reweighting.measure_reweighting(readers[:count], pairs=pairs)
        for count, pairs in ((1, 4 * plan.refreshes), (BATCH, plan.refreshes))
    }
    say("reading beside an empty view")
    reading = measure_reading(client, scenario.make_tokens(readers[:64]), pairs=plan.reads)
    intake = {}
    tokens = scenario.make_tokens(writers)
    for size, pairs in plan.intakes.items():
        say(f"intake of {size} at once beside a bare COPY")
        intake[str(size)] = measure_intake(
            client, writers, tokens, size=size, pairs=pairs, seed=size
        ).as_dict()
    return {
        "events": events,
        "learners": len(scenario.list_learners(skip=0, count=10**9)),
        "read": reading.as_dict(),
        "intake": intake,
        "refresh": refresh,
        "reweight": reweight,
    }


def _describe_machine() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        (postgres,) = cursor.fetchone()
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / (1 << 30), 1),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "postgres": postgres,
    }
