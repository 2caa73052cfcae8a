"""`me/reviews/`: what is due to be gone over again."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from recommender.selectors.recommendations import is_studied
from recommender.selectors.reviews import DueReview, list_due_reviews
from recommender.serializers.recommendations import DueReviewsSerializer, RecommendationQuery


class DueReviewsView(APIView):
    """What she should go over again now."""

    @extend_schema(
        operation_id="me_reviews_retrieve",
        parameters=[RecommendationQuery],
        responses=DueReviewsSerializer,
        tags=["me"],
    )
    def get(self, request: Request) -> Response:
        """Return the exercises that she got right once and of which less than 90% is left, the least remembered first.

        An exercise disappears from here with the answer to it. A course that she isn't enrolled in, or that doesn't exist
        (they aren't told apart), is refused with 400, naming `course`.
        """
        query = RecommendationQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        course = query.validated_data.get("course")
        learner = int(request.user.pk or 0)
        if course is not None and not is_studied(learner_id=learner, course_slug=course):
            raise ValidationError({"course": [_("There is no such course.")]})
        due = list_due_reviews(learner_id=learner, now=timezone.now(), course_slug=course)
        shown = [_describe(each) for each in due[: query.validated_data["limit"]]]
        return Response(DueReviewsSerializer({"due": len(due), "items": shown}).data)


def _describe(review: DueReview) -> dict[str, Any]:
    return {
        "item": {
            "slug": review.slug,
            "title": review.title,
            "kind": review.kind,
            "course": review.course,
        },
        "retrievability": review.retrievability,
        "due_at": review.due_at,
    }
