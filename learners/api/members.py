"""The learners of a group, and the rules that its teachers give them."""

from typing import Any

from common.api.pagination import CursorPages
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from learners.api.groups import get_led_group
from learners.api.permissions import LeadsGroups, person_of
from learners.models import Assignment, Group, Membership
from learners.selectors import list_mastery, read_activity, summarise_progress
from learners.serializers.groups import (
    AssignmentSerializer,
    LearnerOfGroupSerializer,
    MemberSerializer,
    NewAssignmentSerializer,
    NewMemberSerializer,
)
from learners.services.assignments import give_assignment, withdraw_assignment
from learners.services.groups import add_learner, remove_learner


def _number(name: str) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.INT64, OpenApiParameter.PATH)


class _OfGroup(viewsets.GenericViewSet[Any]):
    permission_classes = (LeadsGroups,)

    def get_group(self) -> Group:
        return get_led_group(self.request, self.kwargs["group"])


class MemberPages(CursorPages):
    ordering = "pk"


@extend_schema_view(list=extend_schema(parameters=[_number("group")]))
class MemberViews(mixins.ListModelMixin, _OfGroup):
    """Learners of a group; `id` is the learner's."""

    serializer_class = MemberSerializer
    pagination_class = MemberPages
    queryset = Membership.objects.none()

    def get_queryset(self) -> QuerySet[Membership]:
        return Membership.objects.filter(group=self.get_group()).select_related("learner")

    @extend_schema(
        parameters=[_number("group")],
        request=NewMemberSerializer,
        responses={201: MemberSerializer},
    )
    def create(self, request: Request, group: str) -> Response:
        """Add a person by user name or email address; she is enrolled in the group's courses. Safe to repeat."""
        led = self.get_group()
        serializer = NewMemberSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        learner = serializer.validated_data["learner"]
        add_learner(group=led, learner=learner)
        member = Membership.objects.select_related("learner").get(group=led, learner=learner)
        return Response(MemberSerializer(member).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        parameters=[_number("group"), _number("learner")], responses=LearnerOfGroupSerializer
    )
    def retrieve(self, request: Request, group: str, learner: str) -> Response:
        """One learner's work in the group's courses: done, right and wrong by concept, lately, and her rules."""
        led = self.get_group()
        member = get_object_or_404(self.get_queryset(), learner=learner)
        person = member.learner
        courses = list(led.courses.values_list("pk", flat=True))
        rules = Assignment.objects.in_force().reaching(person.pk).filter(group=led)
        data = {
            "id": person.pk,
            "username": person.username,
            "name": person.get_full_name(),
            "joined_at": member.joined_at,
            **summarise_progress(learner_id=person.pk, course_ids=courses),
            "mastery": list_mastery(learner_id=person.pk, course_ids=courses, now=timezone.now()),
            "activity": read_activity(learner_id=person.pk, course_ids=courses),
            "assignments": _with_parts(rules),
        }
        return Response(LearnerOfGroupSerializer(data).data)

    @extend_schema(parameters=[_number("group"), _number("learner")], responses={204: None})
    def destroy(self, request: Request, group: str, learner: str) -> Response:
        """Take a learner out of the group, its courses and its rules; what she did stays hers."""
        member = get_object_or_404(self.get_queryset(), learner=learner)
        remove_learner(group=self.get_group(), learner=member.learner)
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema_view(list=extend_schema(parameters=[_number("group")]))
class AssignmentViews(mixins.ListModelMixin, _OfGroup):
    """Rules in force: assigned work, items kept on top (pin), items never shown (ban)."""

    serializer_class = AssignmentSerializer
    queryset = Assignment.objects.none()

    def get_queryset(self) -> QuerySet[Assignment]:
        return _with_parts(Assignment.objects.in_force().filter(group=self.get_group()))

    @extend_schema(
        parameters=[_number("group")],
        request=NewAssignmentSerializer,
        responses={201: AssignmentSerializer},
    )
    def create(self, request: Request, group: str) -> Response:
        """Give a rule on items, or on all items of the group's courses that teach a concept."""
        led = self.get_group()
        serializer = NewAssignmentSerializer(data=request.data, context={"group": led})
        serializer.is_valid(raise_exception=True)
        assignment = give_assignment(
            group=led, teacher=person_of(request), **serializer.validated_data
        )
        return Response(AssignmentSerializer(assignment).data, status=status.HTTP_201_CREATED)

    @extend_schema(parameters=[_number("group"), _number("assignment")], responses={204: None})
    def destroy(self, request: Request, group: str, assignment: str) -> Response:
        """Withdraw a rule."""
        withdraw_assignment(assignment=get_object_or_404(self.get_queryset(), pk=assignment))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _with_parts(rules: QuerySet[Assignment]) -> QuerySet[Assignment]:
    return rules.select_related("concept", "teacher").prefetch_related("items", "learners")
