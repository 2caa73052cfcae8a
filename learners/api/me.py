"""A person's own account: what she has done, everything stored of her, and leaving for good."""

from django.contrib.auth import logout
from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from knox.models import AuthToken
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from learners.api.permissions import person_of
from learners.selectors import (
    list_learner_courses,
    list_mastery,
    read_activity,
    summarise_progress,
)
from learners.selectors.export import write_export
from learners.serializers.people import ConfirmSerializer, MeSerializer, ProgressSerializer
from learners.services.accounts import erase_person, update_account


class MeView(APIView):
    """The account of whoever asks."""

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        return Response(MeSerializer(person_of(request)).data)

    @extend_schema(request=MeSerializer, responses=MeSerializer)
    def patch(self, request: Request) -> Response:
        serializer = MeSerializer(person_of(request), data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        person = update_account(person=person_of(request), **serializer.validated_data)
        return Response(MeSerializer(person).data)

    @extend_schema(request=ConfirmSerializer, responses={204: None})
    def delete(self, request: Request) -> Response:
        """Erase everything stored of her: events, slates, profile, account, tokens and sessions. It cannot be undone.

        A program with a token just asks. With a session, `confirm` must be her own user name, so that no stray click
        in a browser that she left open ends years of work.
        """
        serializer = ConfirmSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        confirm = serializer.validated_data.get("confirm")
        needed = not isinstance(request.auth, AuthToken)
        if (needed or confirm is not None) and confirm != person_of(request).get_username():
            raise ValidationError({"confirm": [_("Type your user name to confirm.")]})
        erase_person(person=person_of(request))
        logout(request._request)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ProgressView(APIView):
    """How far she has come: items done by course, right answers by concept, what she has mastered and fails at, what she did lately."""

    @extend_schema(responses=ProgressSerializer)
    def get(self, request: Request) -> Response:
        learner = person_of(request).pk
        courses = list_learner_courses([learner])[learner]
        progress = summarise_progress(learner_id=learner, course_ids=courses)
        activity = read_activity(learner_id=learner, course_ids=courses)
        mastery = list_mastery(learner_id=learner, course_ids=courses, now=timezone.now())
        told = {**progress, "mastery": mastery, "activity": activity}
        return Response(ProgressSerializer(told).data)


class ExportView(APIView):
    """Everything stored of her, by app and section, as one JSON document to keep."""

    @extend_schema(
        responses={
            200: OpenApiResponse(OpenApiTypes.OBJECT, "By app, then section: lists of rows.")
        }
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        return StreamingHttpResponse(
            write_export(person=person_of(request)),
            content_type="application/json",
            headers={"Content-Disposition": 'attachment; filename="attune.json"'},
        )
