"""The data that is measured on: the demo courses, learners who studied them, and a version trained on that.

Everything is made from a fixed seed, and nothing by hand-written rows that the platform itself would not write.
"""

from collections.abc import Sequence
from pathlib import Path

import redis
from common.servers import ROOT
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from knox.models import AuthToken

from content.models import Course
from content.services import import_content
from learners.models import User
from recommender.models import TrainingRun
from recommender.pipeline.training import run_next_training
from recommender.services.activation import activate_version
from recommender.services.training import request_training
from web.management.bench.reference import LEARNERS as REFERENCE
from web.management.bench.reference import add_reference

EVENTS_EACH = 50

_PEOPLE = """
INSERT INTO learners_user (username, email, password, role, language, synthetic, pseudonym, first_name, last_name,
                           is_staff, is_active, is_superuser, date_joined)
SELECT 'bench-' || n, 'bench-' || n || '@localhost', '!', 'learner', 'en', true, gen_random_uuid(), '', '',
       false, true, false, now()
  FROM generate_series(%(first)s, %(last)s) AS n
"""
_ENROLMENTS = """
INSERT INTO learners_enrolment (learner_id, course_id, created_at)
SELECT person.id, course.id, now()
  FROM learners_user AS person, content_course AS course
 WHERE person.id > %(after)s AND course.id = ANY(%(courses)s)
"""
# A learner goes through one course after the other, mostly in its order, and gets two thirds of the exercises right.
# The pseudo-random numbers are hashes of learner and step, so that they do not hang on the plan of the query.
_EVENTS = """
INSERT INTO learners_event (actor_id, uid, verb, item_id, occurred_at, received_at, success, score, duration,
                            response, context, graded)
SELECT actor, gen_random_uuid(), CASE WHEN gradable THEN 'answered' ELSE 'completed' END, item, at, at,
       CASE WHEN gradable THEN chance < 0.67 END, CASE WHEN gradable THEN (chance < 0.67)::int END,
       30 + 400 * chance, NULL, '{}', gradable
  FROM (SELECT person.id AS actor, item.id AS item, item.kind IN ('exercise', 'quiz') AS gradable,
               now() - make_interval(days => 60) + step * make_interval(hours => 20)
                     + person.id %% 86400 * interval '1 second' AS at,
               abs(hashint8(person.id * 1009 + step)::bigint) %% 1000 / 1000.0 AS chance
          FROM learners_user AS person
         CROSS JOIN generate_series(1, %(each)s) AS step
          JOIN (SELECT item.id, item.kind, row_number() OVER (ORDER BY course_id, position) - 1 AS place,
                       count(*) OVER () AS items
                  FROM content_item AS item WHERE course_id = ANY(%(courses)s)) AS item
            ON item.place = (person.id * 17 + step + abs(hashint8(person.id * 2003 + step)::bigint) %% 3)
                            %% item.items
         WHERE person.id > %(after)s) AS walk
"""
_PROGRESS = """
INSERT INTO learners_itemprogress (learner_id, item_id, first_at, last_at, completed_at, attempts, "right",
                                   last_right, wrong_streak, seconds)
SELECT actor_id, item_id, min(occurred_at), max(occurred_at),
       max(occurred_at) FILTER (WHERE verb = 'completed' OR success), count(*) FILTER (WHERE graded),
       count(*) FILTER (WHERE graded AND success),
       (array_agg(success ORDER BY occurred_at DESC) FILTER (WHERE graded))[1], 0, sum(duration)
  FROM learners_event WHERE actor_id > %(after)s GROUP BY actor_id, item_id
"""
_STATES = """
INSERT INTO learners_learnerstate (learner_id, dirty_seq, clean_seq, dirty_at, active_at, claimed_by)
SELECT id, 1, 1, now(), now() - interval '30 days', '' FROM learners_user WHERE id > %(after)s
"""


def load_courses() -> list[int]:
    """Make the tables and import the demo's English courses; return the courses' keys."""
    call_command("migrate", verbosity=0, interactive=False)
    report = import_content(path=Path(ROOT) / "content" / "demo")
    if not report.complete:
        raise RuntimeError(f"the demo courses were refused: {report.refused[:3]}")
    return list(Course.objects.filter(language="en").order_by("pk").values_list("pk", flat=True))


def grow(*, events: int, courses: Sequence[int]) -> int:
    """Add learners of 50 events each until there are `events` events; return how many there are."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), coalesce(max(id), 0) FROM learners_user")
        people, after = cursor.fetchone()
        wanted = max(0, events // EVENTS_EACH - people)
        values = {
            "first": people + 1,
            "last": people + wanted,
            "after": after,
            "courses": list(courses),
            "each": EVENTS_EACH,
        }
        for statement in (_PEOPLE, _ENROLMENTS, _EVENTS, _PROGRESS, _STATES):
            cursor.execute(statement, values)
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("SELECT count(*) FROM learners_event")
        (total,) = cursor.fetchone()
    return int(total)


def train_version(*, minutes: float) -> None:
    """Train on what is there, through the platform's own run, and activate the version, which knows healthy attention."""
    request_training(by=None, options={"minutes": minutes, "seed": 0})
    run = run_next_training()
    if run is None or run.status != TrainingRun.Status.SUCCEEDED or run.version is None:
        raise RuntimeError(f"training did not succeed: {run and run.error}")
    add_reference(run.version, list_learners(skip=0, count=REFERENCE))
    activate_version(version=run.version)


def list_learners(*, skip: int, count: int) -> list[int]:
    """Return the keys of learners, those of the same `skip` always the same."""
    rows = User.objects.order_by("pk").values_list("pk", flat=True)
    return list(rows[skip : skip + count])


def make_tokens(learners: Sequence[int]) -> list[str]:
    """Return one API token for each learner."""
    return [AuthToken.objects.create(person)[1] for person in User.objects.filter(pk__in=learners)]


def settle() -> None:
    """Leave nobody stale and no message waiting, so that one measurement does not do another one's work."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE learners_learnerstate SET clean_seq = dirty_seq, claimed_until = NULL, claimed_by = ''"
            " WHERE dirty_seq > clean_seq OR claimed_until IS NOT NULL"
        )
    broker = redis.Redis.from_url(settings.SERVERS.redis_url)
    broker.flushdb()
    broker.close()
