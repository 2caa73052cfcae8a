"""The pages send events with the session's cookie and a CSRF token in a header."""

import json
import uuid
from typing import Any

import pytest
from django.middleware.csrf import get_token
from django.test import Client, RequestFactory
from django.utils import timezone

from content.models import Course, Item
from learners.models import Event
from learners.services.enrolment import enrol_learners

pytestmark = pytest.mark.django_db


@pytest.fixture
def event(alice: Any) -> dict[str, Any]:
    course = Course.objects.create(slug="course", title="Course")
    Item.objects.create(course=course, slug="item", title="Item", kind="lesson")
    enrol_learners(learner_ids=[alice.pk], courses=[course])
    return {
        "id": str(uuid.uuid4()),
        "verb": "viewed",
        "item": "item",
        "occurred_at": timezone.now().isoformat(),
    }


def test_a_page_sends_events_with_its_session(alice: Any, event: dict[str, Any]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    token = get_token(RequestFactory().get("/"))
    client.cookies["csrftoken"] = token
    answer = client.post(
        "/api/v1/events/",
        json.dumps([event]),
        content_type="application/json",
        headers={"X-CSRFToken": token},
    )
    assert answer.status_code == 201, answer.content
    assert Event.objects.filter(actor=alice, uid=event["id"]).exists()


def test_without_the_token_nothing_is_stored(alice: Any, event: dict[str, Any]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    answer = client.post("/api/v1/events/", json.dumps([event]), content_type="application/json")
    assert answer.status_code == 403
    assert not Event.objects.exists()
