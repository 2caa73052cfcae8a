"""What learners do: events as clients send them, and attempts graded here."""

from typing import Any

from common.api.parsers import RawJSONParser, read_body
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound, UnsupportedMediaType, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from content.grading import InvalidResponse
from content.models import Item
from learners.api.event_schema import EVENTS
from learners.api.permissions import person_of
from learners.selectors import get_studied_item
from learners.serializers.attempts import AttemptInput, AttemptResult, RecordedSerializer
from learners.serializers.events import read_events
from learners.services.events import record_attempt, record_events


class EventsView(APIView):
    """Record what the learner did: one event, or a list of up to 1,000 in at most 2 MB.

    Safe to repeat: an event is known by its `id` and is stored once. One wrong event refuses the whole request,
    naming index and field, and nothing of it is stored. Any learner may record `completed` on an item she is enrolled
    for; `success` on an exercise or quiz is kept as her claim, but only `attempts/` are believed. Fields that are not
    documented are refused. `shown` says that an item of a slate was on her screen: `context` is
    `{"slate": id, "position": 1 for the top}`.
    """

    parser_classes = [RawJSONParser]

    @extend_schema(request={"application/json": EVENTS}, responses={201: RecordedSerializer})
    def post(self, request: Request) -> Response:
        kind = (request.content_type or "").split(";")[0].strip().lower()
        if kind != "application/json":
            raise UnsupportedMediaType(request.content_type or "")
        # Django REST framework takes a chunked body, which declares no length, for an empty one.
        body = request.data if isinstance(request.data, bytes) else read_body(request._request)
        events = read_events(body, actor_id=person_of(request).pk)
        recorded = record_events(actor=person_of(request), events=events)
        told = {"accepted": recorded.accepted, "duplicates": recorded.duplicates}
        return Response(told, status=status.HTTP_201_CREATED)


class AttemptsView(APIView):
    """Answer an exercise or quiz: the server grades, tells the outcome, and records the `answered` event.

    Safe to repeat: the same `id` gives the first outcome again, whatever `response` says now. `response` is the index
    of an option (choice), a list of them (choices), a number or a text; for a quiz a list of these.
    """

    @extend_schema(
        parameters=[
            OpenApiParameter("slug", str, OpenApiParameter.PATH, pattern=r"^[-a-zA-Z0-9_]+$")
        ],
        request=AttemptInput,
        responses={201: AttemptResult},
    )
    def post(self, request: Request, slug: str) -> Response:
        serializer = AttemptInput(data=request.data)
        serializer.is_valid(raise_exception=True)
        given: dict[str, Any] = serializer.validated_data
        try:
            item = get_studied_item(learner_id=person_of(request).pk, slug=slug)
        except Item.DoesNotExist:
            raise NotFound(_("There is no such item among those you study.")) from None
        try:
            grade = record_attempt(
                actor=person_of(request),
                item=item,
                uid=given["id"],
                response=given["response"],
                hints=given["hints"],
            )
        except InvalidResponse as error:
            raise ValidationError({error.field: [error.message]}) from error
        return Response(AttemptResult(grade).data, status=status.HTTP_201_CREATED)
