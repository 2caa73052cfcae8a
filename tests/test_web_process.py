"""The web process answers everything without torch: started as gunicorn starts it, asked through WSGI."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.conf import settings as configured
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from knox.models import AuthToken

from content.models import Concept, Course, Item, Question
from content.services import set_prerequisites
from learners.services.groups import add_course, add_learner, create_group

ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN = ("torch", "transformers", "recommender.pipeline", "recommender.core.model")

# Reads requests as JSON from its input, and prints what became of them and which modules it had to load.
ASK = """
import io, json, sys
from django.conf import settings
# By their own names: what is served under names with a hash has to be collected first.
settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
from config.wsgi import application
asked = json.load(sys.stdin)
answers = []
for method, path, headers, body in asked:
    status = []
    path, _, query = path.partition("?")
    payload = json.dumps(body).encode() if body is not None else b""
    environ = {
        "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": query,
        "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1", "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(payload)), "wsgi.input": io.BytesIO(payload),
        "wsgi.errors": sys.stderr, "wsgi.url_scheme": "http", "wsgi.version": (1, 0),
        "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": False, **headers,
    }
    answer = application(environ, lambda line, _headers, _info=None: status.append(line))
    content = b"".join(answer)
    getattr(answer, "close", lambda: None)()
    answers.append([int(status[0][:3]), content.decode(errors="replace")[:2000]])
json.dump({"answers": answers, "modules": sorted(sys.modules)}, sys.stdout)
"""


def ask(requests: list[tuple[str, str, dict[str, str], Any]]) -> dict[str, Any]:
    """Send the requests to a web process of its own, on the test's database."""
    made = connection.settings_dict
    query = {"host": made["HOST"], "port": made["PORT"]}
    login = quote(made["USER"], safe="")
    if made["PASSWORD"]:
        login += ":" + quote(made["PASSWORD"], safe="")
    parameters = urlencode({name: value for name, value in query.items() if value})
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "platform")]),
            "DATABASE_URL": f"postgres://{login}@/{made['NAME']}?{parameters}",
            "REDIS_URL": configured.SERVERS.redis_url,
            "ATTUNE_DEMO": "0",
        },
        input=json.dumps(requests),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def plain_paths() -> list[str]:
    """Every address without a parameter, but for those that sign somebody out."""
    found: list[str] = []

    def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> None:
        for pattern in patterns:
            path = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, path)
            elif not any(sign in path for sign in "<(\\?[") and "logout" not in path:
                found.append("/" + path.replace("^", "").replace("$", ""))

    walk(get_resolver().url_patterns, "")
    return sorted(set(found))


@pytest.fixture
def study(alice: Any, bob: Any) -> Course:
    """Bob's group with Alice in it, and a course of two lessons and an exercise."""
    course = Course.objects.create(slug="numbers", title="Numbers")
    counting, adding = (Concept.objects.create(slug=s, title=s) for s in ("counting", "adding"))
    set_prerequisites(concept=adding, prerequisites=[counting])
    for place, (slug, kind, concept) in enumerate(
        [("one", "lesson", counting), ("two", "lesson", adding), ("three", "exercise", adding)]
    ):
        item = Item.objects.create(
            course=course, slug=slug, title=slug, kind=kind, position=place, body="*Two* and $2^2$"
        )
        item.concepts.add(concept)
    options = [{"text": "four", "correct": True}, {"text": "five"}]
    Question.objects.create(item=item, answer_type="choice", key={"options": options})
    group = create_group(teacher=bob, name="Class 7b")
    add_learner(group=group, learner=alice)
    add_course(group=group, course=course)
    return course


@pytest.mark.django_db(transaction=True)
def test_web_process_never_loads_torch(
    study: Course, alice: Any, bob: Any, olga: Any, api: Callable[..., Any]
) -> None:
    def session(person: Any) -> dict[str, str]:
        # A client of its own, since signing in again would end the session before.
        browser = Client()
        browser.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        return {"HTTP_COOKIE": f"sessionid={browser.cookies['sessionid'].value}"}

    def token(person: Any) -> dict[str, str]:
        return {"HTTP_AUTHORIZATION": f"Token {AuthToken.objects.create(person)[1]}"}

    slate = api(alice).get("/api/v1/recommendations/").json()["slate"]
    event = {
        "id": str(uuid.uuid4()),
        "verb": "completed",
        "item": "one",
        "occurred_at": datetime.now(UTC).isoformat(),
    }
    acts: list[tuple[str, str, dict[str, str], Any]] = [
        ("POST", "/api/v1/events/", token(alice), event),
        (
            "POST",
            "/api/v1/items/three/attempts/",
            token(alice),
            {"id": str(uuid.uuid4()), "response": 0},
        ),
        (
            "POST",
            f"/api/v1/recommendations/{slate}/feedback/",
            token(alice),
            {"item": "one", "signal": "too_easy"},
        ),
        ("POST", "/api/v1/training-runs/", token(olga), {}),
        ("GET", "/items/three/", session(alice), None),
        ("GET", "/courses/numbers/", session(alice), None),
        ("GET", f"/groups/{bob.taught_groups.get().pk}/", session(bob), None),
    ]
    for headers in ({}, session(alice), session(bob), session(olga)):
        acts += [("GET", path, headers, None) for path in plain_paths()]

    found = ask(acts)

    statuses = [status for status, _content in found["answers"]]
    assert statuses[:4] == [201, 201, 202, 201], found["answers"][:4]
    assert statuses[4:7] == [200, 200, 200], found["answers"][4:7]
    failed = [
        (path, answer)
        for (_method, path, _headers, _body), answer in zip(acts, found["answers"], strict=True)
        if answer[0] >= 500 and path != "/readyz"
    ]
    assert not failed
    assert statuses.count(200) > 40, "too little of the site was read to say anything"
    loaded = [name for name in found["modules"] if name.startswith(FORBIDDEN)]
    assert not loaded
