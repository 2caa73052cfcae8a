"""Taking in events over the API, beside a bare COPY of the same rows into the same table."""

import io
import json
import random
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from content.models import Item
from web.management.bench.client import Client
from web.management.bench.timing import Comparison, compare

_COLUMNS = (
    "actor_id, uid, verb, item_id, occurred_at, received_at, success, score, duration, response,"
    " context, graded"
)


def measure_intake(
    client: Client,
    learners: Sequence[int],
    tokens: Sequence[str],
    *,
    size: int,
    pairs: int,
    seed: int,
) -> Comparison:
    """Time requests of `size` events; every one is new, and both sides of a pair commit."""
    rng = random.Random(seed)
    items = list(
        Item.objects.filter(course__enrolments__learner=learners[0]).values_list("pk", "slug")
    )
    warm = 2
    batches = [_make_events(rng, items, size) for _number in range(pairs + warm)]
    bodies = [json.dumps([_as_sent(event) for event in batch]).encode() for batch in batches]
    rows = [
        "".join(_as_row(learners[number % len(learners)], event) for event in batch)
        for number, batch in enumerate(batches)
    ]

    def post(number: int) -> None:
        answer = client.post(
            "/api/v1/events/", token=tokens[number % len(tokens)], body=bodies[number]
        )
        if json.loads(answer)["accepted"] != size:
            raise RuntimeError(f"not all events were accepted: {answer!r}")

    def copy(number: int) -> None:
        with connection.cursor() as cursor:
            cursor.copy_expert(
                f"COPY learners_event ({_COLUMNS}) FROM STDIN", io.StringIO(rows[number])
            )

    return compare(post, copy, pairs=pairs, warm=warm)


def _make_events(
    rng: random.Random, items: Sequence[tuple[int, str]], size: int
) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    return [
        {
            "item": rng.choice(items),
            "at": (now - timedelta(seconds=60 * size - 60 * number)).isoformat(),
            "duration": round(rng.uniform(5, 600), 1),
        }
        for number in range(size)
    ]


def _as_sent(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "verb": "viewed",
        "item": event["item"][1],
        "occurred_at": event["at"],
        "result": {"duration": event["duration"]},
        "context": {"source": "bench"},
    }


def _as_row(learner: int, event: dict[str, Any]) -> str:
    """The same row with an id of its own, as COPY reads it."""
    values = [str(learner), str(uuid.uuid4()), "viewed", str(event["item"][0]), event["at"]]
    values += [event["at"], r"\N", r"\N", str(event["duration"]), r"\N"]
    return "\t".join([*values, '{"source": "bench"}', "f"]) + "\n"
