"""`recommendations/`: what to study next and why, and what the learner says of it."""

import uuid
from typing import Any, cast

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from recommender.selectors.recommendations import RecommendedItem
from recommender.serializers.recommendations import (
    AcceptedFeedbackSerializer,
    FeedbackSerializer,
    RecommendationQuery,
    RecommendationsSerializer,
)
from recommender.services.feedback import record_feedback, withdraw_feedback
from recommender.services.recommendations import get_recommendations


class RecommendationsView(APIView):
    """What to study next."""

    @extend_schema(
        operation_id="recommendations_retrieve",
        parameters=[RecommendationQuery],
        responses=RecommendationsSerializer,
        tags=["recommendations"],
    )
    def get(self, request: Request) -> Response:
        """Return the learner's newest slate as she may see it now; one of the syllabus if she has none yet.

        Every reason has at least one sentence; `evidence` names the events (with their items), or the concept,
        that it rests on. A course that she isn't enrolled in, or that doesn't exist (they aren't told apart), is
        refused with 400, naming `course`.
        """
        # A plain dict: in a form an empty value would count as absent.
        query = RecommendationQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        found = get_recommendations(
            learner_id=_person(request),
            course_slug=query.validated_data.get("course"),
            limit=query.validated_data["limit"],
        )
        # Built by hand: a serializer would cost more than everything else of this request.
        return Response(
            {
                "slate": found.slate,
                "model_version": found.model_version,
                "computed_at": found.computed_at,
                "stale": found.stale,
                "items": [_describe(item) for item in found.items],
            }
        )


class FeedbackView(APIView):
    """What the learner says of an item of a slate."""

    @extend_schema(
        operation_id="recommendations_feedback_create",
        parameters=[OpenApiParameter("slate", uuid.UUID, OpenApiParameter.PATH)],
        request=FeedbackSerializer,
        responses={202: AcceptedFeedbackSerializer},
        tags=["recommendations"],
    )
    def post(self, request: Request, slate: uuid.UUID) -> Response:
        """Store feedback; a newer slate follows.

        `known` hides the item for good and `not_now` for 24 hours, `too_hard` and `too_easy` move the success that her
        exercises should promise. Sent again with the same id, it changes nothing.
        """
        data = FeedbackSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        feedback = record_feedback(
            learner_id=_person(request),
            slate_id=slate,
            uid=data.validated_data.get("id"),
            item_slug=data.validated_data["item"],
            signal=data.validated_data["signal"],
            comment=data.validated_data["comment"],
        )
        return Response({"id": feedback.uid}, status=202)


class GivenFeedbackView(APIView):
    """One thing that the learner said of an item of a slate."""

    @extend_schema(
        operation_id="recommendations_feedback_destroy",
        parameters=[
            OpenApiParameter("slate", uuid.UUID, OpenApiParameter.PATH),
            OpenApiParameter("id", uuid.UUID, OpenApiParameter.PATH),
        ],
        responses={204: None},
        tags=["recommendations"],
    )
    def delete(self, request: Request, slate: uuid.UUID, id: uuid.UUID) -> Response:
        """Take it back: it counts as never said, what it hid is shown again, and a newer slate follows.

        Safe to repeat; the same id is not accepted as new feedback later.
        """
        withdraw_feedback(learner_id=_person(request), slate_id=slate, uid=id)
        return Response(status=204)


def _person(request: Request) -> int:
    """Who asks; the permission has seen to it that it is somebody."""
    return cast(int, request.user.pk)


def _describe(item: RecommendedItem) -> dict[str, Any]:
    return {
        "rank": item.rank,
        "item": {
            "slug": item.slug,
            "title": item.title,
            "kind": item.kind,
            "course": item.course,
        },
        "score": item.score,
        "predicted_success": item.predicted_success,
        "retrievability": item.retrievability,
        "reasons": item.reasons,
    }
