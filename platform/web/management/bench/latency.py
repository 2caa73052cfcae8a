"""How long it takes from an event to a newer slate, while events keep coming, with real processes."""

import http.client
import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from django.db import close_old_connections, connection

from web.management.bench.memory import measure_memory
from web.management.bench.scenario import settle
from web.management.bench.timing import percentile
from web.supervisor.children import Child
from web.supervisor.preparation import HOST, bind
from web.supervisor.probes import ask
from web.supervisor.programs import build_web, build_workers

RATE = 20
SENDERS = 4
PATIENCE = 120.0
EVENTS, SLATE = "/api/v1/events/", "/api/v1/recommendations/?limit=1"


@dataclass
class _Load:
    """What the senders share with the watcher."""

    learners: Sequence[int]
    tokens: Sequence[str]
    slugs: Sequence[str]
    port: int
    pending: dict[int, float] = field(default_factory=dict)  # learner → when her event was sent
    answers: list[float] = field(default_factory=list)  # seconds from request to 201
    errors: list[str] = field(default_factory=list)


def measure_latency(
    home: Path,
    learners: Sequence[int],
    tokens: Sequence[str],
    slugs: Sequence[str],
    *,
    seconds: float,
) -> dict[str, Any]:
    """Send 20 events a second for `seconds` and watch each learner's slate.

    Timed from the sending of the request to the commit of the slate that has seen the event (asked of the database
    every 10 ms), and on a probe learner to the moment when the API shows it. Memory is taken at the end, under load.
    """
    settle()
    with _running(home) as port:
        load = _Load(learners[1:], tokens[1:], slugs, port)
        _warm_up(load, learners[0], tokens[0])
        probes: list[float] = []
        until = time.monotonic() + seconds
        threads = [
            threading.Thread(target=_send, args=(load, number, until)) for number in range(SENDERS)
        ]
        threads.append(
            threading.Thread(target=_probe, args=(port, tokens[0], slugs, until, probes))
        )
        for thread in threads:
            thread.start()
        newer = _watch(load, until)
        memory = measure_memory(home)
        for thread in threads:
            thread.join()
    if load.errors:
        raise RuntimeError(f"{len(load.errors)} requests failed: {load.errors[0]}")
    return {
        "events": len(load.answers),
        "events_a_second": len(load.answers) / seconds,
        "accepted_ms": _describe(load.answers),
        "newer_slate_ms": _describe(newer),
        "api_shows_it_ms": _describe(probes),
        "never": len(load.answers) - len(newer),
        "memory": memory,
    }


@contextmanager
def _running(home: Path) -> Iterator[int]:
    """Web, workers and beat as `make run` starts them, on a free port."""
    listener = bind(_free_port())
    port = int(listener.getsockname()[1])
    children = [
        Child(program, home=home)
        for program in [build_web(listener.fileno()), *build_workers(home)]
    ]
    try:
        for child in children:
            child.start()
        deadline = time.monotonic() + PATIENCE
        while ask(port, "/healthz") is None:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the web server did not start (log: {children[0].log})")
            time.sleep(0.2)
        yield port
    finally:
        for child in children:
            child.end()
        listener.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class _Person:
    """One learner's keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=30)

    def act(self, token: str, slug: str) -> None:
        """Send one new event; raises OSError unless it is accepted."""
        event = {
            "id": str(uuid.uuid4()),
            "verb": "completed",
            "item": slug,
            "occurred_at": datetime.now(UTC).isoformat(),
        }
        status, body = self._ask("POST", EVENTS, token, json.dumps(event).encode())
        if status != 201:
            raise OSError(f"{status} {body[:300]!r}")

    def read(self, token: str) -> tuple[str, bool]:
        """Return the slate's id and whether it is stale."""
        _status, body = self._ask("GET", SLATE, token, None)
        answer = json.loads(body)
        return answer["slate"], answer["stale"]

    def _ask(self, method: str, path: str, token: str, body: bytes | None) -> tuple[int, bytes]:
        headers = {
            "Authorization": f"Token {token}",
            "Content-Type": "application/json",
            "Host": "localhost",
        }
        try:
            self._connection.request(method, path, body=body, headers=headers)
            response = self._connection.getresponse()
        except (ConnectionError, http.client.HTTPException):
            # The server closes a connection that was idle for a while. An event's id makes sending it twice harmless.
            self._connection.close()
            self._connection.request(method, path, body=body, headers=headers)
            response = self._connection.getresponse()
        return response.status, response.read()


def _send(load: _Load, number: int, until: float) -> None:
    """Send this thread's share of the rate, on time whatever the answers take."""
    person = _Person(load.port)
    own = range(number, len(load.learners), SENDERS)
    turn = 0
    due = time.monotonic() + number / RATE
    while due < until:
        time.sleep(max(0.0, due - time.monotonic()))
        place = own[turn % len(own)]
        learner = load.learners[place]
        started = time.monotonic()
        if learner not in load.pending:
            try:
                person.act(load.tokens[place], load.slugs[turn % len(load.slugs)])
            except (OSError, http.client.HTTPException) as error:
                load.errors.append(str(error))
            else:
                load.answers.append(time.monotonic() - started)
                load.pending[learner] = started
        turn += 1
        due += SENDERS / RATE


def _watch(load: _Load, until: float) -> list[float]:
    """Return for each event the seconds until its learner was clean again."""
    newer: list[float] = []
    last = until + PATIENCE
    while time.monotonic() < until or (load.pending and time.monotonic() < last):
        waiting = dict(load.pending)
        if waiting:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT learner_id FROM learners_learnerstate"
                    " WHERE learner_id = ANY(%s) AND clean_seq >= dirty_seq",
                    [list(waiting)],
                )
                clean = [row[0] for row in cursor.fetchall()]
            now = time.monotonic()
            for learner in clean:
                newer.append(now - waiting[learner])
                del load.pending[learner]
        time.sleep(0.01)
    return newer


def _probe(port: int, token: str, slugs: Sequence[str], until: float, found: list[float]) -> None:
    """Once a second, one event, and the API asked until it shows a slate that has seen it."""
    person, turn = _Person(port), 0
    while time.monotonic() < until:
        before, _stale = person.read(token)
        started = time.monotonic()
        person.act(token, slugs[turn % len(slugs)])
        while time.monotonic() - started < PATIENCE:
            slate, stale = person.read(token)
            if slate != before and not stale:
                found.append(time.monotonic() - started)
                break
            time.sleep(0.05)
        turn += 1
        time.sleep(max(0.0, 1.0 - (time.monotonic() - started)))


def _warm_up(load: _Load, learner: int, token: str) -> None:
    """Wait until the workers have loaded the model: their first refresh is not what is measured."""
    person = _Person(load.port)
    for slug in load.slugs[:6]:
        person.act(token, slug)
        load.pending[learner] = time.monotonic()
        _watch(load, time.monotonic())
        if load.pending:
            raise RuntimeError("no worker made a slate in two minutes")
    close_old_connections()


def _describe(seconds: list[float]) -> dict[str, float] | None:
    if not seconds:
        return None
    return {
        "median": 1000 * median(seconds),
        "p95": 1000 * percentile(seconds, 0.95),
        "most": 1000 * max(seconds),
        "count": len(seconds),
    }
