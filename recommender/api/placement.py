"""`placement/`: what to ask a newcomer next, to know where she stands."""

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from recommender.core.placement import MOST
from recommender.selectors.placement import read_placement
from recommender.serializers.placement import PlacementQuery, PlacementSerializer


class PlacementView(APIView):
    """Where she stands in a course, and which exercise would tell most about it."""

    @extend_schema(
        operation_id="placement_retrieve",
        parameters=[PlacementQuery],
        responses=PlacementSerializer,
        tags=["recommendations"],
    )
    def get(self, request: Request) -> Response:
        """Return the exercise whose answer is expected to tell most of her level, until that is known well enough.

        Answer it like any other (`items/{slug}/attempts/`) and ask again; there is nothing to begin or to end. A course that
        she isn't enrolled in, or that doesn't exist (they aren't told apart), is refused with 400, naming `course`.
        """
        query = PlacementQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        course = query.validated_data["course"]
        found = read_placement(
            learner_id=int(request.user.pk or 0), course_slug=course, now=timezone.now()
        )
        if found is None:
            raise ValidationError({"course": [_("There is no such course.")]})
        item = found.item
        body = {
            "course": course,
            "finished": found.finished,
            "answered": found.known.answers,
            "at_most": MOST,
            "ability": found.known.mean,
            "standard_error": found.known.error,
            "item": item
            and {"slug": item.slug, "title": item.title, "kind": item.kind, "course": course},
        }
        return Response(PlacementSerializer(body).data)
