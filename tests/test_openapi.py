"""The API keeps its word: every operation against its OpenAPI description, as each kind of person, on real data.

An operation is tried (boundaries, mistakes and random requests) as somebody who may use it, on rows that exist; every
tenth request is sent as each of the others as well.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, settings
from knox.models import AuthToken
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import positive_data_acceptance

from content.models import Concept, Course, Item, Question, Section
from learners.models import Group, User
from learners.services.assignments import give_assignment
from learners.services.groups import add_course, add_learner, create_group
from recommender.models import ModelVersion
from recommender.services.feedback import record_feedback
from recommender.services.recommendations import get_recommendations
from recommender.services.training import request_training

ROLES = {"alice": "learner", "bob": "teacher", "ada": "author", "olga": "operator"}
ANONYMOUS = "anonymous"
# Who may use an operation; the first line that fits counts. Alice, the learner, may use all others.
ENTITLED = (
    (r"POST /api/v1/auth/login/", ANONYMOUS),
    (r"POST /api/v1/groups/join/", "alice"),
    (r".* /api/v1/groups/.*", "bob"),
    (r".* /api/v1/(training-runs|model-versions)/.*", "olga"),
    (r"(POST|PUT|PATCH) /api/v1/(courses|items|concepts)/({slug}/)?", "ada"),
)
# What a schema cannot say of a field: that the thing it names exists, or is free, or belongs there.
ABOUT_OTHERS = {
    *("item", "items", "course", "concept", "concepts", "prerequisites", "section", "parent"),
    *("translation_of", "slug", "sections", "learners", "username", "email", "code", "confirm"),
    *("occurred_at", "due", "key", "questions", "response", "cursor", "non_field_errors", "file"),
    *("weights", "limits"),
}


@dataclass(frozen=True)
class World:
    """What exists while the API is tried."""

    headers: dict[str, dict[str, str]]
    group: Group
    paths: list[tuple[str, str, Any]]
    """Pattern of the path, name of its parameter, the value that names a row."""
    turns: Iterator[int] = field(default_factory=count)


@pytest.fixture
def world(db: None) -> Iterator[World]:
    """Rows to ask for; each request on them is undone to a savepoint."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)  # it would close a connection within a transaction
    yield make_world()
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def make_world() -> World:
    people = {
        name: User.objects.create(
            username=name, email=f"{name}@example.org", role=role, is_staff=role == "operator"
        )
        for name, role in ROLES.items()
    }
    tokens = {name: AuthToken.objects.create(person)[1] for name, person in people.items()}
    headers = {name: {"Authorization": f"Token {token}"} for name, token in tokens.items()}
    course = make_course()
    group = create_group(teacher=people["bob"], name="Class 7b")
    add_learner(group=group, learner=people["alice"])
    add_course(group=group, course=course)
    item = course.items.get(kind="exercise")
    rule = give_assignment(group=group, teacher=people["bob"], rule="pin", items=[item])
    slate = get_recommendations(learner_id=people["alice"].pk).slate
    said = record_feedback(
        learner_id=people["alice"].pk, slate_id=slate, item_slug=item.slug, signal="helpful"
    ).uid
    run = request_training(by=people["olga"])
    version = ModelVersion.objects.create(
        artefact="nowhere", sha256="0" * 64, manifest={}, metrics={}, data_until=run.created_at
    )
    return World(
        headers={ANONYMOUS: {}, **headers},
        group=group,
        paths=[
            ("/courses/", "slug", course.slug),
            ("/concepts/", "slug", "adding"),
            ("/items/", "slug", item.slug),
            ("/items/", "number", 1),
            ("/groups/", "id", group.pk),
            ("/groups/", "group", group.pk),
            ("/groups/", "learner", people["alice"].pk),
            ("/groups/", "assignment", rule.pk),
            ("/groups/", "course", course.slug),
            ("/recommendations/", "slate", slate),
            ("/recommendations/", "id", said),
            ("/training-runs/", "id", run.pk),
            ("/model-versions/", "id", version.pk),
        ],
    )


def make_course() -> Course:
    adding = Concept.objects.create(slug="adding", title="Adding")
    course = Course.objects.create(slug="numbers", title="Numbers")
    section = Section.objects.create(course=course, slug="small", title="Small numbers")
    for place, (slug, kind) in enumerate(
        [("one", "lesson"), ("two", "exercise"), ("three", "reading")]
    ):
        item = Item.objects.create(
            course=course, section=section, slug=slug, title=slug, kind=kind, position=place
        )
        item.concepts.add(adding)
    Question.objects.create(
        item=course.items.get(kind="exercise"),
        answer_type="choice",
        key={"options": [{"text": "four", "correct": True}, {"text": "five"}]},
        hints=["Use your fingers."],
    )
    return course


def describe() -> Any:
    from config.wsgi import application
    from drf_spectacular.generators import SchemaGenerator

    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    lift_large_limits(document)
    schema = schemathesis.openapi.from_dict(document)
    schema.app = application
    return schema


def lift_large_limits(schema: Any) -> None:
    """Texts of 100,000 signs and lists of 1,000 events take gigabytes to generate; tests of their own send them."""
    if isinstance(schema, dict):
        for limit, most in (("maxLength", 5_000), ("maxItems", 500)):
            if isinstance(schema.get(limit), int) and schema[limit] > most:
                del schema[limit]
    for part in schema.values() if isinstance(schema, dict) else schema:
        if isinstance(part, dict | list):
            lift_large_limits(part)


def find_entitled(label: str) -> str:
    return next((who for pattern, who in ENTITLED if re.fullmatch(pattern, label)), "alice")


def send(case: Any, world: World, actor: str) -> None:
    """Make one request, judge the answer by every check, and undo it: who deletes her account is back for the next."""
    headers = world.headers[actor]
    with transaction.atomic():
        try:
            response = case.call(headers=headers)
            beyond = response.status_code == 400 and _is_about_others(response)
            excluded = [positive_data_acceptance] if beyond else []
            case.validate_response(response, headers=headers, excluded_checks=excluded)
        finally:
            transaction.set_rollback(True)


def _is_about_others(response: Any) -> bool:
    fields = response.json()["error"].get("fields", {})
    return bool(fields) and all(set(path.split(".")) & ABOUT_OTHERS for path in fields)


def name_real_rows(case: Any, world: World) -> None:
    """Let the path name what exists, unless the case is about a mistake in it."""
    component = case.meta.components.get(ParameterLocation.PATH)
    if component is None or not component.mode.is_positive:
        return
    for part, name, value in world.paths:
        if part in case.operation.path and name in case.path_parameters:
            case.path_parameters[name] = str(value)


described = describe()


def test_schema_has_no_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", validate=True, fail_on_warn=True)
    assert "openapi: 3" in capsys.readouterr().out


@pytest.mark.django_db
def test_anybody_may_read_the_schema(client: Any) -> None:
    response = client.get("/api/v1/schema/?format=json")
    assert response.status_code == 200
    assert response.json()["paths"].keys() >= {"/api/v1/events/", "/api/v1/recommendations/"}


@described.parametrize()
@pytest.mark.django_db
@settings(
    max_examples=8,
    derandomize=True,  # the same requests in every run
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
def test_operation_keeps_its_word(case: Any, world: World) -> None:
    name_real_rows(case, world)
    entitled = find_entitled(case.operation.label)
    send(case, world, entitled)
    if next(world.turns) % 10 == 0:
        for actor in sorted(set(world.headers) - {entitled}):
            send(case, world, actor)
