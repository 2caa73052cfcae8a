"""`me/attention/`: what counts more and less for a learner, in her own hands; her teachers may look."""

from typing import Any, cast
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from learners.api.groups import get_led_group
from learners.api.permissions import LeadsGroups
from recommender.selectors.attention_map import find_map
from recommender.selectors.attention_view import describe_attention, require_features
from recommender.serializers.attention import (
    AttentionChangeSerializer,
    AttentionMapSerializer,
    AttentionSerializer,
)
from recommender.services.attention import reset_attention, update_attention


class AttentionView(APIView):
    """What counts more and less for whoever asks, and why."""

    @extend_schema(operation_id="me_attention_retrieve", responses=AttentionSerializer, tags=["me"])
    def get(self, request: Request) -> Response:
        """Topics, formats, behaviours and items whose weight differs from 1, and which feedback, or what that she did, moved them."""
        return _answer(_person(request))

    @extend_schema(
        operation_id="me_attention_partial_update",
        request=AttentionChangeSerializer,
        responses=AttentionSerializer,
        tags=["me"],
    )
    def patch(self, request: Request) -> Response:
        """Set weights or limits of features within a quarter and four, or pause all of it; a newer slate follows."""
        data = AttentionChangeSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        learner = _person(request)
        named = {field: data.validated_data.get(field, {}) for field in ("weights", "limits")}
        stored = require_features(learner_id=learner, names=named)
        paused = data.validated_data.get("paused")
        if paused is not None or stored:
            update_attention(
                learner_id=learner,
                limits={stored[name]: ends for name, ends in data.ends.items()},
                paused=paused,
            )
        return _answer(learner)

    @extend_schema(operation_id="me_attention_destroy", responses={204: None}, tags=["me"])
    def delete(self, request: Request) -> Response:
        """Reset: all her feedback is taken back, what she did so far moves nothing, her settings are gone, what she hid is shown."""
        reset_attention(learner_id=_person(request))
        return Response(status=204)


class SlateAttentionView(APIView):
    """Where the model's attention lay when one of her slates was made."""

    @extend_schema(
        operation_id="recommendations_attention_retrieve",
        parameters=[OpenApiParameter("slate", OpenApiTypes.UUID, OpenApiParameter.PATH)],
        responses=AttentionMapSerializer,
        tags=["recommendations"],
    )
    def get(self, request: Request, slate: UUID) -> Response:
        """Past events with their share of each head's attention, and the items that each spoke for.

        404 for a slate that isn't hers, that the model did not make, or that is from before this was kept.
        """
        found = find_map(learner_id=_person(request), slate_id=slate)
        if found is None:
            raise NotFound
        return Response(AttentionMapSerializer(found).data)


class LearnerAttentionView(APIView):
    """What counts more and less for a learner of a group, for its teachers to look at."""

    permission_classes = (LeadsGroups,)

    @extend_schema(
        operation_id="groups_learners_attention_retrieve",
        parameters=[
            OpenApiParameter(name, OpenApiTypes.INT64, OpenApiParameter.PATH)
            for name in ("group", "learner")
        ],
        responses=AttentionSerializer,
        tags=["groups"],
    )
    def get(self, request: Request, group: int, learner: int) -> Response:
        """As the learner sees it, as far as it is about the group's own courses. Only she can change it."""
        led = get_led_group(request, group)
        person = get_object_or_404(led.learners, pk=learner)
        return _answer(person.pk, courses=list(led.courses.values_list("pk", flat=True)))


def _person(request: Request) -> int:
    return cast(int, request.user.pk)


def _answer(learner: int, *, courses: list[Any] | None = None) -> Response:
    found = describe_attention(learner_id=learner, now=timezone.now(), course_ids=courses)
    return Response(AttentionSerializer(found).data)
