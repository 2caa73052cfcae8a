"""The export of all events: what is in it, and that its memory doesn't grow with their number."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.utils import timezone

from learners.models import Event, User
from learners.services.accounts import erase_person
from recommender.models import Impression, Slate
from tests.flow_processes import database_url
from tests.recommender.training_samples import make_class

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[2]
MILLION = 1_000_000
MEGABYTES = 60
"""What the export may need beyond an idle process; the rows themselves are 31 bytes each, 31 MB in all."""


def export(folder: Path) -> Any:
    return export_with_people(folder).log


def export_with_people(folder: Path) -> Any:
    from recommender.pipeline.catalogue import load_catalogue
    from recommender.pipeline.export import export_events

    return export_events(folder, catalogue=load_catalogue().catalogue, until=timezone.now())


def test_every_event_but_impressions_is_in_it_in_order(
    algebra: Any, alice: Any, tmp_path: Path
) -> None:
    make_class(algebra, learners=3)
    now = timezone.now()
    lesson, exercise = algebra.items["letters-lesson"], algebra.items["letters-one"]
    for verb, item, minutes, fields in (
        ("answered", exercise, 5, {"success": True, "graded": True}),
        ("viewed", lesson, 9, {"duration": 12.5}),
        ("shown", lesson, 8, {}),
        ("answered", exercise, 7, {"success": True, "graded": False}),
    ):
        at = now - timedelta(minutes=minutes)
        Event.objects.create(
            actor=alice, verb=verb, item=item, occurred_at=at, received_at=at, **fields
        )
    log = export(tmp_path / "log")
    assert log.learners == 4
    assert len(log) == Event.objects.exclude(verb="shown").count()
    everyone = Event.objects.exclude(verb="shown").order_by("actor_id").values_list("actor_id")
    place = sorted({actor for (actor,) in everyone}).index(alice.pk)
    hers = slice(log.offsets[place], log.offsets[place + 1])
    # viewed, answered and not graded (so not believed), answered and right; oldest first
    assert log.behaviour[hers].tolist() == [1, 4, 4]
    assert log.outcome[hers].tolist() == [0, 0, 2]
    assert log.attention[hers].tolist() == [12.5, 0.0, 0.0]
    assert (np.diff(log.time[hers]) > 0).all()


def test_an_erased_person_is_not_in_it(algebra: Any, tmp_path: Path) -> None:
    people = make_class(algebra, learners=3)
    erase_person(person=people[1])
    found = export_with_people(tmp_path / "log")
    assert found.log.learners == 2
    assert found.learners.tolist() == [people[0].pk, people[2].pk]


def test_what_was_met_through_exploration_is_marked_from_then_on(
    algebra: Any, alice: Any, tmp_path: Path
) -> None:
    now = timezone.now()
    slate = Slate.objects.create(
        learner=alice, source="model", computed_at=now, seq=1, entries=[], kept=True
    )
    lesson, other = algebra.items["letters-lesson"], algebra.items["graphs-lesson"]
    Impression.objects.create(
        slate=slate,
        learner=alice,
        item=lesson,
        position=3,
        propensity=0.002,
        explored=True,
        shown_at=now - timedelta(minutes=10),
    )
    for item, minutes in ((lesson, 20), (other, 9), (lesson, 8), (lesson, 7)):
        at = now - timedelta(minutes=minutes)
        Event.objects.create(actor=alice, verb="viewed", item=item, occurred_at=at, received_at=at)
    log = export(tmp_path / "log")
    assert log.explored.tolist() == [False, False, True, True]


MEASURE = """
import json, resource, sys
from pathlib import Path
import django
django.setup()
import numpy, torch  # what every worker has loaded already
from django.utils import timezone
from recommender.pipeline.catalogue import load_catalogue
from recommender.pipeline.export import export_events
catalogue = load_catalogue().catalogue
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
log = export_events(Path(sys.argv[1]), catalogue=catalogue, until=timezone.now()).log
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"events": len(log), "learners": log.learners, "megabytes": (after - before) / 1024}))
"""


def test_a_million_events_are_exported_in_bounded_memory(algebra: Any, tmp_path: Path) -> None:
    User.objects.bulk_create(
        [User(username=f"many{number}", password="!") for number in range(1000)]
    )
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO learners_event (actor_id, uid, verb, item_id, occurred_at, received_at, context, graded)
            SELECT person.id, gen_random_uuid(), 'viewed', item.id, now() - make_interval(mins => n), now(), '{}', false
              FROM (SELECT id, row_number() OVER () AS place FROM learners_user) AS person
              JOIN generate_series(0, %s - 1) AS n ON n %% 1000 + 1 = person.place
              JOIN (SELECT id, row_number() OVER () AS place FROM content_item) AS item ON n %% 9 + 1 = item.place
            """,
            [MILLION],
        )
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(connection.settings_dict),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "platform")]),
    }
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "log")],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert (found["events"], found["learners"]) == (MILLION, 1000)
    assert found["megabytes"] < MEGABYTES, found
