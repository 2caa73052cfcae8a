"""Groups: made and led by teachers, joined by learners."""

from typing import Any

from common.api.pagination import CursorPages
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from content.models import Course
from learners.api.permissions import LeadsGroups, person_of
from learners.api.throttles import PersonThrottle, SharedAddressThrottle
from learners.models import Group
from learners.selectors import list_offered_courses, overview_group, overview_mastery
from learners.serializers.groups import (
    CourseOfGroupSerializer,
    GroupMasterySerializer,
    GroupSerializer,
    JoinCodeSerializer,
    JoinedSerializer,
    JoinSerializer,
    OverviewSerializer,
)
from learners.services import groups as services

GROUP_ID = OpenApiParameter("id", OpenApiTypes.INT64, OpenApiParameter.PATH)
_COURSE = OpenApiParameter("course", str, OpenApiParameter.PATH, pattern=r"^[-a-zA-Z0-9_]+$")


def get_led_group(request: Request, pk: Any) -> Group:
    """Return the group if whoever asks may lead it. Raises NotFound: another's group does not exist for her."""
    group: Group | None = Group.objects.led_by(request.user).filter(pk=pk).first()
    if group is None:
        raise NotFound(_("There is no such group among yours."))
    return group


@extend_schema_view(
    retrieve=extend_schema(parameters=[GROUP_ID]),
    partial_update=extend_schema(parameters=[GROUP_ID]),
    destroy=extend_schema(parameters=[GROUP_ID]),
)
class GroupViews(viewsets.ModelViewSet[Group]):
    """A teacher sees the groups that she teaches, an operator all of them."""

    http_method_names = ["get", "post", "patch", "delete", "head", "options"]
    permission_classes = (LeadsGroups,)
    serializer_class = GroupSerializer
    pagination_class = CursorPages
    lookup_value_regex = "[0-9]+"

    def get_queryset(self) -> QuerySet[Group]:
        groups = Group.objects.led_by(self.request.user)
        return groups.prefetch_related("courses", "teachers", "memberships")

    def get_object(self) -> Group:
        return get_led_group(self.request, self.kwargs["pk"])

    def perform_create(self, serializer: BaseSerializer[Group]) -> None:
        serializer.instance = services.create_group(
            teacher=person_of(self.request), name=serializer.validated_data["name"]
        )

    def perform_update(self, serializer: BaseSerializer[Group]) -> None:
        if name := serializer.validated_data.get("name"):
            serializer.instance = services.rename_group(group=self.get_object(), name=name)

    def perform_destroy(self, instance: Group) -> None:
        services.delete_group(group=instance)

    @extend_schema(parameters=[GROUP_ID], request=None, responses={200: JoinCodeSerializer})
    @action(detail=True, methods=["post"], url_path="join-code")
    def join_code(self, request: Request, pk: str) -> Response:
        """Give the group a new code to join by; the old one stops working."""
        return Response({"join_code": services.renew_join_code(group=self.get_object())})

    @extend_schema(parameters=[GROUP_ID], responses={204: None})
    @join_code.mapping.delete
    def revoke_join_code(self, request: Request, pk: str) -> Response:
        """Let nobody join by code any more; members stay."""
        services.revoke_join_code(group=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        parameters=[GROUP_ID], request=CourseOfGroupSerializer, responses={201: GroupSerializer}
    )
    @action(detail=True, methods=["post"])
    def courses(self, request: Request, pk: str) -> Response:
        """Let the group study a published course: all members, and whoever joins later."""
        group = self.get_object()
        serializer = CourseOfGroupSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        course = list_offered_courses().filter(slug=serializer.validated_data["course"]).first()
        if course is None:
            raise ValidationError({"course": [_("There is no such course.")]})
        services.add_course(group=group, course=course)
        return Response(GroupSerializer(group).data, status=status.HTTP_201_CREATED)

    @extend_schema(parameters=[GROUP_ID, _COURSE], responses={204: None})
    @action(detail=True, methods=["delete"], url_path="courses/(?P<course>[-a-zA-Z0-9_]+)")
    def course(self, request: Request, pk: str, course: str) -> Response:
        """Withdraw a course: who studies it through this group only, studies it no more."""
        group = self.get_object()
        try:
            found = group.courses.get(slug=course)
        except Course.DoesNotExist:
            raise NotFound(_("The group does not study this course.")) from None
        services.remove_course(group=group, course=found)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(parameters=[GROUP_ID], responses=OverviewSerializer)
    @action(detail=True)
    def overview(self, request: Request, pk: str) -> Response:
        """Who needs help, first those who need it most: concepts failed at, then overdue work, then days of silence."""
        group = self.get_object()
        overview = {"id": group.pk, "name": group.name, **overview_group(group)}
        return Response(OverviewSerializer(overview).data)

    @extend_schema(parameters=[GROUP_ID], responses=GroupMasterySerializer)
    @action(detail=True)
    def mastery(self, request: Request, pk: str) -> Response:
        """Which concepts of the group's courses have been mastered, by how many, and who has not: most of those first."""
        group = self.get_object()
        told = {"id": group.pk, "name": group.name, "concepts": overview_mastery(group)}
        return Response(GroupMasterySerializer(told).data)


class JoinView(APIView):
    """Join a group by the code that its teacher gave out. Tries are limited by person and by network address."""

    permission_classes = (IsAuthenticated,)
    throttle_classes = (PersonThrottle, SharedAddressThrottle)
    throttle_scope = "join"
    throttle_address_scope = "join_address"

    @extend_schema(request=JoinSerializer, responses={201: JoinedSerializer})
    def post(self, request: Request) -> Response:
        serializer = JoinSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        group = services.join_group(
            learner=person_of(request), code=serializer.validated_data["code"]
        )
        return Response(JoinedSerializer(group).data, status=status.HTTP_201_CREATED)
